/* SPDX-License-Identifier: MIT
 * test_spool_reader_damage.c - every kind of damage known from the field, on real segments in
 * batches of 1, 10 and 100 events: it costs exactly the events whose bytes it hit, and the findings
 * say so. */
#include "tests/support/damage_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct {
    uint32_t batches, events_per_batch;
    bool hostile, seal;
} shapes[] = {
    {4000, 1, false, true}, {400, 10, false, false}, {400, 10, true, true},
    {40, 100, false, true}, {40, 100, false, false},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct segment_writer writers[SHAPES];
static struct segment_map maps[SHAPES];

static int write_segments(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        segment_start(&writers[i], 1000 + i);
        segment_write_many(&writers[i], shapes[i].batches, shapes[i].events_per_batch,
                           shapes[i].hostile, shapes[i].seal);
        segment_end(&writers[i]);
        segment_map_make(&maps[i], &writers[i]);
    }
    return 0;
}

static int remove_segments(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        segment_map_free(&maps[i]);
        segment_remove(&writers[i]);
    }
    return 0;
}

#define FOR_EACH_SEGMENT(w, map)                                                                   \
    for (size_t shape_i = 0; shape_i < SHAPES; shape_i++)                                          \
        for (const struct segment_writer *w = &writers[shape_i]; w != NULL; w = NULL)              \
            for (const struct segment_map *map = &maps[shape_i]; map != NULL; map = NULL)

/* ---- cut off --------------------------------------------------------------------------------- */

static void check_cut(const struct segment_writer *w, const struct segment_map *map, size_t size)
{
    struct damage d;
    damage_start(&d, w, map, "cut to %zu of %zu bytes", size, map->size);
    damage_cut(&d, size);
    /* A crash can have done it, but the header was synced before the first event came. */
    d.expect = size >= map->fragments[1].at ? DAMAGE_NONE : DAMAGE_SOME;
    damage_check(&d);
}

static void test_a_log_cut_anywhere_keeps_every_whole_event_and_is_no_damage(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        const struct segment_fragment *f = &map->fragments[map->fragment_count / 2];
        size_t boundary = map->size / 65536 * 32768;
        size_t sizes[] = {0,
                          1,
                          6,
                          7,
                          50,
                          map->fragments[1].at - 1,
                          map->fragments[1].at,
                          map->fragments[1].at + 3,
                          f->at,
                          f->at + 1,
                          f->at + 6,
                          f->at + 7,
                          f->at + 8,
                          f->at + f->size / 2,
                          f->at + f->size - 1,
                          boundary - 7,
                          boundary - 6,
                          boundary - 1,
                          boundary,
                          boundary + 1,
                          boundary + 7,
                          boundary + 100,
                          map->size - 1,
                          map->size};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            check_cut(w, map, sizes[i]);
    }
}

static void test_a_log_cut_at_every_byte_of_a_few_records_keeps_every_whole_event(void **state)
{
    (void)state;
    const struct segment_fragment *f = &maps[1].fragments[40];
    for (size_t size = f->at; size < f->at + 700; size += 7)
        check_cut(&writers[1], &maps[1], size);
}

/* ---- flipped bits ---------------------------------------------------------------------------- */

static void check_flip(const struct segment_writer *w, const struct segment_map *map, size_t at,
                       uint8_t bits)
{
    struct damage d;
    damage_start(&d, w, map, "byte %zu changed by 0x%02x", at, bits);
    damage_flip(&d, at, bits);
    if (!map->fragments[segment_map_fragment_at(map, at)].last_record || map->sealed)
        d.expect = DAMAGE_SOME;
    damage_check(&d);
}

static void test_a_flip_in_any_byte_of_a_fragment_header_costs_no_event(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        bool done[5] = {false};
        for (size_t i = map->fragment_count / 3; i < map->fragment_count; i++) {
            const struct segment_fragment *f = &map->fragments[i];
            if (done[f->type] && i != map->fragment_count - 1)
                continue; /* one of each type, and the last of all */
            done[f->type] = true;
            for (size_t part = 0; part < 7; part++)
                for (int bit = 0; bit < 8; bit += i == map->fragment_count - 1 ? 1 : 3)
                    check_flip(w, map, f->at + part, (uint8_t)(1 << bit));
        }
    }
}

static void test_a_flip_in_any_byte_of_an_event_costs_that_event(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        uint32_t events[] = {0, map->event_count / 2, map->event_count - 1};
        for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
            size_t at = segment_map_offset(map, events[i]);
            for (size_t part = 0; part < w->events[events[i]].size && part < 60;
                 part += 1 + part / 30 * 7)
                if (map->owner[at + part] == events[i])
                    check_flip(w, map, at + part, (uint8_t)(1u << (part % 8)));
        }
    }
}

static void test_flips_around_every_block_boundary_cost_only_what_they_hit(void **state)
{
    (void)state;
    for (size_t shape = 1; shape < SHAPES; shape += 2)
        for (size_t boundary = 32768; boundary < maps[shape].size && boundary < 8 * 32768;
             boundary += 32768)
            for (int offset = -9; offset < 12; offset++)
                check_flip(&writers[shape], &maps[shape], boundary + (size_t)(ssize_t)offset, 0x41);
}

