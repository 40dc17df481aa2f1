/* SPDX-License-Identifier: MIT
 * test_mutex.c - the order of locks: kept it costs nothing, broken it ends the process. */
#include "base/mutex.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct mutex low, middle, high;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static int set_up(void **state)
{
    (void)state;
    mutex_init(&low, 1);
    mutex_init(&middle, 2);
    mutex_init(&high, 3);
    return 0;
}

static void upwards(void)
{
    mutex_lock(&low);
    mutex_lock(&high);
    mutex_unlock(&low); /* not in reverse */
    mutex_unlock(&high);
    mutex_lock(&low);
    mutex_lock(&middle);
    mutex_unlock(&middle);
    mutex_unlock(&low);
}

static void downwards(void)
{
    mutex_lock(&high);
    mutex_lock(&low);
}

static void downwards_after_a_gap(void)
{
    mutex_lock(&low);
    mutex_lock(&high);
    mutex_unlock(&low);
    mutex_lock(&middle);
}

static void twice(void)
{
    mutex_lock(&low);
    mutex_lock(&low);
}

static void gives_back_another_s(void)
{
    mutex_unlock(&low);
}

static void waits_with_another(void)
{
    struct timespec past = {0};
    mutex_lock(&low);
    mutex_lock(&middle);
    (void)mutex_wait_until(&middle, &condition, &past);
}

/* Does fn abort the process it runs in? */
static bool aborts(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        signal(SIGABRT, SIG_DFL);
        alarm(5);
        fn();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_an_order_that_is_kept_is_fine(void **state)
{
    (void)state;
    upwards();
    assert_false(aborts(upwards));
}

static void test_a_wait_ends_at_its_time(void **state)
{
    (void)state;
    struct timespec past = {0};
    mutex_lock(&low);
    assert_int_equal(mutex_wait_until(&low, &condition, &past), ETIMEDOUT);
    mutex_unlock(&low);
}

static void test_an_order_that_is_broken_aborts(void **state)
{
    (void)state;
    assert_true(aborts(downwards));
    assert_true(aborts(downwards_after_a_gap));
    assert_true(aborts(twice));
    assert_true(aborts(gives_back_another_s));
    assert_true(aborts(waits_with_another));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_order_that_is_kept_is_fine, set_up),
        cmocka_unit_test_setup(test_a_wait_ends_at_its_time, set_up),
        cmocka_unit_test_setup(test_an_order_that_is_broken_aborts, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
