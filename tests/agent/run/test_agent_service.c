/* SPDX-License-Identifier: MIT
 * test_agent_service.c - when the agent counts as alive, and what it says of itself. */
#include "agent/run/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { WATCHDOG_MS = 30000 };

static struct agent_service begin(int64_t now_ms)
{
    return (struct agent_service){.notify = {.fd = -1, .watchdog_ms = WATCHDOG_MS},
                                  .progress_ms = now_ms};
}

static const struct agent_pulse idle = {.has_spool = true, .commits = 7};
static const struct agent_pulse stuck = {.has_spool = true, .commits = 7, .work_waits = true};

static void test_having_nothing_to_do_is_alive_for_ever(void **state)
{
    (void)state;
    struct agent_service service = begin(0);
    for (int64_t now_ms = 0; now_ms < 100 * WATCHDOG_MS; now_ms += 1000)
        assert_true(agent_service_alive(&service, &idle, now_ms));
}

static void test_a_committer_that_leaves_work_is_not(void **state)
{
    (void)state;
    struct agent_service service = begin(0);
    assert_true(agent_service_alive(&service, &idle, 1000));
    for (int64_t now_ms = 2000; now_ms <= 1000 + WATCHDOG_MS / 2; now_ms += 1000)
        assert_true(agent_service_alive(&service, &stuck, now_ms));
    assert_false(agent_service_alive(&service, &stuck, 1001 + WATCHDOG_MS / 2));
    assert_false(agent_service_alive(&service, &stuck, 10 * WATCHDOG_MS));
    assert_true(agent_service_alive(&service, &idle, 10 * WATCHDOG_MS + 1));
}

static void test_commits_are_progress_however_much_waits(void **state)
{
    (void)state;
    struct agent_service service = begin(0);
    struct agent_pulse busy = stuck;
    for (int64_t now_ms = 0; now_ms < 10 * WATCHDOG_MS; now_ms += 5000, busy.commits++)
        assert_true(agent_service_alive(&service, &busy, now_ms));
}

static void test_without_a_spool_it_says_why_and_lives(void **state)
{
    (void)state;
    struct agent_state empty = {.lock = PTHREAD_RWLOCK_INITIALIZER,
                                .away = {"'/data' is not mounted,\nyet"}};
    struct agent_pulse pulse;
    agent_pulse_take(&empty, &pulse);
    assert_string_equal(pulse.status, "refusing: '/data' is not mounted, yet");
    assert_false(pulse.work_waits);
    struct agent_service service = begin(0);
    assert_true(agent_service_alive(&service, &pulse, 100 * WATCHDOG_MS));
}

static void test_how_often_it_wants_to_be_called(void **state)
{
    (void)state;
    struct agent_service service = begin(0);
    assert_int_equal(agent_service_interval_ms(&service), 0); /* nobody listens */
    service.notify.fd = 3;
    assert_int_equal(agent_service_interval_ms(&service), 1000);
    service.notify.watchdog_ms = 2000;
    assert_int_equal(agent_service_interval_ms(&service), 500);
    service.notify.watchdog_ms = 0;
    assert_int_equal(agent_service_interval_ms(&service), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_having_nothing_to_do_is_alive_for_ever),
        cmocka_unit_test(test_a_committer_that_leaves_work_is_not),
        cmocka_unit_test(test_commits_are_progress_however_much_waits),
        cmocka_unit_test(test_without_a_spool_it_says_why_and_lives),
        cmocka_unit_test(test_how_often_it_wants_to_be_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