static void test_flips_in_the_batch_header_and_keys_cost_no_event(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        size_t at = segment_map_offset(map, map->event_count / 2);
        size_t fragment = segment_map_fragment_at(map, at);
        while (map->fragments[fragment].type > 2)
            fragment--;
        for (size_t part = 7; part < 7 + 12 + 13; part++)
            check_flip(w, map, map->fragments[fragment].at + part, 0xff);
    }
}

/* ---- larger damage --------------------------------------------------------------------------- */

static void check_fill(const struct segment_writer *w, const struct segment_map *map, size_t at,
                       size_t size, int byte)
{
    struct damage d;
    damage_start(&d, w, map, "%zu bytes of %s at %zu", size, byte == 0 ? "zeros" : "garbage", at);
    damage_fill(&d, at, size, byte);
    damage_check(&d);
}

static void test_zeros_and_garbage_of_any_size_cost_only_what_they_hit(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        for (size_t size = 512; size <= 65536; size *= 2)
            for (int byte = -1; byte <= 0; byte++) {
                check_fill(w, map, map->size / 3 / 32768 * 32768, size, byte);
                check_fill(w, map, map->size / 3 / 32768 * 32768 + 32768 - size / 2, size, byte);
                check_fill(w, map, map->size / 3, size, byte);
                check_fill(w, map, map->size - size, size, byte);
                check_fill(w, map, 0, size, byte);
            }
    }
}

static void test_an_older_block_in_place_of_one_costs_only_what_it_replaces(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        for (size_t block = 2; block < map->size / 32768; block += 7) {
            struct damage d;
            damage_start(&d, w, map, "block %zu replaced by the one before", block);
            memcpy(d.data + block * 32768, d.data + (block - 1) * 32768, 32768);
            d.expect = DAMAGE_SOME;
            damage_check(&d);
        }
    }
}

static void test_bytes_behind_the_end_are_damage_only_behind_a_seal(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        size_t sizes[] = {1, 6, 7, 100, 5000, 65536, 200000};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (int byte = -1; byte <= 0; byte++) {
                struct damage d;
                damage_start(&d, w, map, "%zu bytes appended", sizes[i]);
                damage_append(&d, sizes[i], byte);
                /* zeros: room that was reserved */
                d.expect = !map->sealed || byte == 0 ? DAMAGE_NONE
                           : sizes[i] > 6            ? DAMAGE_SOME
                                                     : DAMAGE_EITHER;
                damage_check(&d);
            }
    }
}

/* A write that was cut short, after which LevelDB went on: everything behind is shifted against the
 * blocks. */
static void test_a_short_write_in_the_middle_costs_only_its_own_events(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        for (size_t i = 10; i + 3 < map->fragment_count; i += map->fragment_count / 23) {
            size_t fragment = i;
            while (map->fragments[fragment].type > 2)
                fragment++;
            size_t start = map->fragments[fragment].at, last = fragment;
            while (map->fragments[last].type == 2 || map->fragments[last].type == 3)
                last++;
            size_t end = map->fragments[last].at + map->fragments[last].size;
            size_t cuts[] = {start + 1, start + 6, start + 7, start + (end - start) / 2, end - 1};
            for (size_t k = 0; k < sizeof cuts / sizeof cuts[0] && end < map->size; k++) {
                struct damage d;
                damage_start(&d, w, map, "%zu bytes missing at %zu", end - cuts[k], cuts[k]);
                damage_take_out(&d, cuts[k], end - cuts[k]);
                d.expect = DAMAGE_SOME;
                damage_check(&d);
            }
        }
    }
}

/* ---- options on damaged segments ------------------------------------------------------------- */

static void test_with_first_index_and_count_limit_losses_are_still_exact(void **state)
{
    (void)state;
    FOR_EACH_SEGMENT(w, map)
    {
        uint32_t limits[] = {
            0, 100, 150, map->event_count, map->event_count + 50, SPOOL_COUNT_UNKNOWN};
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            struct damage d;
            damage_start(&d, w, map, "count_limit %u", limits[i]);
            damage_flip(&d, segment_map_offset(map, 40) + 3, 1);
            damage_flip(&d, segment_map_offset(map, 99) + 3, 1);
            damage_flip(&d, segment_map_offset(map, map->event_count - 1) + 3, 1);
            d.count_limit = limits[i];
            d.first_index = 60;
            damage_check(&d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_cut_anywhere_keeps_every_whole_event_and_is_no_damage),
        cmocka_unit_test(test_a_log_cut_at_every_byte_of_a_few_records_keeps_every_whole_event),
        cmocka_unit_test(test_a_flip_in_any_byte_of_a_fragment_header_costs_no_event),
        cmocka_unit_test(test_a_flip_in_any_byte_of_an_event_costs_that_event),
        cmocka_unit_test(test_flips_around_every_block_boundary_cost_only_what_they_hit),
        cmocka_unit_test(test_flips_in_the_batch_header_and_keys_cost_no_event),
        cmocka_unit_test(test_zeros_and_garbage_of_any_size_cost_only_what_they_hit),
        cmocka_unit_test(test_an_older_block_in_place_of_one_costs_only_what_it_replaces),
        cmocka_unit_test(test_bytes_behind_the_end_are_damage_only_behind_a_seal),
        cmocka_unit_test(test_a_short_write_in_the_middle_costs_only_its_own_events),
        cmocka_unit_test(test_with_first_index_and_count_limit_losses_are_still_exact),
    };
    return cmocka_run_group_tests(tests, write_segments, remove_segments);
}
