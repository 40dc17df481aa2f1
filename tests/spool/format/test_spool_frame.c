/* SPDX-License-Identifier: MIT
 * test_spool_frame.c - frames come back as they went in, and no changed byte passes. */
#include "spool/format/frame.h"

#include "spool/format/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { SEED = 4711 };

static size_t encode(const struct spool_event *event, uint8_t *out)
{
    size_t size = spool_frame_size(event);
    assert_int_equal(spool_frame_put(out, event) - out, size);
    spool_frame_stamp(out, event->id, 7, SEED);
    return size;
}

static void assert_same(const struct spool_event *a, const struct spool_event *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->partition, b->partition);
    assert_int_equal(a->client_time, b->client_time);
    assert_int_equal(a->header_count, b->header_count);
    assert_true(bytes_equal(a->topic, b->topic));
    assert_true(bytes_equal(a->key, b->key));
    assert_true(bytes_equal(a->value, b->value));
    assert_int_equal(a->headers.size, b->headers.size);
    assert_true(a->headers.size == 0 ||
                memcmp(a->headers.data, b->headers.data, a->headers.size) == 0);
}

/* Every combination of null, empty and some bytes, with and without headers, partition and client's
 * time. */
static void test_every_combination_of_fields_round_trips(void **state)
{
    (void)state;
    struct bytes contents[] = {BYTES_NULL, bytes_of("", 0), bytes_of_string("some bytes")};
    struct spool_header headers[] = {{bytes_of_string("h"), bytes_of_string("v")},
                                     {bytes_of_string(""), BYTES_NULL}};
    uint8_t encoded_headers[64], frame[512];
    size_t headers_size =
        (size_t)(spool_headers_put(encoded_headers, headers, 2) - encoded_headers);
    assert_int_equal(headers_size, spool_headers_size(headers, 2));
    for (int i = 0; i < 3 * 3 * 2 * 2 * 2; i++) {
        struct spool_event event = {
            .id = spool_id_of(123456789, (uint32_t)i),
            .time_ms = i % 2 ? 0 : SPOOL_EVENT_TIME_MS_MAX,
            .topic = bytes_of_string("t"),
            .key = contents[i % 3],
            .value = contents[i / 3 % 3],
            .partition = i / 9 % 2 ? INT32_MAX : SPOOL_PARTITION_ANY,
            .client_time = i / 18 % 2,
        };
        if (i / 36 % 2) {
            event.headers = bytes_of(encoded_headers, headers_size);
            event.header_count = 2;
        }
        size_t size = encode(&event, frame);
        struct spool_frame decoded;
        assert_true(spool_frame_get(frame, size, SEED, &decoded));
        assert_int_equal(decoded.size, size);
        assert_int_equal(decoded.batch_first, 7);
        assert_same(&decoded.event, &event);
    }
}

static void test_headers_come_back_one_by_one(void **state)
{
    (void)state;
    struct spool_header in[] = {{bytes_of_string("a"), bytes_of_string("1")},
                                {bytes_of_string("b"), BYTES_NULL},
                                {bytes_of_string("c"), bytes_of("", 0)}},
                        out;
    uint8_t encoded[64];
    struct bytes rest = bytes_of(encoded, (size_t)(spool_headers_put(encoded, in, 3) - encoded));
    for (int i = 0; i < 3; i++) {
        assert_true(spool_headers_next(&rest, &out));
        assert_true(bytes_equal(out.name, in[i].name) && bytes_equal(out.value, in[i].value));
    }
    assert_false(spool_headers_next(&rest, &out));
    rest = bytes_of("\x05short", 6);
    assert_true(!spool_headers_next(&rest, &out) || rest.size == 0);
}

