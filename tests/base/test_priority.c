/* SPDX-License-Identifier: MIT
 * test_priority.c - a thread steps back, its process doesn't. */
#include "base/priority.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

static int own_nice(void)
{
    return getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

static void *inner(void *arg)
{
    *(int *)arg = own_nice();
    return NULL;
}

static void *outer(void *arg)
{
    int *values = arg;
    pthread_t thread;
    priority_lower(7);
    values[0] = own_nice();
    assert_int_equal(pthread_create(&thread, NULL, inner, &values[1]), 0);
    pthread_join(thread, NULL);
    return NULL;
}

static void test_a_thread_and_what_it_starts_step_back(void **state)
{
    (void)state;
    int before = own_nice(), values[2] = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, outer, values), 0);
    pthread_join(thread, NULL);
    assert_int_equal(values[0], 7);
    assert_int_equal(values[1], 7);
    assert_int_equal(own_nice(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_and_what_it_starts_step_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
