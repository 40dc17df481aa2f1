/* SPDX-License-Identifier: MIT
 * test_ingest_http.c - what clients get for proper requests, over real sockets into a real
 * spool. */
#include "tests/ingest/ingest_fixture.h"

#include <sys/stat.h>

#define JSON_V2   "application/vnd.kafka.json.v2+json"
#define BINARY_V2 "application/vnd.kafka.binary.v2+json"
#define NDJSON    "application/x-ndjson"
#define NO_OFFSET "{\"partition\":null,\"offset\":null,\"error_code\":null,\"error\":null}"

static void test_raw_body_is_stored_as_one_event_on_every_kind_of_socket(void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[3];
    fixture_start(f);
    for (size_t i = 0; i < 3; i++) {
        char body[32];
        int fd = client_connect(f, i);
        snprintf(body, sizeof body, "event %zu", i);
        struct reply reply = client_post(fd, "/topics/door", NULL, body);
        assert_int_equal(reply.status, 200);
        assert_string_equal(buf_string(&reply.body), "{\"accepted\":1}");
        assert_string_equal(reply_header(&reply, "Content-Type"), "application/json");
        reply_done(&reply);
        close(fd);
    }
    assert_int_equal(fixture_stored(f, stored, 3), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(stored[i].topic, "door");
        assert_string_equal(stored[i].key, "(null)");
        assert_int_equal(stored[i].value[6], '0' + (int)i);
        assert_int_equal(stored[i].partition, SPOOL_PARTITION_ANY);
        assert_false(stored[i].client_time);
        assert_true(llabs(clock_wall_ms() - stored[i].time_ms) < 60000);
    }
}

static void test_receipt_names_spool_and_ids_of_what_was_stored(void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[3];
    char id[64];
    fixture_start(f);
    int fd = client_connect(f, 0);
    struct reply reply = client_post(fd, "/topics/door", NDJSON, "a\nb\nc\n");
    assert_int_equal(reply.status, 200);
    assert_int_equal(fixture_stored(f, stored, 3), 3);
    snprintf(id, sizeof id, "%llu", (unsigned long long)stored[0].id);
    assert_string_equal(reply_header(&reply, "Penstock-First-Event-Id"), id);
    snprintf(id, sizeof id, "%llu", (unsigned long long)stored[2].id);
    assert_string_equal(reply_header(&reply, "Penstock-Last-Event-Id"), id);
    const uint8_t *uuid = spool_uuid(f->store.spool);
    snprintf(id, sizeof id, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7], uuid[8],
             uuid[9], uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
    assert_string_equal(reply_header(&reply, "Penstock-Spool-Id"), id);
    reply_done(&reply);
    close(fd);
}

static void test_parameters_become_key_time_and_partition(void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[3];
    fixture_start(f);
    assert_post(f, "/topics/do%6Fr/partitions/7?key=a%2Fb+c&timestamp=1700000000123", NULL, "v",
                200, "accepted");
    assert_post(f, "/topics/door?key=", "text/plain", "", 200, "{\"accepted\":1}");
    assert_post(f, "/topics/door?key=k&timestamp=5", NDJSON "; charset=utf-8", "x\r\n\r\ny", 200,
                "{\"accepted\":2}");
    assert_int_equal(fixture_stored(f, stored, 3), 4);
    assert_string_equal(stored[0].topic, "door");
    assert_string_equal(stored[0].key, "a/b c");
    assert_int_equal(stored[0].time_ms, 1700000000123);
    assert_true(stored[0].client_time);
    assert_int_equal(stored[0].partition, 7);
    assert_string_equal(stored[1].key, "");
    assert_string_equal(stored[1].value, "");
    assert_string_equal(stored[2].key, "k");
    assert_string_equal(stored[2].value, "x");
    assert_int_equal(stored[2].time_ms, 5);
}

