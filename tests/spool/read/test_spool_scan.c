/* SPDX-License-Identifier: MIT
 * test_spool_scan.c - frames in a stream: however it is cut, whatever stands between, and whatever
 * a client made up. */
#include "base/clock.h"
#include "base/codec.h"
#include "spool/read/frame_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define SEED    77
#define SEGMENT 4242

struct found {
    uint32_t count;
    uint32_t damaged;
    uint64_t last_id;
    enum err answer;
};

static enum err on_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw,
                         bool damaged)
{
    struct found *found = arg;
    struct spool_frame again;
    assert_true(spool_frame_get(raw, frame->size, SEED, &again));
    found->count++;
    found->damaged += damaged;
    found->last_id = frame->id;
    return found->answer;
}

static void append_frame(struct buf *stream, uint32_t index, size_t value_size, uint64_t segment,
                         uint64_t seed)
{
    uint8_t *value = calloc(1, value_size + 1);
    struct spool_event event = {
        .topic = bytes_of_string("t"), .value = bytes_of(value, value_size), .partition = -1};
    size_t size = spool_frame_size(&event);
    assert_true(value != NULL && buf_reserve(stream, size));
    spool_frame_put(stream->data + stream->size, &event);
    spool_frame_stamp(stream->data + stream->size, spool_id_of(segment, index), 0, seed);
    stream->size += size;
    free(value);
}

static struct found scan_whole(const struct buf *stream, size_t piece)
{
    struct spool_frame_scan scan;
    struct found found = {0};
    spool_frame_scan_init(&scan, SEGMENT, SEED, on_frame, &found);
    for (size_t at = 0; at < stream->size; at += piece) {
        size_t left = stream->size - at;
        assert_int_equal(
            spool_frame_scan_feed(&scan, bytes_of(stream->data + at, left < piece ? left : piece),
                                  false),
            ERR_OK);
    }
    assert_int_equal(spool_frame_scan_break(&scan), ERR_OK);
    spool_frame_scan_done(&scan);
    return found;
}

static void test_frames_are_found_however_the_stream_is_cut(void **state)
{
    (void)state;
    struct buf stream = {0};
    for (uint32_t i = 0; i < 50; i++) {
        append_frame(&stream, i, i * 13 % 200, SEGMENT, SEED);
        buf_append(&stream, "\xe7PS\x9a\xe7\xe7PS", i % 9); /* beginnings of magics */
    }
    for (size_t piece = 1; piece < 300; piece++) {
        struct found found = scan_whole(&stream, piece);
        assert_int_equal(found.count, 50);
        assert_int_equal(spool_id_index(found.last_id), 49);
    }
    buf_free(&stream);
}

static void test_frames_of_other_segments_and_spools_are_passed_over(void **state)
{
    (void)state;
    struct buf stream = {0};
    append_frame(&stream, 1, 100, SEGMENT + 1, SEED);
    append_frame(&stream, 2, 100, SEGMENT, SEED + 1);
    append_frame(&stream, 3, 100, SEGMENT, SEED);
    assert_int_equal(scan_whole(&stream, 64).count, 1);
    buf_free(&stream);
}

static void test_behind_a_frame_that_claims_too_much_the_others_are_found_and_called_damaged(
    void **state)
{
    (void)state;
    struct buf stream = {0};
    for (uint32_t i = 0; i < 20; i++)
        append_frame(&stream, i, 300, SEGMENT, SEED);
    codec_put_u32(stream.data + 4, SPOOL_FRAME_SIZE_MAX);
    struct found found = scan_whole(&stream, 1000);
    assert_true(found.count == 19 && found.damaged == 19);
    codec_put_u32(stream.data + 4, SPOOL_FRAME_SIZE_MAX + 1); /* no frame is so long */
    found = scan_whole(&stream, 1000);
    assert_true(found.count == 19 && found.damaged == 0);
    buf_free(&stream);
}

static void test_an_error_of_the_callee_is_handed_on(void **state)
{
    (void)state;
    struct buf stream = {0};
    append_frame(&stream, 0, 10, SEGMENT, SEED);
    struct spool_frame_scan scan;
    struct found found = {.answer = ERR_NOMEM};
    spool_frame_scan_init(&scan, SEGMENT, SEED, on_frame, &found);
    assert_int_equal(spool_frame_scan_feed(&scan, buf_bytes(&stream), false), ERR_NOMEM);
    spool_frame_scan_reset(&scan);
    found.answer = ERR_OK;
    assert_int_equal(spool_frame_scan_feed(&scan, buf_bytes(&stream), false), ERR_OK);
    assert_int_equal(found.count, 2);
    spool_frame_scan_done(&scan);
    buf_free(&stream);
}

/* Heads of long frames every 40 bytes, as a client that knows the segment's id can send them; a
 * small event and a large one behind. */
static void test_heads_made_up_by_a_client_cost_little_time_and_hide_nothing(void **state)
{
    (void)state;
    enum { SIZE = 48 << 20 };
    struct buf stream = {0};
    assert_true(buf_reserve(&stream, SIZE + (20 << 20)));
    memset(stream.data, 0, SIZE);
    for (size_t at = 0; at + 40 <= SIZE; at += 40) {
        memcpy(stream.data + at, SPOOL_FRAME_MAGIC, SPOOL_FRAME_MAGIC_SIZE);
        codec_put_u32(stream.data + at + 4, SIZE - (uint32_t)(at % 20000000));
        codec_put_u64(stream.data + at + 8, spool_id_of(SEGMENT, 5));
    }
    stream.size = SIZE;
    append_frame(&stream, 1, 300, SEGMENT, SEED);
    append_frame(&stream, 2, 10 << 20, SEGMENT, SEED);
    int64_t started_ms = clock_monotonic_ms();
    struct found found = scan_whole(&stream, 32761);
    int64_t took_ms = clock_monotonic_ms() - started_ms;
    assert_true(found.count >= 1 && spool_id_index(found.last_id) >= 1);
    if (took_ms > 60000) /* unbounded it takes days */
        fail_msg("%zu bytes took %ld ms", stream.size, (long)took_ms);
    printf("%zu hostile bytes took %ld ms, %u frames\n", stream.size, (long)took_ms, found.count);
    buf_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_found_however_the_stream_is_cut),
        cmocka_unit_test(test_frames_of_other_segments_and_spools_are_passed_over),
        cmocka_unit_test(
            test_behind_a_frame_that_claims_too_much_the_others_are_found_and_called_damaged),
        cmocka_unit_test(test_an_error_of_the_callee_is_handed_on),
        cmocka_unit_test(test_heads_made_up_by_a_client_cost_little_time_and_hide_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