static void test_no_changed_bit_and_no_cut_passes(void **state)
{
    (void)state;
    struct spool_event event = {.id = spool_id_of(5, 6),
                                .time_ms = 1,
                                .topic = bytes_of_string("topic"),
                                .key = bytes_of_string("key"),
                                .value = bytes_of_string("value of the event"),
                                .partition = 3};
    uint8_t frame[256];
    size_t size = encode(&event, frame);
    struct spool_frame decoded;
    for (size_t bit = 0; bit < size * 8; bit++) {
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(spool_frame_get(frame, size, SEED, &decoded));
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_false(spool_frame_get(frame, cut, SEED, &decoded));
    assert_false(spool_frame_get(frame, size, SEED + 1, &decoded));
    assert_true(spool_frame_get(frame, size, SEED, &decoded));
}

static void test_what_no_frame_can_hold_has_no_size(void **state)
{
    (void)state;
    char long_topic[SPOOL_TOPIC_SIZE_MAX + 2];
    memset(long_topic, 'x', sizeof long_topic);
    struct spool_event event = {.topic = bytes_of(long_topic, SPOOL_TOPIC_SIZE_MAX + 1),
                                .partition = -1};
    assert_int_equal(spool_frame_size(&event), 0);
    event.topic.size = 0;
    assert_int_equal(spool_frame_size(&event), 0);
    event.topic.size = SPOOL_TOPIC_SIZE_MAX;
    assert_int_not_equal(spool_frame_size(&event), 0);
    event.time_ms = -1;
    assert_int_equal(spool_frame_size(&event), 0);
    event.time_ms = SPOOL_EVENT_TIME_MS_MAX + 1;
    assert_int_equal(spool_frame_size(&event), 0);
    event.time_ms = 0;
    event.value = bytes_of("", (size_t)SPOOL_FRAME_SIZE_MAX + 1);
    assert_int_equal(spool_frame_size(&event), 0);
}

static void test_header_link_and_seal_round_trip(void **state)
{
    (void)state;
    struct buf body = {0};
    uint8_t raw[512];
    struct spool_frame frame;
    struct spool_segment_header header = {.version = 1,
                                          .spool_uuid = {1, 2, 3},
                                          .nonce = 99,
                                          .seed = 0xfeedface12345678},
                                header_out;
    assert_true(spool_header_put(&body, &header));
    size_t size =
        (size_t)(spool_frame_put_other(raw, SPOOL_FRAME_HEADER, 5, buf_bytes(&body)) - raw);
    spool_frame_stamp(raw, spool_id_of(77, 0), 0, header.seed);
    assert_true(spool_header_find(raw, size, &header_out)); /* by the seed it names itself */
    assert_int_equal(header_out.segment_id, 77);
    assert_int_equal(header_out.nonce, 99);
    raw[40] ^= 1;
    assert_false(spool_header_find(raw, size, &header_out));

    struct spool_link links[] = {{1, 0}, {2, SPOOL_COUNT_UNKNOWN}, {3, 1000}}, links_out[2];
    buf_clear(&body);
    assert_true(spool_links_put(&body, links, 3));
    size = (size_t)(spool_frame_put_other(raw, SPOOL_FRAME_LINK, 5, buf_bytes(&body)) - raw);
    spool_frame_stamp(raw, 0, 0, SEED);
    assert_true(spool_frame_get(raw, size, SEED, &frame));
    assert_int_equal(spool_links_get(&frame, links_out, 2), 3);
    assert_int_equal(links_out[0].event_count, 0);
    assert_int_equal(links_out[1].event_count, SPOOL_COUNT_UNKNOWN);

    struct spool_seal_topic topics[] = {{bytes_of_string("a"), 10, 1000},
                                        {bytes_of_string("bb"), 20, 2000}},
                            topic_out;
    struct spool_seal seal;
    buf_clear(&body);
    assert_true(spool_seal_put(&body, 30, topics, 2));
    size = (size_t)(spool_frame_put_other(raw, SPOOL_FRAME_SEAL, 5, buf_bytes(&body)) - raw);
    spool_frame_stamp(raw, 0, 0, SEED);
    assert_true(spool_frame_get(raw, size, SEED, &frame) && spool_seal_get(&frame, &seal));
    assert_int_equal(seal.event_count, 30);
    for (int i = 0; i < 2; i++) {
        assert_true(spool_seal_next(&seal, &topic_out));
        assert_true(bytes_equal(topic_out.topic, topics[i].topic));
        assert_int_equal(topic_out.event_count, topics[i].event_count);
    }
    assert_false(spool_seal_next(&seal, &topic_out));
    buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_combination_of_fields_round_trips),
        cmocka_unit_test(test_headers_come_back_one_by_one),
        cmocka_unit_test(test_no_changed_bit_and_no_cut_passes),
        cmocka_unit_test(test_what_no_frame_can_hold_has_no_size),
        cmocka_unit_test(test_header_link_and_seal_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