static void test_v2_json_keeps_values_as_compact_text_and_answers_with_nulls(void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[4];
    fixture_start(f);
    assert_post(
        f, "/topics/door", JSON_V2,
        " { \"key_schema_id\" : null, \"records\" : [ {\"key\":\"k\",\"value\":{ \"n\" : 1.00E+02, "
        "\"z\":\"a\\u0000b\" }},"
        "{\"value\":null},{\"value\":[1, 2 "
        ",12345678901234567890.5],\"partition\":3,\"timestamp\":9,"
        "\"headers\":[{\"key\":\"h\",\"value\":\"aGk=\"},{\"key\":\"n\",\"value\":null}]},{}] } ",
        200,
        "{\"offsets\":[" NO_OFFSET "," NO_OFFSET
        ",{\"partition\":3,\"offset\":null,\"error_code\":null,\"error\":null}," NO_OFFSET
        "],\"key_schema_id\":null,\"value_schema_id\":null}");
    assert_int_equal(fixture_stored(f, stored, 4), 4);
    assert_string_equal(stored[0].key, "\"k\"");
    assert_string_equal(stored[0].value, "{\"n\":1.00E+02,\"z\":\"a\\u0000b\"}");
    assert_string_equal(stored[1].value, "(null)");
    assert_string_equal(stored[1].key, "(null)");
    assert_string_equal(stored[2].value, "[1,2,12345678901234567890.5]");
    assert_int_equal(stored[2].partition, 3);
    assert_int_equal(stored[2].time_ms, 9);
    assert_string_equal(stored[2].headers, "h=hi;n=(null);");
    assert_string_equal(stored[3].value, "(null)");
}

static void test_v2_binary_decodes_base64_and_answers_in_v2(void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[2];
    fixture_start(f);
    int fd = client_connect(f, 1);
    struct reply reply =
        client_post(fd, "/topics/door/partitions/1", "Application/Vnd.Kafka.BINARY.v2+json",
                    "{\"records\":[{\"key\":\"a2V5\",\"value\":\"dmFsdWU=\"},{\"value\":\"\"}]}");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply_header(&reply, "Content-Type"), "application/vnd.kafka.v2+json");
    assert_non_null(strstr(buf_string(&reply.body), "{\"partition\":1,\"offset\":null"));
    assert_int_equal(fixture_stored(f, stored, 2), 2);
    assert_string_equal(stored[0].key, "key");
    assert_string_equal(stored[0].value, "value");
    assert_string_equal(stored[1].value, "");
    assert_int_equal(stored[1].partition, 1);
    reply_done(&reply);
    close(fd);
}

