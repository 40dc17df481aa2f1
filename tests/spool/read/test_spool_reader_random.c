/* SPDX-License-Identifier: MIT
 * test_spool_reader_random.c - random damage to real segments costs exactly the events whose bytes
 * changed.
 *
 * PENSTOCK_DAMAGE_ROUNDS and PENSTOCK_SEED (printed) make it more, or the same again. */
#include "tests/support/damage_check.h"

#include "base/clock.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static uint64_t random_state;

static uint32_t below(size_t limit)
{
    return (uint32_t)(segment_random(&random_state) % limit);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

/* One damage at a random place; small sizes more often. alone: no other comes before or after. */
static void damage_somewhere(struct damage *d, bool alone)
{
    size_t at = below(d->size), size = 1u << below(17);
    char what[120];
    switch (below(9)) {
    case 0:
    case 1:
    case 2:
        damage_flip(d, at, (uint8_t)(1u << below(8)));
        snprintf(what, sizeof what, "flip a bit at %zu", at);
        break;
    case 3: { /* headers are few among the bytes: aim at them */
        const struct segment_fragment *fragment = &d->map->fragments[below(d->map->fragment_count)];
        size_t part = below(7);
        if (fragment->at + part < d->size)
            damage_flip(d, fragment->at + part, (uint8_t)(1 + below(255)));
        snprintf(what, sizeof what, "change byte %zu of the fragment header at %zu", part,
                 fragment->at);
        break;
    }
    case 4:
        damage_fill(d, at, size, 0);
        snprintf(what, sizeof what, "%zu zeros at %zu", size, at);
        break;
    case 5:
        damage_fill(d, at, size, -1);
        snprintf(what, sizeof what, "%zu bytes of garbage at %zu", size, at);
        break;
    case 6: /* as disks do it: whole sectors and pages */
        at = at / 4096 * 4096;
        size = 512u << below(8);
        damage_fill(d, at, size, below(2) == 0 ? 0 : -1);
        snprintf(what, sizeof what, "%zu bytes of aligned damage at %zu", size, at);
        break;
    case 7:
        if (alone && d->size > 65536) { /* else the copy of a damaged event may well be intact */
            size_t block = 1 + below(d->size / 32768 - 1), older = below(block);
            memcpy(d->data + block * 32768, d->data + older * 32768, 32768);
            snprintf(what, sizeof what, "block %zu replaced by block %zu", block, older);
            break;
        } /* fall through */
    default:
        damage_cut(d, at);
        snprintf(what, sizeof what, "cut at %zu", at);
        break;
    }
    size_t used = strlen(d->what);
    snprintf(d->what + used, sizeof d->what - used, ", %s", what);
}

static void damage_often(uint32_t batches, uint32_t events_per_batch, bool hostile, bool seal)
{
    uint64_t seed = setting("PENSTOCK_SEED", random_u64() & 0xffffffff),
             rounds = setting("PENSTOCK_DAMAGE_ROUNDS", 150);
    printf("PENSTOCK_SEED=%lu\n", (unsigned long)seed);
    struct segment_writer w;
    struct segment_map map;
    segment_start(&w, seed);
    segment_write_many(&w, batches, events_per_batch, hostile, seal);
    segment_end(&w);
    segment_map_make(&map, &w);
    int64_t slowest_ms = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        random_state = seed + round;
        struct damage d;
        damage_start(&d, &w, &map, "PENSTOCK_SEED=%lu round %lu", (unsigned long)seed,
                     (unsigned long)round);
        uint32_t damages = 1 + (below(4) == 0 ? below(6) : 0);
        for (uint32_t i = 0; i < damages; i++)
            damage_somewhere(&d, damages == 1);
        if (getenv("PENSTOCK_VERBOSE") != NULL)
            printf("%s\n", d.what);
        int64_t started_ms = clock_monotonic_ms();
        damage_check(&d);
        int64_t took_ms = clock_monotonic_ms() - started_ms;
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
    }
    printf("%zu bytes in the log, slowest round %ld ms\n", map.size, (long)slowest_ms);
    assert_true(slowest_ms < 10000);
    segment_map_free(&map);
    segment_remove(&w);
}

static void test_batches_of_one_event_random_damage_costs_only_what_it_hit(void **state)
{
    (void)state;
    damage_often(4000, 1, false, true);
}

static void test_batches_of_ten_events_random_damage_costs_only_what_it_hit(void **state)
{
    (void)state;
    damage_often(400, 10, false, true);
}

static void test_batches_of_100_events_random_damage_costs_only_what_it_hit(void **state)
{
    (void)state;
    damage_often(40, 100, false, false);
}

static void test_hostile_values_random_damage_costs_only_what_it_hit(void **state)
{
    (void)state;
    damage_often(130, 30, true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_of_one_event_random_damage_costs_only_what_it_hit),
        cmocka_unit_test(test_batches_of_ten_events_random_damage_costs_only_what_it_hit),
        cmocka_unit_test(test_batches_of_100_events_random_damage_costs_only_what_it_hit),
        cmocka_unit_test(test_hostile_values_random_damage_costs_only_what_it_hit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
