/* SPDX-License-Identifier: MIT
 * test_spool_order.c - frames that don't stand in the order of their ids are handed out in it all
 * the same. */
#include "spool/read/ordered.h"
#include "tests/support/spool_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { BLOCK = 32768, BATCH = 1000 };

/* ---- where a window ends --------------------------------------------------------------------- */

enum { FRAME_BYTES = 10 };

struct window {
    uint32_t below;
    bool sorts;
};

static struct window window_of(size_t sorted_frames, const uint32_t *indexes, size_t count)
{
    struct spool_ordered_end end = {.sorted_bytes = sorted_frames * FRAME_BYTES};
    struct window window;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(spool_ordered_end_feed(&end, indexes[i], FRAME_BYTES), ERR_OK);
    window.below = spool_ordered_end_find(&end, &window.sorts);
    assert_true(end.frame_count <= 2 * sorted_frames + 1);
    spool_ordered_end_done(&end);
    return window;
}

static uint32_t ascends_below(const uint32_t *indexes, size_t count)
{
    struct window window = window_of(0, indexes, count);
    assert_false(window.sorts);
    return window.below;
}

#define NUMBERS(...)                                                                               \
    (uint32_t[])                                                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define LIST(...)      NUMBERS(__VA_ARGS__), sizeof(NUMBERS(__VA_ARGS__)) / sizeof(uint32_t)
#define WINDOW_OF(...) ascends_below(LIST(__VA_ARGS__))

static void test_a_window_ends_below_what_stands_too_early(void **state)
{
    (void)state;
    assert_int_equal(WINDOW_OF(0, 1, 2, 3), 0);
    assert_int_equal(WINDOW_OF(0, 5, 900, 901), 0); /* gaps alone are no disorder */
    assert_int_equal(WINDOW_OF(0, 1, 1, 0, 2), 0);  /* nor is what stands there twice */
    assert_int_equal(WINDOW_OF(5, 6, 7, 0, 1, 2), 5);
    /* 15 comes late, and then 12: 10, 12 are the window */
    assert_int_equal(WINDOW_OF(10, 20, 30, 15, 40, 12), 20 - 5);
    assert_int_equal(WINDOW_OF(4, 3, 2, 1, 0), 1);
    assert_int_equal(WINDOW_OF(63, 64, 0, 200, 63, 127, 128), 63);
    assert_int_equal(WINDOW_OF(0, 1, 64, 2), 64);
    assert_int_equal(WINDOW_OF(0, 1, 2, SPOOL_INDEX_MAX, 3), SPOOL_INDEX_MAX);
}

static void check_window(struct window window, uint32_t below, bool sorts)
{
    assert_int_equal(window.below, below);
    assert_int_equal(window.sorts, sorts);
}

static void test_a_window_is_sorted_where_that_reaches_further(void **state)
{
    (void)state;
    check_window(window_of(3, LIST(0, 1, 2, 3, 4, 5)), 0, false); /* they ascend: nothing is kept */
    check_window(window_of(6, LIST(5, 4, 3, 2, 1, 0)), 0, true);
    check_window(window_of(5, LIST(5, 4, 3, 2, 1, 0)), 5, true);
    check_window(window_of(2, LIST(5, 4, 3, 2, 1, 0)), 2, true);
    check_window(window_of(2, LIST(0, 1, 2, 3, 9, 4)), 9, false);
    check_window(window_of(3, LIST(40, 30, 20, 10, 41, 12, 11)), 20, true); /* gaps are no matter */
    check_window(window_of(3, LIST(2, 2, 1, 1, 0, 0)), 0, true);
}

/* ---- through the spool ----------------------------------------------------------------------- */

static int set_up(void **state)
{
    static struct spool_fixture fixture;
    spool_fixture_init(&fixture);
    fixture.options.segment_bytes = 16 << 20;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    spool_fixture_done(*state);
    return 0;
}

static uint8_t *slurp(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *ret_size = (size_t)ftell(file);
    uint8_t *data = malloc(*ret_size);
    rewind(file);
    assert_int_equal(fread(data, 1, *ret_size, file), *ret_size);
    fclose(file);
    return data;
}

