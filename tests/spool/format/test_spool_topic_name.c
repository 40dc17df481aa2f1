/* SPDX-License-Identifier: MIT
 * test_spool_topic_name.c - the rule for topic names, byte by byte. */
#include "spool/spool_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_every_byte_is_judged_wherever_it_stands(void **state)
{
    (void)state;
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (int c = 0; c < 256; c++)
        for (size_t at = 0; at < 4; at++) {
            uint8_t name[4] = "name";
            name[at] = (uint8_t)c;
            assert_int_equal(spool_topic_name_valid(bytes_of(name, 4)),
                             c != 0 && strchr(legal, c) != NULL);
        }
}

static void test_dots_alone_are_refused_up_to_two(void **state)
{
    (void)state;
    static const char dots[] = ".....";
    for (size_t size = 1; size <= 5; size++)
        assert_int_equal(spool_topic_name_valid(bytes_of(dots, size)), size > 2);
    assert_true(spool_topic_name_valid(bytes_of_string(".a")));
    assert_true(spool_topic_name_valid(bytes_of_string("a.")));
    assert_false(spool_topic_name_valid(BYTES_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_is_judged_wherever_it_stands),
        cmocka_unit_test(test_dots_alone_are_refused_up_to_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
