/* SPDX-License-Identifier: MIT
 * test_spool_place.c - which directory a spool is opened in, made in, and whether its path still
 * leads there. */
#include "tests/support/spool_fixture.h"

#include "base/random.h"
#include "spool/disk/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct spool_fixture f;
static struct errmsg msg;
static char aside[300]; /* a neighbour of the spool's directory */

static int set_up(void **state)
{
    (void)state;
    spool_fixture_init(&f);
    snprintf(aside, sizeof aside, "%s-aside", f.dir);
    msg.text[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    spool_fixture_done(&f);
    return spool_dir_remove_tree(AT_FDCWD, aside) != ERR_OK;
}

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int count = -2;
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static bool exists(const char *dir, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static enum err try_open(void)
{
    struct spool *spool = NULL;
    enum err rc = spool_open(&f.options, NULL, NULL, &spool, &msg);
    spool_close(spool);
    return rc;
}

static void assert_says(const char *part)
{
    if (strstr(msg.text, part) == NULL)
        fail_msg("no '%s' in: %s", part, msg.text);
}

/* ---- opening and making ---------------------------------------------------------------------- */

static void test_nothing_is_written_where_no_spool_is_to_be_made(void **state)
{
    (void)state;
    f.options.create = false;
    assert_int_equal(try_open(), ERR_NOT_FOUND);
    assert_says("penstock init");
    assert_int_equal(count_entries(f.dir), 0);
    assert_int_equal(rmdir(f.dir), 0);
    assert_int_equal(try_open(), ERR_NOT_FOUND);
    assert_int_equal(access(f.dir, F_OK), -1);
}

static void test_what_is_required_must_be_mounted_before_anything_is_made(void **state)
{
    (void)state;
    f.options.require_mount = f.dir;
    assert_int_equal(try_open(), ERR_UNAVAILABLE);
    assert_says("is not mounted");
    assert_int_equal(count_entries(f.dir), 0);
    assert_int_equal(rmdir(f.dir), 0);
    assert_int_equal(try_open(), ERR_UNAVAILABLE); /* the mount explains more than the missing
                                                    * directory */
    assert_int_equal(access(f.dir, F_OK), -1);
}

static void test_another_id_is_refused_and_none_is_made_for_one_that_was_named(void **state)
{
    (void)state;
    char id[UUID_TEXT_SIZE], other[] = "0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51";
    f.options.id = other;
    assert_int_equal(try_open(), ERR_NOT_FOUND);
    assert_int_equal(count_entries(f.dir), 0);
    f.options.id = NULL;
    spool_fixture_open(&f);
    uuid_format(spool_uuid(f.spool), id);
    spool_fixture_close(&f);
    f.options.id = other;
    assert_int_equal(try_open(), ERR_INVALID);
    assert_says(other);
    assert_says(id);
    f.options.id = id;
    assert_int_equal(try_open(), ERR_OK);
}

static void test_remains_without_identity_are_no_place_for_a_new_spool(void **state)
{
    (void)state;
    char path[300];
    uint8_t uuid[16];
    bool made;
    spool_fixture_open(&f);
    (void)spool_fixture_append(&f, "t", "v", 1);
    spool_fixture_close(&f);
    snprintf(path, sizeof path, "%s/PENSTOCK", f.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(try_open(), ERR_DAMAGED);
    assert_int_equal(spool_init(&f.options, uuid, &made, &msg), ERR_DAMAGED);
    assert_says("PENSTOCK is missing");
    assert_false(exists(f.dir, "PENSTOCK"));
}

static void test_init_makes_directory_and_identity_once_and_leaves_a_damaged_one(void **state)
{
    (void)state;
    uint8_t first[16], second[16];
    bool made = false;
    char path[300];
    f.options.create = false;
    assert_int_equal(rmdir(f.dir), 0);
    strcat(f.dir, "/"); /* as one types it */
    assert_int_equal(spool_init(&f.options, first, &made, &msg), ERR_OK);
    assert_true(made);
    assert_int_equal(spool_init(&f.options, second, &made, &msg), ERR_OK);
    assert_false(made);
    assert_memory_equal(first, second, 16);
    spool_fixture_open(&f);
    assert_memory_equal(spool_uuid(f.spool), first, 16);
    assert_int_equal(spool_init(&f.options, second, &made, &msg), ERR_OK); /* while it is in use */
    spool_fixture_close(&f);
    snprintf(path, sizeof path, "%s/PENSTOCK", f.dir);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(spool_init(&f.options, second, &made, &msg), ERR_DAMAGED);
    assert_says(f.dir);
}

/* ---- the place of an open spool -------------------------------------------------------------- */

static void test_open_spool_is_here_however_its_path_is_spelled(void **state)
{
    (void)state;
    assert_int_equal(symlink(f.dir, aside), 0);
    f.options.path = aside;
    spool_fixture_open(&f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(spool_place(f.spool, &msg), SPOOL_HERE);
    assert_string_equal(msg.text, "");
    assert_int_equal(unlink(aside), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_AWAY);
    assert_int_equal(symlink(f.dir, aside), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_HERE);
}

static void test_moved_or_replaced_directory_is_away_until_it_is_back(void **state)
{
    (void)state;
    spool_fixture_open(&f);
    assert_int_equal(rename(f.dir, aside), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_AWAY);
    assert_says(f.dir);
    assert_says("No such file");
    assert_int_equal(mkdir(f.dir, 0700), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_AWAY);
    assert_says("another directory");
    assert_int_equal(count_entries(f.dir), 0);
    assert_int_equal(rmdir(f.dir), 0);
    assert_int_equal(rename(aside, f.dir), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_HERE);
}

static void test_another_spool_in_its_place_is_a_stranger_a_copy_is_to_be_opened(void **state)
{
    (void)state;
    struct spool_options other = f.options;
    uint8_t uuid[16];
    bool made;
    char command[700];
    spool_fixture_open(&f);
    assert_int_equal(rename(f.dir, aside), 0);
    assert_int_equal(spool_init(&other, uuid, &made, &msg), ERR_OK);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_AWAY);
    assert_says("another spool");
    snprintf(command, sizeof command, "cp '%s/PENSTOCK' '%s/'", aside, f.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_USELESS);
    assert_says("the same spool");
}

static void test_identity_gone_or_exchanged_is_away_and_a_damaged_one_is_made_good(void **state)
{
    (void)state;
    char path[300], kept[340], saved[4096] = "", again[4096] = "";
    snprintf(path, sizeof path, "%s/PENSTOCK", f.dir);
    snprintf(kept, sizeof kept, "%s.kept", path);
    spool_fixture_open(&f);
    int fd = open(path, O_RDONLY);
    assert_true(read(fd, saved, sizeof saved - 1) > 0);
    close(fd);
    assert_int_equal(rename(path, kept), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_AWAY);
    assert_says("PENSTOCK");
    assert_int_equal(rename(kept, path), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_HERE);

    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_HERE);
    fd = open(path, O_RDONLY);
    assert_true(read(fd, again, sizeof again - 1) > 0);
    close(fd);
    assert_string_equal(saved, again);

    uint8_t uuid[16];
    bool made;
    char command[700];
    struct spool_options other = f.options;
    other.path = aside;
    assert_int_equal(spool_init(&other, uuid, &made, &msg), ERR_OK);
    snprintf(command, sizeof command, "cp '%s/PENSTOCK' '%s/'", aside, f.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(spool_place(f.spool, &msg), SPOOL_AWAY);
    assert_says("another spool's");
}

/* The path leads to a directory that looks like a spool's: the open one goes on in its own, through
 * rotations too. */
static void test_segments_are_made_in_the_spools_own_directory_wherever_its_path_leads(void **state)
{
    (void)state;
    char trap[300];
    f.options.segment_bytes = SPOOL_SEGMENT_BYTES_MIN;
    spool_fixture_open(&f);
    assert_int_equal(rename(f.dir, aside), 0);
    assert_int_equal(mkdir(f.dir, 0700), 0);
    snprintf(trap, sizeof trap, "%s/segments", f.dir);
    assert_int_equal(mkdir(trap, 0700), 0);
    struct spool_stats before, after = {0};
    spool_stats_get(f.spool, &before);
    for (int i = 0; i < 60 && after.live_segment_id <= before.live_segment_id + 2; i++) {
        assert_int_equal(spool_fixture_append(&f, "t", "v", 20000).err, ERR_OK);
        spool_stats_get(f.spool, &after);
    }
    assert_true(after.live_segment_id > before.live_segment_id);
    assert_int_equal(after.segments_abandoned, 0);
    assert_int_equal(count_entries(trap), 0);
    assert_int_equal(count_entries(f.dir), 1);
    spool_fixture_close(&f);
    assert_int_equal(count_entries(trap), 0);
    assert_int_equal(rmdir(trap), 0);
    assert_int_equal(rmdir(f.dir), 0);
    assert_int_equal(rename(aside, f.dir), 0);
    spool_fixture_open(&f);
    assert_true(spool_fixture_read(&f, 0).count >= 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_written_where_no_spool_is_to_be_made,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_is_required_must_be_mounted_before_anything_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_another_id_is_refused_and_none_is_made_for_one_that_was_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remains_without_identity_are_no_place_for_a_new_spool,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_init_makes_directory_and_identity_once_and_leaves_a_damaged_one, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_open_spool_is_here_however_its_path_is_spelled, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_moved_or_replaced_directory_is_away_until_it_is_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_another_spool_in_its_place_is_a_stranger_a_copy_is_to_be_opened, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_identity_gone_or_exchanged_is_away_and_a_damaged_one_is_made_good, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_segments_are_made_in_the_spools_own_directory_wherever_its_path_leads, set_up,
            tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