static void spit(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* One segment with `batches` batches; returns its id. The spool is closed then. */
static uint64_t fill(struct spool_fixture *f, uint32_t batches)
{
    uint64_t first_id = 0;
    spool_fixture_open(f);
    for (uint32_t i = 0; i < batches; i++) {
        struct spool_receipt receipt = spool_fixture_append(f, "t", "a value of some size ", BATCH);
        assert_int_equal(receipt.err, ERR_OK);
        first_id = i == 0 ? receipt.first_id : first_id;
    }
    spool_fixture_close(f);
    return spool_id_segment(first_id);
}

static void path_of(const struct spool_fixture *f, uint64_t segment_id, const char *name,
                    char out[400])
{
    snprintf(out, 400, "%s/segments/%" PRIu64 "/%s", f->dir, segment_id, name);
}

/* Later blocks in front of earlier ones; the last, which may be a short one, stays where it is. */
static void reverse_blocks(const struct spool_fixture *f, uint64_t segment_id, size_t *ret_blocks)
{
    char path[400];
    size_t size;
    path_of(f, segment_id, "000003.log", path);
    uint8_t *data = slurp(path, &size), *reversed = malloc(size);
    size_t blocks = size / BLOCK;
    memcpy(reversed, data, size);
    for (size_t i = 0; i < blocks; i++)
        memcpy(reversed + i * BLOCK, data + (blocks - 1 - i) * BLOCK, BLOCK);
    spit(path, reversed, size);
    free(data);
    free(reversed);
    *ret_blocks = blocks;
}

static void test_pieces_of_a_log_come_in_order(void **state)
{
    struct spool_fixture *f = *state;
    uint64_t id = fill(f, 30);
    char log[400], piece[400];
    size_t size;
    path_of(f, id, "000003.log", log);
    uint8_t *data = slurp(log, &size);
    size_t third = size / 3 / BLOCK * BLOCK;
    assert_true(third > 0);
    path_of(f, id, "a.first", piece);
    spit(piece, data + third, third);
    path_of(f, id, "b.second", piece);
    spit(piece, data, third);
    spit(log, data + 2 * third, size - 2 * third);
    free(data);
    spool_fixture_open(f);
    struct spool_seen seen = spool_fixture_read(f, 0); /* checks the order */
    /* What isn't called a log is read as bytes: there an event across a block's border is none. */
    assert_in_range(seen.count, 30 * BATCH - 2 * third / BLOCK - 2, 30 * BATCH);
    assert_int_equal(seen.first_id, spool_id_of(id, 0));
}

/* What a tail that begins behind each position in turn finds, is what the first had not handed out
 * by then. */
static void test_a_tail_goes_on_behind_any_position(void **state)
{
    struct spool_fixture *f = *state;
    size_t blocks;
    uint64_t id = fill(f, 8);
    reverse_blocks(f, id, &blocks);
    assert_true(blocks >= 4);
    spool_fixture_open(f);
    uint64_t all = spool_fixture_read(f, 0).count, handed_out = 0;
    assert_true(all > 8 * BATCH - 3 * blocks);
    struct spool_tail *tail;
    struct spool_chunk *chunk;
    assert_int_equal(spool_tail_open(f->spool, 0, &tail), ERR_OK);
    while (spool_tail_next(tail, &chunk, NULL) == ERR_OK) {
        handed_out += chunk->event_count;
        assert_int_equal(spool_fixture_read(f, spool_tail_position(tail)).count, all - handed_out);
        spool_chunk_unref(chunk);
    }
    assert_int_equal(handed_out, all);
    spool_tail_close(tail);
}

static void test_a_shuffled_log_comes_in_order(void **state)
{
    struct spool_fixture *f = *state;
    size_t blocks;
    uint64_t id = fill(f, 250);
    reverse_blocks(f, id, &blocks);
    assert_true(blocks * BLOCK > SPOOL_ORDERED_SORTED_BYTES * 5 / 4); /* more than one window */
    spool_fixture_open(f);
    struct spool_seen seen = spool_fixture_read(f, 0); /* checks the order */
    assert_true(seen.count > 250 * BATCH - 3 * blocks);
    assert_int_equal(seen.first_id, spool_id_of(id, 0));
    struct spool_seen rest = spool_fixture_read(f, seen.last_id - BATCH);
    assert_in_range(rest.count, BATCH / 2, BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_ends_below_what_stands_too_early),
        cmocka_unit_test(test_a_window_is_sorted_where_that_reaches_further),
        cmocka_unit_test_setup_teardown(test_pieces_of_a_log_come_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_tail_goes_on_behind_any_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_shuffled_log_comes_in_order, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
