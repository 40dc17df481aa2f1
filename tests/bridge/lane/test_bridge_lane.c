/* SPDX-License-Identifier: MIT
 * test_bridge_lane.c - the rules of one lane, without any Kafka. */
#include "bridge/lane/lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct bridge_budget plenty = {
    .events = 10, .bytes = 1000, .events_max = 1000, .bytes_max = 100000};

static uint64_t take(struct bridge_lane *lane, uint64_t id, int64_t now_ms)
{
    uint64_t seq = lane->window.end_seq;
    const struct bridge_in_flight_entry entry = {
        .id = id, .bytes = 100, .time_ms = id * 10, .taken_ms = (uint32_t)now_ms};
    assert_true(bridge_in_flight_reserve(&lane->window));
    bridge_in_flight_push(&lane->window, &entry);
    lane->read_id = id > lane->read_id ? id : lane->read_id;
    return seq;
}

static void report(struct bridge_lane *lane, uint64_t seq, bool good)
{
    assert_null(bridge_in_flight_report(&lane->window, seq, good));
    if (good)
        bridge_lane_good(lane, 1);
    else
        bridge_lane_failed(lane, 29, "denied");
}

static bool should_leave(struct bridge_lane *lane, int64_t now_ms, bool connected,
                         const struct bridge_budget *budget, bool others_flow)
{
    const struct bridge_lane_view view = {
        .connected = connected, .others_flow = others_flow, .others_good = true};
    return bridge_lane_should_leave(lane, now_ms, &view, budget);
}

static int set_up(void **state)
{
    static struct bridge_lane lane;
    bridge_lane_init(&lane, 0);
    *state = &lane;
    return 0;
}

static int tear_down(void **state)
{
    bridge_lane_done(*state);
    return 0;
}

static void test_lane_leaves_half_of_what_is_free_to_the_others(void **state)
{
    struct bridge_lane *lane = *state;
    lane->allowance = BRIDGE_LANE_ALLOWANCE_MAX;
    struct bridge_budget budget = {.events_max = 1000, .bytes_max = 1 << 30};
    unsigned taken = 0;
    while (bridge_lane_room(lane, &budget) == BRIDGE_LANE_ROOM) {
        take(lane, ++taken, 0);
        budget.events++;
        budget.bytes += 100;
    }
    assert_int_equal(taken, 500);
    assert_int_equal(bridge_lane_room(lane, &budget), BRIDGE_LANE_ROOM_NOT_HERE);
    struct bridge_lane other;
    bridge_lane_init(&other, 1);
    assert_int_equal(bridge_lane_room(&other, &budget), BRIDGE_LANE_ROOM);
    budget.events = 1000;
    assert_int_equal(bridge_lane_room(&other, &budget), BRIDGE_LANE_ROOM_NOWHERE);
}

static void test_one_event_goes_however_large(void **state)
{
    struct bridge_lane *lane = *state;
    const struct bridge_budget empty = {.events_max = 10, .bytes_max = 1};
    assert_int_equal(bridge_lane_room(lane, &empty), BRIDGE_LANE_ROOM);
    const struct bridge_budget over = {
        .events = 1, .bytes = 70000000, .events_max = 10, .bytes_max = 1};
    assert_int_equal(bridge_lane_room(lane, &over), BRIDGE_LANE_ROOM_NOWHERE);
}

static void test_failure_rewinds_to_the_first_failed_event_once_all_are_reported(void **state)
{
    struct bridge_lane *lane = *state;
    uint64_t a = take(lane, 10, 0), b = take(lane, 20, 0), c = take(lane, 30, 0),
             d = take(lane, 40, 0);
    report(lane, a, true);
    report(lane, c, false);
    assert_int_equal(lane->mode, BRIDGE_LANE_MODE_DRAINING);
    report(lane, b, true);
    report(lane, d, true); /* good, but behind the failed one: it will be repeated */
    bridge_lane_rewind(lane, 777);
    assert_int_equal(lane->mode, BRIDGE_LANE_MODE_BACKING_OFF);
    assert_int_equal(lane->read_id, 29);
    assert_int_equal(lane->due_ms, 777);
    assert_int_equal(lane->allowance, 1);
    assert_int_equal(lane->attempts, 1);
    assert_int_equal(bridge_lane_oldest_ms(lane), 300);
    assert_true(bridge_lane_advance(lane, 1000));
    assert_int_equal(lane->cursor_id, 29);
    assert_int_equal(lane->delivered_new, 2);
}

