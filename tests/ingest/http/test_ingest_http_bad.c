/* SPDX-License-Identifier: MIT
 * test_ingest_http_bad.c - what clients get for requests that cannot be served: a clear answer, and
 * nothing is stored. */
#include "tests/ingest/ingest_fixture.h"

#define JSON_V2   "application/vnd.kafka.json.v2+json"
#define BINARY_V2 "application/vnd.kafka.binary.v2+json"
#define NDJSON    "application/x-ndjson"

static void test_each_fault_has_its_status_and_stores_nothing(void **state)
{
    struct ingest_fixture *f = *state;
    char door[] = "door", *allow[] = {door};
    static const struct {
        const char *target, *type, *body;
        int status;
        const char *part;
    } rows[] = {
        {"/nowhere", NULL, "x", 404, "error_code"},
        {"/topics/", NULL, "x", 422, "42208"},
        {"/topics/a%20b", NULL, "x", 422, "42208"},
        {"/topics/a%00b", NULL, "x", 422, "42208"},
        {"/topics/..", NULL, "x", 422, "42208"},
        {"/topics/other", NULL, "x", 404, "40401"},
        {"/topics/door/partitions/x", NULL, "x", 404, "error_code"},
        {"/topics/door/partitions/2147483648", NULL, "x", 404, "error_code"},
        {"/topics/door/partitions/1/2", NULL, "x", 404, "error_code"},
        {"/topics/door/other", NULL, "x", 404, "error_code"},
        {"/topics/door?timestamp=soon", NULL, "x", 422, "timestamp"},
        {"/topics/door?timestamp=-1", NULL, "x", 422, "timestamp"},
        {"/topics/door?keys=a", NULL, "x", 422, "keys"},
        {"/topics/door?key=%zz", NULL, "x", 400, "error_code"},
        {"/topics/door?key=a", JSON_V2, "{\"records\":[{\"value\":1}]}", 422, "key"},
        {"/topics/door", "application/vnd.kafka.avro.v2+json", "{}", 415, "error_code"},
        {"/topics/door", "application/vnd.kafka.protobuf.v2+json", "{}", 415, "error_code"},
        {"/topics/door", "application/vnd.kafka.json.v1+json", "{}", 415, "error_code"},
        {"/topics/door", NDJSON, "", 422, "error_code"},
        {"/topics/door", NDJSON, "\n\r\n\n", 422, "error_code"},
        {"/topics/door", JSON_V2, "", 422, "error_code"},
        {"/topics/door", JSON_V2, "{}", 422, "records"},
        {"/topics/door", JSON_V2, "[]", 422, "records"},
        {"/topics/door", JSON_V2, "{\"records\":[]}", 422, "error_code"},
        {"/topics/door", JSON_V2, "{\"records\":{}}", 422, "records"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"value\":1},{\"value\":2]}", 422, "42206"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"value\":1}]} x", 422, "42206"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"value\":1},3]}", 422, "record 1"},
        {"/topics/door", JSON_V2, "{\"records\":[{},{\"partition\":\"1\"}]}", 422, "record 1"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"partition\":-1}]}", 422, "partition"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"timestamp\":1.5}]}", 422, "timestamp"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"headers\":{}}]}", 422, "headers"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"headers\":[{\"value\":\"\"}]}]}", 422, "key"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"value\":1,\"value\":2}]}", 422, "value"},
        {"/topics/door", JSON_V2, "{\"records\":[{\"valeu\":1}]}", 422, "valeu"},
        {"/topics/door/partitions/1", JSON_V2, "{\"records\":[{\"partition\":2}]}", 422,
         "partition"},
        {"/topics/door", BINARY_V2, "{\"records\":[{\"value\":\"a\"}]}", 422, "base64"},
        {"/topics/door", BINARY_V2, "{\"records\":[{\"value\":\"YQ\"}]}", 422, "base64"},
        {"/topics/door", BINARY_V2, "{\"records\":[{\"value\":7}]}", 422, "base64"},
        {"/topics/door", BINARY_V2, "{\"records\":[{\"key\":{\"a\":1}}]}", 422, "base64"},
    };
    f->options.topics_allow = allow;
    f->options.topics_allow_count = 1;
    fixture_start(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        post_and_check(f, rows[i].target, rows[i].type, rows[i].body, rows[i].status, rows[i].part,
                       (int)i);
    assert_int_equal(fixture_count(f), 0);
}

static void test_refused_request_leaves_the_connection_usable(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    int fd = client_connect(f, 0);
    static const char *const targets[] = {"/nowhere", "/topics/a%20b", "/topics/door?timestamp=x",
                                          "/topics/door"};
    for (size_t i = 0; i < 4; i++) {
        struct reply reply = client_post(fd, targets[i], i == 3 ? JSON_V2 : NULL, "{\"bad");
        assert_true(reply.status >= 400);
        reply_done(&reply);
    }
    struct reply reply = client_post(fd, "/topics/door", NULL, "good");
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    close(fd);
    assert_int_equal(fixture_count(f), 1);
}

static struct reply exchange(struct ingest_fixture *f, const char *request)
{
    int fd = client_connect(f, 0);
    client_say(fd, request);
    struct reply reply = client_read(fd);
    close(fd);
    return reply;
}

static void test_wrong_method_is_refused_with_the_right_ones_named(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    struct reply reply = exchange(f, "GET /topics/door HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(reply.status, 405);
    assert_string_equal(reply_header(&reply, "Allow"), "POST");
    reply_done(&reply);
    reply = exchange(f, "DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(reply.status, 405);
    assert_string_equal(reply_header(&reply, "Allow"), "GET, HEAD");
    reply_done(&reply);
    reply = exchange(f, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(reply.status, 404);
    reply_done(&reply);
}

static void test_ambiguous_body_length_is_refused(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    struct reply reply = exchange(f, "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                     "1\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(reply.status, 400);
    reply_done(&reply);
    reply = exchange(
        f, "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n");
    assert_int_equal(reply.status, 400);
    reply_done(&reply);
    reply = exchange(
        f, "POST /topics/door HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nhello");
    assert_int_equal(reply.status, 400);
    reply_done(&reply);
    assert_int_equal(fixture_count(f), 0);
}

static void test_compressed_body_is_refused_rather_than_stored_as_it_is(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_start(f);
    struct reply reply = exchange(f, "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Encoding: "
                                     "gzip\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(reply.status, 415);
    reply_done(&reply);
    assert_int_equal(fixture_count(f), 0);
}

static void test_garbage_is_answered_or_hung_up_on_and_harms_nobody(void **state)
{
    struct ingest_fixture *f = *state;
    static const char *const garbage[] = {
        "\r\n\r\n\r\n",
        "GARBAGE\r\n\r\n",
        "POST\r\n\r\n",
        "POST /topics/door\r\n\r\n",
        "POST /topics/door HTTP/9.9\r\n\r\n",
        "POST /topics/door HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        "POST /topics/door HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /topics/door HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "POST /topics/door HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /topics/door HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "GET /\x01\xff HTTP/1.1\r\n: x\r\n\r\n",
        "POST /topics/%e2%82 HTTP/1.1\r\n\r\n",
    };
    fixture_start(f);
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        int fd = client_connect(f, 0);
        client_say(fd, garbage[i]);
        shutdown(fd, SHUT_WR);
        struct reply reply = client_read(fd);
        if (reply.status != 0 && reply.status < 400)
            fail_msg("garbage %zu: %d", i, reply.status);
        reply_done(&reply);
        close(fd);
    }
    assert_post(f, "/topics/door", NULL, "good", 200, "accepted");
    assert_int_equal(fixture_count(f), 1);
}

static void test_truncated_request_stores_nothing(void **state)
{
    struct ingest_fixture *f = *state;
    static const char request[] =
        "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
        "Content-Length: 6\r\n\r\na\nb\nc\n";
    fixture_start(f);
    for (size_t size = 0; size < sizeof request - 1; size++) {
        int fd = client_connect(f, 0);
        client_send(fd, request, size);
        close(fd);
    }
    SPOOL_FIXTURE_WAIT(fixture_stats(f).connections == 0);
    assert_int_equal(fixture_count(f), 0);
    assert_int_equal(fixture_stats(f).in_flight_bytes, 0);
}

static void test_event_beyond_the_spools_limit_is_refused_by_number(void **state)
{
    struct ingest_fixture *f = *state;
    f->store.options.event_bytes_max = 100;
    fixture_start(f);
    struct buf big = {0};
    buf_printf(&big, "%0101d", 1);
    assert_post(f, "/topics/door", NULL, buf_string(&big), 413, "error_code");
    buf_clear(&big);
    buf_printf(&big, "ok\n\n%0101d\n", 1);
    assert_post(f, "/topics/door", NDJSON, buf_string(&big), 413, "line 3");
    buf_clear(&big);
    buf_printf(&big, "{\"records\":[{\"value\":1},{\"value\":\"%0101d\"}]}", 1);
    assert_post(f, "/topics/door", JSON_V2, buf_string(&big), 413, "record 1");
    buf_free(&big);
    assert_int_equal(fixture_count(f), 0);
}

/* The client keeps on sending; the answer must come nevertheless, and arrive: many clients give up
 * at the first write that fails, so none may. */
static void check_too_large(struct ingest_fixture *f, const char *head, const char *chunk,
                            size_t chunk_size)
{
    struct reply reply;
    int fd = client_connect(f, 0);
    client_say(fd, head);
    bool sent = true;
    for (size_t bytes = 0; sent && bytes < (6u << 20); bytes += chunk_size)
        sent = client_send(fd, chunk, chunk_size);
    assert_true(sent);
    reply = client_read(fd);
    assert_int_equal(reply.status, 413);
    assert_non_null(strstr(buf_string(&reply.body), "error_code"));
    reply_done(&reply);
    close(fd);
}

static void test_body_beyond_the_limit_gets_413_that_arrives(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.body_bytes_max = 1 << 20;
    fixture_start(f);
    char *chunk = malloc((64 << 10) + 8);
    int head = sprintf(chunk, "10000\r\n");
    memset(chunk + head, 'x', 64 << 10);
    for (int i = 0; i < 10; i++)
        check_too_large(
            f, "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n",
            chunk + head, 64 << 10);
    memcpy(chunk + head + (64 << 10) - 2, "\r\n", 2); /* 0xfffe bytes and their end */
    memcpy(chunk, "0fffe\r\n", 7);
    for (int i = 0; i < 10; i++)
        check_too_large(
            f, "POST /topics/door HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunk,
            (size_t)head + (64 << 10));
    free(chunk);
    assert_int_equal(fixture_count(f), 0);
}

static void test_client_that_asks_first_is_refused_without_sending(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.body_bytes_max = 1 << 20;
    fixture_start(f);
    struct reply reply = exchange(f, "POST /topics/door HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                     "2000000\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(reply.status, 413);
    reply_done(&reply);
    reply = exchange(f, "POST /topics/a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\nExpect: "
                        "100-continue\r\n\r\n");
    assert_int_equal(reply.status, 422);
    reply_done(&reply);
}

static void test_bytes_in_flight_are_bounded(void **state)
{
    struct ingest_fixture *f = *state;
    f->options.in_flight_bytes_max = 1000;
    fixture_start(f);
    int first = client_connect(f, 0);
    client_post_head(first, "/topics/door", NULL, 900);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).in_flight_bytes >= 900);
    char body[201];
    memset(body, 'x', sizeof body);
    body[200] = '\0';
    assert_post(f, "/topics/door", NULL, body, 503, "50003");
    close(first);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).in_flight_bytes == 0);
    assert_post(f, "/topics/door", NULL, body, 200, "accepted");
}

/* Two bytes of body become some sixty of frame: the budget must see those. */
static void test_many_tiny_events_count_with_what_they_take_in_memory(void **state)
{
    struct ingest_fixture *f = *state;
    size_t lines = 100000;
    f->options.in_flight_bytes_max = 1 << 20;
    f->options.body_bytes_max = 1 << 20;
    fixture_start(f);
    char *body = malloc(lines * 2);
    for (size_t i = 0; i < lines; i++)
        memcpy(body + 2 * i, "a\n", 2);
    int fd = client_connect(f, 0);
    struct reply reply = client_post_bytes(fd, "/topics/door", NDJSON, body, lines * 2);
    assert_int_equal(reply.status, 413);
    reply_done(&reply);
    close(fd);
    free(body);
    assert_int_equal(fixture_count(f), 0);
    SPOOL_FIXTURE_WAIT(fixture_stats(f).in_flight_bytes == 0);
}

static void test_topics_beyond_the_maximum_are_refused_and_garbage_does_not_use_them_up(
    void **state)
{
    struct ingest_fixture *f = *state;
    f->store.options.topics_max = 2;
    fixture_start(f);
    assert_post(f, "/topics/garbage1", JSON_V2, "{\"records\":[{\"value\":", 422, "42206");
    assert_post(f, "/topics/garbage2", NDJSON, "\n", 422, NULL);
    assert_post(f, "/topics/a", NULL, "x", 200, NULL);
    assert_post(f, "/topics/b", NULL, "x", 200, NULL);
    assert_post(f, "/topics/c", NULL, "x", 422, "topic");
    assert_post(f, "/topics/a", NULL, "x", 200, NULL);
}

static void test_json_text_survives_or_is_refused_but_never_altered(void **state)
{
    struct ingest_fixture *f = *state;
    struct stored stored[3];
    fixture_start(f);
    assert_post(f, "/topics/door", JSON_V2, "{\"records\":[{\"value\":\"half \\ud83d pair\"}]}",
                200, NULL);
    assert_post(f, "/topics/door", JSON_V2, "{\"records\":[{\"value\":\"low \\ude00 half\"}]}", 200,
                NULL);
    assert_post(f, "/topics/door", JSON_V2,
                "{\"records\":[{\"key\":\"\\u00e9\\/\",\"value\":\"\\ud83d\\ude00\"}]}", 200, NULL);
    assert_post(f, "/topics/door", JSON_V2, "{\"records\":[{\"value\":\"\xc0\xaf\"}]}", 422, NULL);
    assert_post(f, "/topics/door", JSON_V2, "{\"records\":[{\"value\":\"\xed\xa0\x80\"}]}", 422,
                NULL);
    assert_int_equal(fixture_stored(f, stored, 3), 3);
    assert_string_equal(stored[0].value, "\"half \\uD83D pair\"");
    assert_string_equal(stored[1].value, "\"low \\uDE00 half\"");
    assert_string_equal(stored[2].key, "\"\xc3\xa9/\"");
    assert_string_equal(stored[2].value, "\"\xf0\x9f\x98\x80\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_each_fault_has_its_status_and_stores_nothing),
        INGEST_TEST(test_refused_request_leaves_the_connection_usable),
        INGEST_TEST(test_wrong_method_is_refused_with_the_right_ones_named),
        INGEST_TEST(test_ambiguous_body_length_is_refused),
        INGEST_TEST(test_compressed_body_is_refused_rather_than_stored_as_it_is),
        INGEST_TEST(test_garbage_is_answered_or_hung_up_on_and_harms_nobody),
        INGEST_TEST(test_truncated_request_stores_nothing),
        INGEST_TEST(test_event_beyond_the_spools_limit_is_refused_by_number),
        INGEST_TEST(test_body_beyond_the_limit_gets_413_that_arrives),
        INGEST_TEST(test_client_that_asks_first_is_refused_without_sending),
        INGEST_TEST(test_bytes_in_flight_are_bounded),
        INGEST_TEST(test_many_tiny_events_count_with_what_they_take_in_memory),
        INGEST_TEST(test_topics_beyond_the_maximum_are_refused_and_garbage_does_not_use_them_up),
        INGEST_TEST(test_json_text_survives_or_is_refused_but_never_altered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
