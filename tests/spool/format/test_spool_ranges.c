/* SPDX-License-Identifier: MIT
 * test_spool_ranges.c - the set of indexes and the gaps between them. */
#include "spool/format/ranges.h"
#include "spool/format/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static bool add(struct spool_index_set *set, uint32_t index)
{
    bool is_new = false;
    assert_int_equal(spool_index_set_reserve(set, index, &is_new), ERR_OK);
    if (is_new)
        spool_index_set_add(set, index);
    return is_new;
}

static void check_gaps(const struct spool_index_set *set, uint32_t from, uint32_t below,
                       const uint32_t *pairs, size_t count)
{
    struct spool_ranges gaps = {0};
    uint64_t total = 0;
    assert_int_equal(spool_index_set_gaps(set, from, below, &gaps), ERR_OK);
    assert_int_equal(gaps.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(gaps.items[i].first, pairs[2 * i]);
        assert_int_equal(gaps.items[i].last, pairs[2 * i + 1]);
        total += gaps.items[i].last - gaps.items[i].first + 1;
    }
    assert_int_equal(gaps.total, total);
    spool_ranges_free(&gaps);
}

static void test_an_index_is_new_once(void **state)
{
    (void)state;
    struct spool_index_set set = {0};
    assert_true(add(&set, 5));
    assert_false(add(&set, 5));
    assert_true(add(&set, SPOOL_INDEX_MAX));
    assert_false(add(&set, SPOOL_INDEX_MAX));
    assert_true(set.count == 2 && set.highest == SPOOL_INDEX_MAX);
    spool_index_set_free(&set);
}

static void test_gaps_are_exact_at_both_ends_and_across_words(void **state)
{
    (void)state;
    struct spool_index_set set = {0};
    check_gaps(&set, 0, 0, NULL, 0);
    check_gaps(&set, 0, 200000, (uint32_t[]){0, 199999}, 1);
    for (uint32_t i = 0; i < 1000; i++)
        if (i != 0 && i != 63 && i != 64 && i != 500 && i != 999)
            add(&set, i);
    check_gaps(&set, 0, 1000, (uint32_t[]){0, 0, 63, 64, 500, 500, 999, 999}, 4);
    check_gaps(&set, 1, 999, (uint32_t[]){63, 64, 500, 500}, 2);
    check_gaps(&set, 64, 65, (uint32_t[]){64, 64}, 1);
    check_gaps(&set, 65, 500, NULL, 0);
    check_gaps(&set, 900, 1200, (uint32_t[]){999, 1199}, 1);
    check_gaps(&set, 128, 256, NULL, 0);
    check_gaps(&set, 128, 250, NULL, 0);
    spool_index_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_index_is_new_once),
        cmocka_unit_test(test_gaps_are_exact_at_both_ends_and_across_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