static void test_first_good_report_after_trouble_ends_the_backoff_and_opens_up(void **state)
{
    struct bridge_lane *lane = *state;
    report(lane, take(lane, 10, 0), false);
    bridge_lane_rewind(lane, 1);
    lane->mode = BRIDGE_LANE_MODE_CATCHING_UP;
    assert_int_equal(bridge_lane_room(lane, &plenty), BRIDGE_LANE_ROOM);
    uint64_t seq = take(lane, 10, 0);
    /* one at a time */
    assert_int_equal(bridge_lane_room(lane, &plenty), BRIDGE_LANE_ROOM_NOT_HERE);
    report(lane, seq, true);
    assert_int_equal(lane->attempts, 0);
    assert_int_equal(lane->error, 0);
    assert_int_equal(lane->allowance, 2);
}

static void test_own_cursor_is_given_up_only_when_it_has_reached_the_watermark(void **state)
{
    struct bridge_lane *lane = *state;
    report(lane, take(lane, 10, 0), false);
    bridge_lane_rewind(lane, 1);
    lane->mode = BRIDGE_LANE_MODE_CATCHING_UP;
    assert_true(bridge_lane_advance(lane, 100));
    assert_int_equal(lane->cursor_id, 9);
    uint64_t seq = take(lane, 10, 0), late = take(lane, 150, 0);
    bridge_lane_join(lane);
    assert_true(lane->own_cursor);
    assert_true(bridge_lane_advance(lane, 100)); /* with the head again, but behind the watermark */
    assert_int_equal(lane->cursor_id, 9);
    report(lane, seq, true);
    assert_false(bridge_lane_advance(lane, 100)); /* 150 is above it */
    assert_false(lane->own_cursor);
    assert_int_equal(lane->delivered_new, 1);
    report(lane, late, true);
    assert_false(bridge_lane_advance(lane, 149));
    assert_int_equal(lane->delivered_new, 1); /* counted when the watermark passes it */
    assert_false(bridge_lane_advance(lane, 150));
    assert_int_equal(lane->delivered_new, 2);
}

static void test_cursor_never_goes_back_nor_beyond_the_watermark(void **state)
{
    struct bridge_lane *lane = *state;
    bridge_lane_leave(lane, 500, 1);
    lane->read_id = 900;
    assert_true(bridge_lane_advance(lane, 1000));
    assert_int_equal(lane->cursor_id, 900);
    bridge_lane_recall(lane, 300); /* found late */
    assert_int_equal(lane->read_id, 299);
    assert_true(bridge_lane_advance(lane, 1000));
    assert_int_equal(lane->cursor_id, 900);
    lane->read_id = 2000;
    assert_false(bridge_lane_advance(lane, 1000));
    assert_int_equal(lane->cursor_id, 1000);
}

static void test_lane_that_holds_up_the_head_leaves_when_nothing_comes_back(void **state)
{
    struct bridge_lane *lane = *state;
    report(lane, take(lane, 5, 0), true);
    take(lane, 10, 0);
    lane->good_ms = 0;
    struct bridge_budget budget = plenty;
    assert_false(should_leave(lane, 5000, true, &budget, false)); /* held up from now on */
    assert_false(should_leave(lane, 5000 + BRIDGE_LANE_STUCK_MS - 1, true, &budget, false));
    /* Kafka is away: everybody waits */
    assert_false(should_leave(lane, 9000, false, &budget, false));
    assert_true(should_leave(lane, 9000, true, &budget, false));
    bridge_lane_leave(lane, 19, 200);
    assert_int_equal(lane->mode, BRIDGE_LANE_MODE_CATCHING_UP);
    assert_int_equal(lane->read_id, 19);
    assert_true(lane->own_cursor);
    assert_true(lane->allowance <= 64);
}

