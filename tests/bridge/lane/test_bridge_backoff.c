/* SPDX-License-Identifier: MIT
 * test_bridge_backoff.c - waits grow, stay bounded, and spread. */
#include "bridge/lane/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_wait_doubles_with_each_attempt_up_to_the_maximum(void **state)
{
    (void)state;
    static const int64_t ceilings[] = {250,  500,   1000,  2000,  4000,
                                       8000, 16000, 30000, 30000, 30000};
    for (unsigned attempt = 0; attempt < 10; attempt++) {
        int64_t half = ceilings[attempt] / 2, spread = ceilings[attempt] - half;
        assert_int_equal(bridge_backoff_ms(attempt, 250, 30000, 0), half);
        assert_int_equal(bridge_backoff_ms(attempt, 250, 30000, (uint64_t)spread),
                         ceilings[attempt]);
    }
}

static void test_any_random_number_stays_between_half_and_whole(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 10000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        int64_t wait_ms = bridge_backoff_ms(3, 100, 10000, random);
        least = wait_ms < least ? wait_ms : least;
        most = wait_ms > most ? wait_ms : most;
    }
    assert_in_range(least, 400, 404);
    assert_in_range(most, 796, 800);
}

static void test_extreme_numbers_neither_overflow_nor_give_zero(void **state)
{
    (void)state;
    assert_in_range(bridge_backoff_ms(4000000000u, 1, INT64_MAX / 2, UINT64_MAX), 1, INT64_MAX / 2);
    assert_int_equal(bridge_backoff_ms(0, 0, 0, 0), 1);
    assert_int_equal(bridge_backoff_ms(7, 1, 1, UINT64_MAX), 1);
    assert_in_range(bridge_backoff_ms(63, 3, 1000, 12345), 500, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_doubles_with_each_attempt_up_to_the_maximum),
        cmocka_unit_test(test_any_random_number_stays_between_half_and_whole),
        cmocka_unit_test(test_extreme_numbers_neither_overflow_nor_give_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
