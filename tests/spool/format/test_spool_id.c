/* SPDX-License-Identifier: MIT
 * test_spool_id.c - segment ids where clock and known ids meet. */
#include "spool/format/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MS_2200 7258118400000ll

static void test_no_clock_gives_an_id_that_was_given_before(void **state)
{
    (void)state;
    const uint64_t known = 109843750000;
    for (int64_t ms = (int64_t)known * 16 - 40; ms < (int64_t)known * 16 + 40;
         ms++) { /* around the moment of that very id */
        uint64_t id = spool_segment_id_next(known, ms);
        assert_true(id > known);
        assert_int_equal(id, (uint64_t)ms / 16 > known ? (uint64_t)ms / 16 : known + 1);
    }
    uint64_t id = 0;
    for (int i = 0; i < 100; i++) { /* many within one tick of the clock */
        uint64_t next = spool_segment_id_next(id, 1700000000000);
        assert_true(next > id);
        id = next;
    }
}

static void test_a_clock_is_believed_from_1970_to_2200(void **state)
{
    (void)state;
    assert_int_equal(spool_segment_id_next(0, MS_2200), MS_2200 / 16);
    assert_true(MS_2200 / 16 < SPOOL_SEGMENT_ID_MAX);
    static const int64_t wrong[] = {MS_2200 + 1, INT64_MAX, -1, INT64_MIN};
    for (int i = 0; i < 4; i++)
        assert_int_equal(spool_segment_id_next(41, wrong[i]), 42);
    assert_int_equal(spool_segment_id_next(0, 0), 1); /* ids begin at 1 */
    assert_int_equal(spool_segment_id_time_ms(spool_segment_id_next(0, 1700000000000)),
                     1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_clock_gives_an_id_that_was_given_before),
        cmocka_unit_test(test_a_clock_is_believed_from_1970_to_2200),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