static void test_lane_without_any_good_report_yet_leaves_sooner(void **state)
{
    struct bridge_lane *lane = *state;
    take(lane, 10, 0);
    struct bridge_budget budget = plenty;
    assert_false(should_leave(lane, 5000, true, &budget, false));
    assert_false(should_leave(lane, 5000 + BRIDGE_LANE_UNPROVEN_MS - 1, true, &budget, false));
    assert_true(should_leave(lane, 5000 + BRIDGE_LANE_UNPROVEN_MS, true, &budget, false));
    const struct bridge_lane_view nobody_yet = {.connected = true};
    assert_false(
        bridge_lane_should_leave(lane, 5000 + BRIDGE_LANE_STUCK_MS - 1, &nobody_yet, &budget));
    assert_true(bridge_lane_should_leave(lane, 5000 + BRIDGE_LANE_STUCK_MS, &nobody_yet, &budget));
}

static void test_slow_lane_leaves_only_when_it_is_the_hog_among_others(void **state)
{
    struct bridge_lane *lane = *state;
    for (uint64_t id = 1; id <= 8; id++)
        take(lane, id, 0);
    struct bridge_budget budget = plenty;
    int64_t now = BRIDGE_LANE_SLOW_MS + 5000;
    lane->held_up_since_ms = now - BRIDGE_LANE_STUCK_MS;
    lane->good_ms = now - 10;
    assert_false(should_leave(lane, now, true, &budget, false)); /* alone: Kafka is slow */
    assert_true(should_leave(lane, now, true, &budget, true));
    budget.events = 100;
    assert_false(should_leave(lane, now, true, &budget, true)); /* others hold more */
}

static void test_reset_sends_a_lane_with_the_head_or_alone(void **state)
{
    struct bridge_lane *lane = *state;
    uint64_t a = take(lane, 110, 0), b = take(lane, 120, 0);
    report(lane, a, true);
    (void)bridge_in_flight_report(&lane->window, b, false);
    bridge_lane_reset(lane, 100);
    assert_int_equal(lane->mode, BRIDGE_LANE_MODE_FLOWING);
    assert_int_equal(lane->skip_id, 119); /* the head comes again from 100 on */
    lane->own_cursor = true;
    lane->read_id = 50;
    bridge_lane_reset(lane, 100);
    assert_int_equal(lane->mode, BRIDGE_LANE_MODE_CATCHING_UP);
    assert_int_equal(lane->read_id, 50);
}

static void test_thousand_topics_are_found_again(void **state)
{
    (void)state;
    struct bridge_lanes lanes = {0};
    char name[32];
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "topic-%u", i);
            struct bridge_lane *lane = bridge_lanes_find(&lanes, bytes_of_string(name));
            assert_non_null(lane);
            assert_int_equal(lane->index, i);
            assert_string_equal(lane->topic, name);
        }
    assert_int_equal(lanes.count, 1000);
    bridge_lanes_done(&lanes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lane_leaves_half_of_what_is_free_to_the_others),
        TEST(test_one_event_goes_however_large),
        TEST(test_failure_rewinds_to_the_first_failed_event_once_all_are_reported),
        TEST(test_first_good_report_after_trouble_ends_the_backoff_and_opens_up),
        TEST(test_own_cursor_is_given_up_only_when_it_has_reached_the_watermark),
        TEST(test_cursor_never_goes_back_nor_beyond_the_watermark),
        TEST(test_lane_that_holds_up_the_head_leaves_when_nothing_comes_back),
        TEST(test_lane_without_any_good_report_yet_leaves_sooner),
        TEST(test_slow_lane_leaves_only_when_it_is_the_hog_among_others),
        TEST(test_reset_sends_a_lane_with_the_head_or_alone),
        TEST(test_thousand_topics_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
