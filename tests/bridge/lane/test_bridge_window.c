/* SPDX-License-Identifier: MIT
 * test_bridge_window.c - what is in flight, in order, and what the cursor may pass. */
#include "bridge/lane/in_flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static uint64_t push(struct bridge_in_flight *window, uint64_t id)
{
    uint64_t seq = window->end_seq;
    const struct bridge_in_flight_entry entry = {.id = id, .bytes = 10, .time_ms = id};
    assert_true(bridge_in_flight_reserve(window));
    bridge_in_flight_push(window, &entry);
    return seq;
}

static void report(struct bridge_in_flight *window, uint64_t seq, bool good)
{
    assert_null(bridge_in_flight_report(window, seq, good));
}

static void test_cursor_stops_before_the_oldest_event_without_a_report(void **state)
{
    (void)state;
    struct bridge_in_flight window = {0};
    uint64_t a = push(&window, 10), b = push(&window, 20), c = push(&window, 30);
    assert_int_equal(bridge_in_flight_floor(&window, 99), 9);
    report(&window, c, true);
    report(&window, b, true);
    assert_int_equal(bridge_in_flight_floor(&window, 99), 9);
    assert_int_equal(bridge_in_flight_pop(&window, 99), 0);
    report(&window, a, true);
    assert_int_equal(bridge_in_flight_floor(&window, 99), 99);
    assert_int_equal(bridge_in_flight_pop(&window, 99), 3);
    assert_int_equal(window.in_flight, 0);
    assert_int_equal(window.in_flight_bytes, 0);
    bridge_in_flight_done(&window);
}

static void test_good_events_are_counted_only_when_the_cursor_passes_them(void **state)
{
    (void)state;
    struct bridge_in_flight window = {0};
    for (uint64_t id = 1; id <= 10; id++)
        report(&window, push(&window, id), true);
    assert_int_equal(bridge_in_flight_pop(&window, 0), 0);
    assert_int_equal(bridge_in_flight_pop(&window, 4), 4);
    assert_int_equal(bridge_in_flight_pop(&window, 4), 0);
    assert_int_equal(bridge_in_flight_count(&window), 6);
    assert_int_equal(bridge_in_flight_pop(&window, 10), 6);
    bridge_in_flight_done(&window);
}

static void test_rewind_drops_the_failed_one_and_everything_behind_it(void **state)
{
    (void)state;
    struct bridge_in_flight window = {0};
    uint64_t seqs[6];
    for (int i = 0; i < 6; i++)
        seqs[i] = push(&window, (uint64_t)(100 + i));
    for (int i = 5; i >= 0; i--)
        report(&window, seqs[i], i != 2 && i != 4);
    struct bridge_in_flight_entry first;
    assert_int_equal(bridge_in_flight_floor(&window, 999), 101);
    assert_true(bridge_in_flight_rewind(&window, &first));
    assert_int_equal(first.id, 102);
    assert_int_equal(bridge_in_flight_count(&window), 2);
    assert_int_equal(bridge_in_flight_pop(&window, 999), 2);
    assert_false(bridge_in_flight_rewind(&window, &first));
    /* and it goes on in the same places */
    report(&window, push(&window, 102), true);
    assert_int_equal(bridge_in_flight_pop(&window, 102), 1);
    bridge_in_flight_done(&window);
}

static void test_event_that_was_not_handed_over_leaves_no_trace(void **state)
{
    (void)state;
    struct bridge_in_flight window = {0};
    uint64_t a = push(&window, 5);
    push(&window, 6);
    bridge_in_flight_unpush(&window);
    assert_int_equal(window.in_flight, 1);
    assert_int_equal(window.in_flight_bytes, 10);
    report(&window, a, true);
    assert_int_equal(bridge_in_flight_floor(&window, 8), 8);
    bridge_in_flight_done(&window);
}

static void test_cursor_stays_below_an_event_that_came_late(void **state)
{
    (void)state;
    struct bridge_in_flight window = {0};
    uint64_t a = push(&window, 50), late = push(&window, 20);
    assert_int_equal(bridge_in_flight_floor(&window, 99), 19);
    report(&window, late, true);
    assert_int_equal(bridge_in_flight_floor(&window, 99), 49);
    report(&window, a, true);
    assert_int_equal(bridge_in_flight_floor(&window, 99), 99);
    assert_int_equal(bridge_in_flight_pop(&window, 99), 2);
    push(&window, 60);
    assert_false(window.unordered);
    bridge_in_flight_done(&window);
}

/* The ring against a plain list of what is in flight, with reports in any order. */
static void test_random_traffic_agrees_with_a_plain_model(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct bridge_in_flight window = {0};
    static bool reported[N + 1];
    uint64_t pushed = 0, floor = 0, popped = 0;
    srand(7);
    while (popped < N) {
        if (pushed < N && rand() % 3 != 0) {
            assert_int_equal(push(&window, pushed + 1), pushed);
            pushed++;
        } else if (pushed > 0) {
            uint64_t id = floor + 1 + (uint64_t)rand() % 300;
            if (id > pushed)
                id = floor + 1 > pushed ? pushed : floor + 1;
            if (!reported[id]) {
                reported[id] = true;
                report(&window, id - 1, true);
            }
        }
        while (floor < pushed && reported[floor + 1])
            floor++;
        uint64_t want = floor < pushed ? floor : N + 5;
        assert_int_equal(bridge_in_flight_floor(&window, N + 5), want);
        if (rand() % 50 == 0)
            popped += bridge_in_flight_pop(&window, floor);
        if (pushed == N && floor == N)
            popped += bridge_in_flight_pop(&window, floor);
        assert_int_equal(bridge_in_flight_count(&window), pushed - popped);
    }
    bridge_in_flight_trim(&window);
    assert_int_equal(window.capacity, 64);
    bridge_in_flight_done(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor_stops_before_the_oldest_event_without_a_report),
        cmocka_unit_test(test_good_events_are_counted_only_when_the_cursor_passes_them),
        cmocka_unit_test(test_rewind_drops_the_failed_one_and_everything_behind_it),
        cmocka_unit_test(test_event_that_was_not_handed_over_leaves_no_trace),
        cmocka_unit_test(test_cursor_stays_below_an_event_that_came_late),
        cmocka_unit_test(test_random_traffic_agrees_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
