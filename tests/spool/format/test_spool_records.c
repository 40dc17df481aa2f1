/* SPDX-License-Identifier: MIT
 * test_spool_records.c - bodies of header, link and seal: what is cut short or says too much is
 * refused. */
#include "spool/format/records.h"

#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* A frame as a decoder gets it, around a copy of its own: a read beyond the body is one beyond the
 * memory. */
static struct spool_frame frame_of(enum spool_frame_kind kind, const void *body, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, body, size);
    return (struct spool_frame){
        .kind = kind, .id = spool_id_of(7, 0), .body = bytes_of(copy, size)};
}

static void free_frame(struct spool_frame *frame)
{
    free((void *)(uintptr_t)frame->body.data);
}

static struct buf varints(const uint64_t *values, size_t count)
{
    struct buf body = {0};
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[10];
        assert_true(buf_append(&body, bytes, (size_t)(codec_put_varint(bytes, values[i]) - bytes)));
    }
    return body;
}

static void test_a_header_cut_anywhere_is_refused_and_a_longer_one_is_read(void **state)
{
    (void)state;
    struct spool_segment_header header = {.version = 0x0102,
                                          .spool_uuid = {9, 8, 7},
                                          .nonce = UINT64_MAX - 1,
                                          .seed = 5},
                                out;
    struct buf body = {0};
    assert_true(spool_header_put(&body, &header));
    for (size_t size = 0; size < body.size; size++) {
        struct spool_frame frame = frame_of(SPOOL_FRAME_HEADER, body.data, size);
        assert_false(spool_header_get(&frame, &out));
        free_frame(&frame);
    }
    assert_true(buf_append_string(&body, "what a later version adds"));
    struct spool_frame frame = frame_of(SPOOL_FRAME_HEADER, body.data, body.size);
    assert_true(spool_header_get(&frame, &out));
    assert_int_equal(out.version, header.version);
    assert_memory_equal(out.spool_uuid, header.spool_uuid, 16);
    assert_true(out.nonce == header.nonce && out.seed == 5 && out.segment_id == 7);
    frame.kind = SPOOL_FRAME_LINK;
    assert_false(spool_header_get(&frame, &out));
    free_frame(&frame);
    buf_free(&body);
}