static void test_connection_is_kept_for_many_requests_and_pipelined_ones_are_answered_in_order(
    void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[3];
    fixture_start(f);
    int fd = client_connect(f, 0);
    client_say(fd, "POST /topics/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
                   "POST /topics/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n2"
                   "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                   "POST /topics/c HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3");
    for (int i = 0; i < 4; i++) {
        struct reply reply = client_read(fd);
        assert_int_equal(reply.status, 200);
        assert_string_equal(buf_string(&reply.body), i == 2 ? "fine\n" : "{\"accepted\":1}");
        reply_done(&reply);
    }
    close(fd);
    assert_int_equal(fixture_stored(f, stored, 3), 3);
    assert_string_equal(stored[0].value, "1");
    assert_string_equal(stored[2].topic, "c");
}

static void test_chunked_body_is_put_together(void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[2];
    fixture_start(f);
    int fd = client_connect(f, 0);
    client_say(fd, "POST /topics/door HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                   "Content-Type: application/x-ndjson\r\n\r\n3\r\none\r\n");
    clock_sleep_ms(20);
    client_say(fd, "5\r\n\ntwo\n\r\n0\r\n\r\n");
    struct reply reply = client_read(fd);
    assert_int_equal(reply.status, 200);
    assert_int_equal(fixture_stored(f, stored, 2), 2);
    assert_string_equal(stored[0].value, "one");
    assert_string_equal(stored[1].value, "two");
    reply_done(&reply);
    close(fd);
}

static void test_expect_continue_is_answered_before_the_body(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    int fd = client_connect(f, 0);
    client_say(fd, "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: "
                   "100-continue\r\n\r\n");
    struct reply go_on = client_read(fd);
    assert_int_equal(go_on.status, 100);
    client_say(fd, "abc");
    struct reply reply = client_read(fd);
    assert_int_equal(reply.status, 200);
    assert_int_equal(fixture_count(f), 1);
    reply_done(&reply);
    close(fd);
}

static void test_pages_are_served_to_get_and_head(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    int fd = client_connect(f, 2);
    client_say(fd, "GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    struct reply get = client_read(fd);
    assert_int_equal(get.status, 200);
    assert_string_equal(buf_string(&get.body), "fine\n");
    assert_string_equal(reply_header(&get, "Content-Type"), "text/plain; charset=utf-8");
    client_say(fd, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    char bytes[1024] = "", *p = bytes;
    while (p < bytes + sizeof bytes - 1 && read_byte(fd, p))
        p++;
    assert_int_equal(strncmp(bytes, "HTTP/1.1 200", 12), 0);
    assert_string_equal(strstr(bytes, "\r\n\r\n"), "\r\n\r\n"); /* no body */
    reply_done(&get);
    close(fd);
}

static void test_large_ndjson_body_arrives_whole(void **state)
{
    struct ingest_fixture *f = *state;
    struct buf body = {0};
    fixture_start(f);
    for (int i = 0; i < 40000; i++)
        buf_printf(&body, "{\"n\":%d,\"filler\":\"%0200d\"}\n", i, i);
    int fd = client_connect(f, 0);
    struct reply reply = client_post_bytes(fd, "/topics/door", NDJSON, body.data, body.size);
    assert_int_equal(reply.status, 200);
    assert_string_equal(buf_string(&reply.body), "{\"accepted\":40000}");
    assert_int_equal(fixture_count(f), 40000);
    reply_done(&reply);
    buf_free(&body);
    close(fd);
}

static void test_unix_socket_gets_its_mode_and_goes_away_with_the_listener(void **state)
{
    struct ingest_fixture *f = *state;
    struct stat st;
    f->options.socket_mode = 0600;
    fixture_start(f);
    assert_int_equal(stat(f->unix_address + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    spool_stop_taking(f->store.spool);
    ingest_stop(f->ingest);
    f->ingest = NULL;
    assert_int_equal(stat(f->unix_address + 5, &st), -1);
}

static void test_stats_count_requests_by_status(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    assert_post(f, "/topics/door", NULL, "12345", 200, NULL);
    assert_post(f, "/nowhere", NULL, "12345", 404, NULL);
    struct ingest_stats stats = fixture_stats(f);
    assert_int_equal(stats.requests, 2);
    assert_int_equal(stats.requests_by_status[200], 1);
    assert_int_equal(stats.requests_by_status[404], 1);
    assert_true(stats.body_bytes >= 5);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).connections == 0);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).in_flight_bytes == 0);
    assert_int_equal(fixture_stats(f).waiting_for_sync, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_raw_body_is_stored_as_one_event_on_every_kind_of_socket),
        INGEST_TEST(test_receipt_names_spool_and_ids_of_what_was_stored),
        INGEST_TEST(test_parameters_become_key_time_and_partition),
        INGEST_TEST(test_v2_json_keeps_values_as_compact_text_and_answers_with_nulls),
        INGEST_TEST(test_v2_binary_decodes_base64_and_answers_in_v2),
        INGEST_TEST(
            test_connection_is_kept_for_many_requests_and_pipelined_ones_are_answered_in_order),
        INGEST_TEST(test_chunked_body_is_put_together),
        INGEST_TEST(test_expect_continue_is_answered_before_the_body),
        INGEST_TEST(test_pages_are_served_to_get_and_head),
        INGEST_TEST(test_large_ndjson_body_arrives_whole),
        INGEST_TEST(test_unix_socket_gets_its_mode_and_goes_away_with_the_listener),
        INGEST_TEST(test_stats_count_requests_by_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
