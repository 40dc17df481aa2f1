/* SPDX-License-Identifier: MIT
 * test_spool_parts.c - the small pure parts: ids, topic names, space, index sets, directories. */
#include "spool/disk/dir.h"
#include "spool/format/id.h"
#include "spool/format/ranges.h"
#include "spool/commit/space.h"
#include "spool/spool_event.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static void test_segment_ids_follow_the_clock_but_never_go_back(void **state)
{
    (void)state;
    assert_int_equal(spool_segment_id_next(0, 1700000000000), 1700000000000 / 16);
    assert_int_equal(spool_segment_id_next(1700000000000, 1600000000000), 1700000000001);
    assert_int_equal(spool_segment_id_next(10, -5), 11);                /* a clock before 1970 */
    assert_int_equal(spool_segment_id_next(10, 99999999999999999), 11); /* and one beyond 2200 */
    uint64_t id = spool_id_of(SPOOL_SEGMENT_ID_MAX, SPOOL_INDEX_MAX);
    assert_int_equal(id, INT64_MAX);
    assert_int_equal(spool_id_segment(id), SPOOL_SEGMENT_ID_MAX);
    assert_int_equal(spool_id_index(id), SPOOL_INDEX_MAX);
}

static void test_topic_names_are_kafkas(void **state)
{
    (void)state;
    char name[251];
    memset(name, 'a', sizeof name);
    assert_true(spool_topic_name_valid(bytes_of(name, 249)));
    assert_false(spool_topic_name_valid(bytes_of(name, 250)));
    static const char *const good[] = {"a", "A.b_c-9", "...", "..a"}, *const bad[] = {
                                                                          "",    ".", "..", "a b",
                                                                          "a/b", "ä", "a\n"};
    for (size_t i = 0; i < 4; i++)
        assert_true(spool_topic_name_valid(bytes_of_string(good[i])));
    for (size_t i = 0; i < 7; i++)
        assert_false(spool_topic_name_valid(bytes_of_string(bad[i])));
}

static void test_space_is_refused_at_the_limits_and_given_again_with_some_room(void **state)
{
    (void)state;
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    options.segment_bytes = 1 << 20;
    options.size_bytes_max = 100 << 20;
    options.free_bytes_min = 1;
    struct errmsg msg;
    assert_int_equal(spool_space_floor(&options), 2 << 20); /* two segments at least */
    struct spool_space space = {
        .used_bytes = (100 << 20) - 10, .free_bytes = 1ull << 40, .new_bytes = 10};
    assert_int_equal(spool_space_check(&options, &space, false, &msg), ERR_OK);
    space.new_bytes = 11;
    assert_int_equal(spool_space_check(&options, &space, false, &msg), ERR_FULL);
    assert_non_null(strstr(msg.text, "max_size"));
    space.new_bytes = 1;
    assert_int_equal(spool_space_check(&options, &space, true, &msg), ERR_FULL); /* no flapping */
    space.used_bytes = 98 << 20;
    assert_int_equal(spool_space_check(&options, &space, true, &msg), ERR_OK);
    space.free_bytes = (2 << 20);
    assert_int_equal(spool_space_check(&options, &space, false, &msg), ERR_FULL);
    assert_non_null(strstr(msg.text, "min_free"));
}

static bool add(struct spool_index_set *set, uint32_t index)
{
    bool is_new;
    assert_int_equal(spool_index_set_reserve(set, index, &is_new), ERR_OK);
    if (is_new)
        spool_index_set_add(set, index);
    return is_new;
}

static void test_gaps_of_an_index_set_are_exact(void **state)
{
    (void)state;
    struct spool_index_set set = {0};
    for (uint32_t i = 0; i < 300; i++)
        if (i != 0 && i != 63 && i != 64 && i != 130 && i != 299)
            assert_true(add(&set, i));
    assert_false(add(&set, 5));
    struct spool_ranges gaps;
    assert_int_equal(spool_index_set_gaps(&set, 0, 300, &gaps), ERR_OK);
    assert_int_equal(gaps.total, 5);
    assert_int_equal(gaps.count, 4);
    assert_int_equal(gaps.items[1].first, 63);
    assert_int_equal(gaps.items[1].last, 64);
    spool_ranges_free(&gaps);
    /* beyond what it holds */
    assert_int_equal(spool_index_set_gaps(&set, 1000, 1010, &gaps), ERR_OK);
    assert_int_equal(gaps.total, 10);
    spool_ranges_free(&gaps);
    spool_index_set_free(&set);
}

static void test_directories_list_ids_and_are_removed_whole(void **state)
{
    (void)state;
    char dir[] = "/tmp/penstock-test-XXXXXX", command[300];
    assert_non_null(mkdtemp(dir));
    snprintf(command, sizeof command,
             "cd %s && mkdir -p 5 30/lost 7.new 0x9 08 && touch 30/a 30/lost/b 100.damaged-1 "
             "99999999999999999999 && ln -s / 30/link",
             dir);
    assert_int_equal(system(command), 0);
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    uint64_t *ids, highest, bytes;
    size_t count;
    assert_int_equal(spool_dir_list_ids(fd, &ids, &count, NULL), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ids[0], 5);
    assert_int_equal(ids[1], 30);
    free(ids);
    assert_int_equal(spool_dir_highest_id(fd, &highest, NULL), ERR_OK);
    assert_int_equal(highest, 100);
    assert_int_equal(spool_dir_tree_bytes(fd, "30", &bytes), ERR_OK);
    assert_true(bytes > 0 && bytes < 1 << 20); /* the link was not followed */
    assert_int_equal(spool_dir_remove_tree(fd, "30"), ERR_OK);
    assert_int_not_equal(faccessat(fd, "30", F_OK, 0), 0);
    int inner;
    assert_int_equal(spool_dir_open(fd, "missing", false, &inner, NULL), ERR_NOT_FOUND);
    assert_int_equal(spool_dir_open(fd, "100.damaged-1", false, &inner, NULL), ERR_INVALID);
    assert_int_equal(spool_dir_remove_tree(AT_FDCWD, dir), ERR_OK);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_ids_follow_the_clock_but_never_go_back),
        cmocka_unit_test(test_topic_names_are_kafkas),
        cmocka_unit_test(test_space_is_refused_at_the_limits_and_given_again_with_some_room),
        cmocka_unit_test(test_gaps_of_an_index_set_are_exact),
        cmocka_unit_test(test_directories_list_ids_and_are_removed_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
