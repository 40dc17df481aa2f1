/* SPDX-License-Identifier: MIT
 * test_bridge_link.c - what is said when Kafka goes and comes: little. */
#include "bridge/rules/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_short_absence_is_not_worth_a_word(void **state)
{
    (void)state;
    struct bridge_connection link;
    bridge_connection_init(&link, 1000);
    bridge_connection_seen(&link, true, 1500);
    assert_int_equal(bridge_connection_news(&link, 1500), BRIDGE_CONNECTION_NOTHING);
    bridge_connection_seen(&link, false, 9000);
    assert_int_equal(bridge_connection_news(&link, 9000 + BRIDGE_CONNECTION_GRACE_MS - 1),
                     BRIDGE_CONNECTION_NOTHING);
    bridge_connection_seen(&link, true, 12500);
    assert_int_equal(bridge_connection_news(&link, 20000), BRIDGE_CONNECTION_NOTHING);
}

static void test_hours_away_are_one_line_a_minute_and_one_when_it_is_back(void **state)
{
    (void)state;
    struct bridge_connection link;
    bridge_connection_init(&link, 0);
    unsigned down = 0, still = 0, up = 0;
    for (int64_t now = 0; now < 2 * 3600 * 1000; now += 50) {
        bridge_connection_seen(&link, false, now);
        enum bridge_connection_news news = bridge_connection_news(&link, now);
        down += news == BRIDGE_CONNECTION_UNREACHABLE;
        still += news == BRIDGE_CONNECTION_STILL_UNREACHABLE;
        assert_int_not_equal(news, BRIDGE_CONNECTION_REACHABLE);
    }
    bridge_connection_seen(&link, true, 2 * 3600 * 1000);
    for (int64_t now = 2 * 3600 * 1000; now < 3 * 3600 * 1000; now += 50)
        up += bridge_connection_news(&link, now) == BRIDGE_CONNECTION_REACHABLE;
    assert_int_equal(down, 1);
    assert_int_equal(still, 119);
    assert_int_equal(up, 1);
}

static void test_client_log_is_let_through_sparingly_and_not_at_all_while_away(void **state)
{
    (void)state;
    struct bridge_connection link;
    bridge_connection_init(&link, 0);
    bridge_connection_seen(&link, true, 0);
    unsigned passed = 0;
    for (int64_t now = 0; now < 10 * 60000; now += 10)
        passed += bridge_connection_line(&link, now);
    assert_int_equal(passed, 10 * BRIDGE_CONNECTION_LINES_MAX);
    assert_int_equal(link.lines_suppressed, 60000 - 10 * BRIDGE_CONNECTION_LINES_MAX);
    bridge_connection_seen(&link, false, 10 * 60000);
    assert_int_equal(bridge_connection_news(&link, 11 * 60000), BRIDGE_CONNECTION_UNREACHABLE);
    assert_false(bridge_connection_line(&link, 20 * 60000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_absence_is_not_worth_a_word),
        cmocka_unit_test(test_hours_away_are_one_line_a_minute_and_one_when_it_is_back),
        cmocka_unit_test(test_client_log_is_let_through_sparingly_and_not_at_all_while_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
