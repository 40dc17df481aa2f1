/* SPDX-License-Identifier: MIT
 * test_spool_space.c - the limits to the byte, and how much must come free after a refusal. */
#include "spool/commit/space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PLENTY (1ull << 40)

static struct spool_options options_of(uint64_t segment_bytes, uint64_t size_bytes_max,
                                       uint64_t free_bytes_min)
{
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    options.segment_bytes = segment_bytes;
    options.size_bytes_max = size_bytes_max;
    options.free_bytes_min = free_bytes_min;
    return options;
}

static enum err check(const struct spool_options *options, uint64_t used, uint64_t free_bytes,
                      uint64_t new_bytes, bool was_refused)
{
    struct spool_space space = {
        .used_bytes = used, .free_bytes = free_bytes, .new_bytes = new_bytes};
    return spool_space_check(options, &space, was_refused, NULL);
}

static void test_the_size_limit_holds_to_the_byte(void **state)
{
    (void)state;
    struct spool_options options = options_of(100, 100000, 0);
    assert_int_equal(check(&options, 99900, PLENTY, 100, false), ERR_OK);
    assert_int_equal(check(&options, 99901, PLENTY, 100, false), ERR_FULL);
    assert_int_equal(check(&options, 99900, PLENTY, 101, false), ERR_FULL);
}

static void test_the_floor_stays_free_to_the_byte(void **state)
{
    (void)state;
    struct spool_options options = options_of(100, PLENTY, 5000);
    assert_int_equal(spool_space_floor(&options), 5000);
    assert_int_equal(check(&options, 0, 5010, 10, false), ERR_OK);
    assert_int_equal(check(&options, 0, 5009, 10, false), ERR_FULL);
    assert_int_equal(check(&options, 0, 0, 0, false), ERR_FULL);
    options.free_bytes_min = 199; /* less than two segments */
    assert_int_equal(spool_space_floor(&options), 200);
    assert_int_equal(check(&options, 0, 210, 10, false), ERR_OK);
    assert_int_equal(check(&options, 0, 209, 10, false), ERR_FULL);
}

/* A segment or a twentieth of the limit, whichever is less. */
static void test_after_a_refusal_just_so_much_must_come_free(void **state)
{
    (void)state;
    static const struct {
        uint64_t segment_bytes, room;
    } rows[] = {{100, 100}, {5000, 5000}, {5001, 5000}, {40000, 5000}};
    for (size_t i = 0; i < 4; i++) {
        struct spool_options options = options_of(rows[i].segment_bytes, 100000, 0);
        assert_int_equal(check(&options, 100000 - rows[i].room - 10, PLENTY, 10, true), ERR_OK);
        assert_int_equal(check(&options, 100000 - rows[i].room - 9, PLENTY, 10, true), ERR_FULL);
        assert_int_equal(check(&options, 100000 - rows[i].room - 9, PLENTY, 10, false), ERR_OK);
        options = options_of(rows[i].segment_bytes, PLENTY, 100000);
        assert_int_equal(check(&options, 0, 100000 + rows[i].room + 10, 10, true), ERR_OK);
        assert_int_equal(check(&options, 0, 100000 + rows[i].room + 9, 10, true), ERR_FULL);
        assert_int_equal(check(&options, 0, 100000 + rows[i].room + 9, 10, false), ERR_OK);
    }
}

static void test_the_message_names_the_limit_and_its_figures(void **state)
{
    (void)state;
    struct spool_options options = options_of(100, 100000, 5000);
    struct errmsg msg;
    struct spool_space space = {.used_bytes = 100000, .free_bytes = PLENTY, .new_bytes = 1};
    assert_int_equal(spool_space_check(&options, &space, false, &msg), ERR_FULL);
    assert_true(strstr(msg.text, "spool.max_size") != NULL && strstr(msg.text, "100000") != NULL);
    space = (struct spool_space){.used_bytes = 0, .free_bytes = 4321, .new_bytes = 1};
    assert_int_equal(spool_space_check(&options, &space, false, &msg), ERR_FULL);
    assert_true(strstr(msg.text, "spool.min_free") != NULL && strstr(msg.text, "4321") != NULL &&
                strstr(msg.text, "5000") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_size_limit_holds_to_the_byte),
        cmocka_unit_test(test_the_floor_stays_free_to_the_byte),
        cmocka_unit_test(test_after_a_refusal_just_so_much_must_come_free),
        cmocka_unit_test(test_the_message_names_the_limit_and_its_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