static void test_a_header_is_found_only_whole(void **state)
{
    (void)state;
    struct spool_segment_header header = {.version = 1, .nonce = 3, .seed = 0x1122334455667788},
                                out;
    struct buf body = {0};
    uint8_t raw[128];
    assert_true(spool_header_put(&body, &header));
    size_t size =
        (size_t)(spool_frame_put_other(raw, SPOOL_FRAME_HEADER, 0, buf_bytes(&body)) - raw);
    spool_frame_stamp(raw, spool_id_of(7, 0), 0, header.seed);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(spool_header_find(raw, cut, &out));
    for (size_t bit = 0; bit < size * 8; bit++) { /* its own seed among them */
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(spool_header_find(raw, size, &out));
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(spool_header_find(raw, size, &out));
    buf_free(&body);
    /* Another kind of frame, stamped with a seed that stands where a header's would. */
    uint8_t other[42] = {0};
    codec_put_u64(other + 26, 4711);
    size = (size_t)(spool_frame_put_other(raw, SPOOL_FRAME_SEAL, 0, bytes_of(other, 34)) - raw);
    spool_frame_stamp(raw, spool_id_of(7, 0), 0, 4711);
    assert_false(spool_header_find(raw, size, &out));
}

static void test_links_cut_anywhere_are_refused(void **state)
{
    (void)state;
    struct spool_link links[3] = {{300, 5},
                                  {SPOOL_SEGMENT_ID_MAX, SPOOL_COUNT_UNKNOWN},
                                  {301, SPOOL_INDEX_MAX}},
                      out[3];
    struct buf body = {0};
    assert_true(spool_links_put(&body, links, 3));
    for (size_t size = 0; size < body.size; size++) {
        struct spool_frame frame = frame_of(SPOOL_FRAME_LINK, body.data, size);
        assert_int_equal(spool_links_get(&frame, out, 3), -1);
        free_frame(&frame);
    }
    struct spool_frame frame = frame_of(SPOOL_FRAME_LINK, body.data, body.size);
    assert_int_equal(spool_links_get(&frame, out, 3), 3);
    for (int i = 0; i < 3; i++)
        assert_true(out[i].segment_id == links[i].segment_id &&
                    out[i].event_count == links[i].event_count);
    assert_int_equal(spool_links_get(&frame, NULL, 0), 3); /* only how many */
    frame.kind = SPOOL_FRAME_SEAL;
    assert_int_equal(spool_links_get(&frame, out, 3), -1);
    free_frame(&frame);
    buf_free(&body);
}

static void test_links_that_say_too_much_are_refused(void **state)
{
    (void)state;
    static const uint64_t bodies[][3] = {
        {1, SPOOL_SEGMENT_ID_MAX + 1, 1},      /* no such segment id */
        {1, 1, (uint64_t)SPOOL_INDEX_MAX + 2}, /* more events than a segment holds */
        {UINT64_MAX, 1, 1},                    /* more links than there are bytes */
        {2, 1, 1},
    };
    for (size_t i = 0; i < 4; i++) {
        struct spool_link out;
        struct buf body = varints(bodies[i], 3);
        struct spool_frame frame = frame_of(SPOOL_FRAME_LINK, body.data, body.size);
        assert_int_equal(spool_links_get(&frame, &out, 1), -1);
        free_frame(&frame);
        buf_free(&body);
    }
}

static void test_no_links_and_no_topics_are_fine(void **state)
{
    (void)state;
    struct buf body = {0};
    assert_true(spool_links_put(&body, NULL, 0));
    struct spool_frame frame = frame_of(SPOOL_FRAME_LINK, body.data, body.size);
    assert_int_equal(spool_links_get(&frame, NULL, 0), 0);
    free_frame(&frame);
    buf_clear(&body);
    struct spool_seal seal;
    struct spool_seal_topic topic;
    assert_true(spool_seal_put(&body, 0, NULL, 0));
    frame = frame_of(SPOOL_FRAME_SEAL, body.data, body.size);
    assert_true(spool_seal_get(&frame, &seal));
    assert_int_equal(seal.event_count, 0);
    assert_false(spool_seal_next(&seal, &topic));
    free_frame(&frame);
    buf_free(&body);
}

static size_t topics_in(const void *body, size_t size)
{
    struct spool_frame frame = frame_of(SPOOL_FRAME_SEAL, body, size);
    struct spool_seal seal;
    struct spool_seal_topic topic;
    size_t count = 0;
    if (spool_seal_get(&frame, &seal))
        while (spool_seal_next(&seal, &topic))
            count++;
    free_frame(&frame);
    return count;
}

static void test_a_seal_cut_anywhere_yields_no_topic_that_is_not_whole(void **state)
{
    (void)state;
    struct spool_seal_topic topics[] = {{bytes_of_string("first"), 1000, 1ull << 40},
                                        {bytes_of_string("second"), SPOOL_INDEX_MAX, 77}};
    struct buf one = {0}, body = {0};
    assert_true(spool_seal_put(&one, SPOOL_INDEX_MAX, topics, 1));
    assert_true(spool_seal_put(&body, SPOOL_INDEX_MAX, topics, 2));
    /* the bytes of the topics stand behind both */
    size_t first_end = one.size - 6, second_end = body.size - 6 - 1;
    for (size_t size = 0; size < body.size; size++)
        assert_int_equal(topics_in(body.data, size), size >= second_end  ? 2
                                                     : size >= first_end ? 1
                                                                         : 0);
    buf_free(&one);
    buf_free(&body);
}

static void test_the_bytes_of_a_seal_come_back_and_may_be_missing(void **state)
{
    (void)state;
    struct spool_seal_topic topics[] = {{bytes_of_string("first"), 1000, 1ull << 40},
                                        {bytes_of_string("second"), 5, 77}},
                            topic;
    struct buf body = {0};
    assert_true(spool_seal_put(&body, 1005, topics, 2));
    /* none of it: as early versions wrote it */
    for (size_t left_out = 0; left_out <= 7; left_out += 7) {
        struct spool_frame frame = frame_of(SPOOL_FRAME_SEAL, body.data, body.size - left_out);
        struct spool_seal seal;
        assert_true(spool_seal_get(&frame, &seal));
        for (size_t i = 0; i < 2; i++) {
            assert_true(spool_seal_next(&seal, &topic));
            assert_int_equal(topic.event_count, topics[i].event_count);
            assert_int_equal(topic.bytes, left_out > 0 ? 0 : topics[i].bytes);
        }
        assert_false(spool_seal_next(&seal, &topic));
        free_frame(&frame);
    }
    buf_free(&body);
}

static void test_a_seal_that_says_too_much_is_refused(void **state)
{
    (void)state;
    struct spool_seal seal;
    static const uint64_t heads[][2] = {
        {(uint64_t)SPOOL_INDEX_MAX + 2, 0}, {UINT64_MAX, 0}, {1, UINT64_MAX}, {1, 1000}};
    for (size_t i = 0; i < 4; i++) {
        struct buf body = varints(heads[i], 2);
        struct spool_frame frame = frame_of(SPOOL_FRAME_SEAL, body.data, body.size);
        assert_false(spool_seal_get(&frame, &seal));
        free_frame(&frame);
        buf_free(&body);
    }
    char name[SPOOL_TOPIC_SIZE_MAX + 1];
    memset(name, 'n', sizeof name);
    struct spool_seal_topic odd[] = {{bytes_of(name, sizeof name), 1, 0},
                                     {bytes_of(name, 0), 1, 0},
                                     {bytes_of(name, 1), UINT32_MAX, 0}};
    for (size_t i = 0; i < 3; i++) {
        struct buf body = {0};
        assert_true(spool_seal_put(&body, 1, &odd[i], 1));
        assert_int_equal(topics_in(body.data, body.size), 0);
        buf_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_cut_anywhere_is_refused_and_a_longer_one_is_read),
        cmocka_unit_test(test_a_header_is_found_only_whole),
        cmocka_unit_test(test_links_cut_anywhere_are_refused),
        cmocka_unit_test(test_links_that_say_too_much_are_refused),
        cmocka_unit_test(test_no_links_and_no_topics_are_fine),
        cmocka_unit_test(test_a_seal_cut_anywhere_yields_no_topic_that_is_not_whole),
        cmocka_unit_test(test_the_bytes_of_a_seal_come_back_and_may_be_missing),
        cmocka_unit_test(test_a_seal_that_says_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
