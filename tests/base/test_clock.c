/* SPDX-License-Identifier: MIT
 * test_clock.c - the two clocks, and sleeping over signals. */
#include "base/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <cmocka.h>

static int put_clock_back(void **state)
{
    (void)state;
    clock_set_wall_offset_ms(0);
    return 0;
}

static void test_wall_time_is_the_systems_and_can_be_moved(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) * 1000, now = clock_wall_ms();
    assert_in_range(now - before + 1000, 0, 3000);
    clock_set_wall_offset_ms(-3600000);
    assert_in_range(now - clock_wall_ms(), 3600000 - 2000, 3600000);
    clock_set_wall_offset_ms(0);
    assert_in_range(clock_wall_ms() - now, 0, 2000);
}

static void test_monotonic_time_does_not_follow_the_wall_clock(void **state)
{
    (void)state;
    int64_t ms = clock_monotonic_ms(), ns = clock_monotonic_ns();
    clock_set_wall_offset_ms(-1000000000);
    assert_in_range(clock_monotonic_ms() - ms, 0, 2000);
    assert_in_range(ns / 1000000 - ms, 0, 2000); /* the same clock in both units */
    int64_t last = ns;
    for (int i = 0; i < 10000; i++) {
        int64_t next = clock_monotonic_ns();
        assert_true(next >= last);
        last = next;
    }
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals = signals + 1;
}

static void test_sleeping_goes_on_over_signals(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = count_signal}, before;
    struct itimerval every = {{0, 5000}, {0, 5000}}, none = {{0, 0}, {0, 0}};
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    int64_t start = clock_monotonic_ns();
    clock_sleep_ms(60);
    int64_t slept_ns = clock_monotonic_ns() - start;
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(signals >= 2);
    assert_true(slept_ns >= 60000000);
}

static void test_sleeping_no_time_at_all_returns(void **state)
{
    (void)state;
    int64_t start = clock_monotonic_ms();
    clock_sleep_ms(0);
    clock_sleep_ms(-1);
    clock_sleep_ms(INT64_MIN / 2);
    assert_in_range(clock_monotonic_ms() - start, 0, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_wall_time_is_the_systems_and_can_be_moved, put_clock_back),
        cmocka_unit_test_teardown(test_monotonic_time_does_not_follow_the_wall_clock,
                                  put_clock_back),
        cmocka_unit_test(test_sleeping_goes_on_over_signals),
        cmocka_unit_test(test_sleeping_no_time_at_all_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
