/* SPDX-License-Identifier: MIT
 * test_decimal.c - the digits are those that printf would print. */
#include "base/decimal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void test_as_printf_prints_it(void **state)
{
    (void)state;
    uint64_t values[64 + 1] = {0};
    for (int i = 0; i < 64; i++) /* 1, 3, 7 … 2^64 - 1: every length there is */
        values[i + 1] = UINT64_MAX >> (63 - i);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        for (int less = 0; less < 2; less++) {
            char expected[32], digits[DECIMAL_SIZE];
            uint64_t value = values[i] - (less && values[i] > 0);
            snprintf(expected, sizeof expected, "%" PRIu64, value);
            assert_string_equal(decimal_of(value, digits), expected);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_printf_prints_it)};
    return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
