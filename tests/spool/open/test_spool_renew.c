/* SPDX-License-Identifier: MIT
 * test_spool_renew.c - a spool gets another id and stays what it is, also when that is cut off
 * anywhere. */
#include "base/random.h"
#include "spool/format/cursor_slot.h"
#include "spool/place/cursors_file.h"
#include "spool/disk/dir.h"
#include "spool/place/identity_file.h"
#include "tests/support/spool_fixture.h"
#include "tests/support/tsan_threads.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- cut off: from the first failing fsync() on nothing is made durable, nor renamed --------- */

static int syncs, failing_sync = -1;

int fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    if (syncs++ == failing_sync) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

/* ---- a spool with 10 events, 4 of them done -------------------------------------------------- */

static struct spool_fixture f;
static struct spool_receipt receipt;
static uint64_t done_id;

static void make_spool(void)
{
    spool_fixture_init(&f);
    spool_fixture_open(&f);
    receipt = spool_fixture_append(&f, "orders", "v", 10);
    assert_int_equal(receipt.err, ERR_OK);
    done_id = receipt.first_id + 3;
    spool_fixture_advance(&f, "orders", done_id, 4);
    spool_fixture_close(&f);
    f.options.create = false;
}

static struct spool_identity identity_of(void)
{
    struct spool_identity identity;
    int fd = open(f.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(spool_identity_read(fd, &identity, NULL), ERR_OK);
    close(fd);
    return identity;
}

/* Opens it and closes it again. */
static void assert_all_is_there(void)
{
    struct spool_stats stats;
    spool_fixture_open(&f);
    assert_int_equal(spool_cursor_at_open(f.spool)->done_id, done_id);
    struct spool_seen seen = spool_fixture_read(&f, done_id);
    assert_int_equal(seen.count, 6);
    assert_int_equal(seen.first_id, done_id + 1);
    assert_string_equal(seen.last, "v9");
    SPOOL_FIXTURE_WAIT((spool_stats_get(f.spool, &stats), !stats.counting));
    assert_int_equal(stats.books.accepted, 10);
    assert_int_equal(stats.books.delivered, 4);
    assert_int_equal(stats.books.pending, 6);
    assert_int_equal(stats.books.lost, 0);
    assert_int_equal(stats.damaged_segments, 0);
    spool_fixture_close(&f);
}

static void test_all_but_the_id_stays(void **state)
{
    (void)state;
    make_spool();
    for (int round = 0; round < 2; round++) { /* the second one meets what the first has made */
        struct spool_identity before = identity_of();
        struct spool_renewed renewed;
        struct errmsg msg = {""};
        assert_int_equal(spool_renew(&f.options, &renewed, &msg), ERR_OK);
        struct spool_identity after = identity_of();
        assert_true(renewed.has_cursors);
        assert_memory_equal(renewed.old_uuid, before.uuid, 16);
        assert_memory_equal(renewed.new_uuid, after.uuid, 16);
        assert_memory_not_equal(before.uuid, after.uuid, 16);
        assert_int_equal(after.seed, before.seed);
        assert_int_equal(after.created_ms, before.created_ms);
        assert_int_equal(after.version, before.version);
        assert_all_is_there();
    }
    spool_fixture_done(&f);
}

static void test_it_goes_on_taking_events(void **state)
{
    (void)state;
    struct spool_renewed renewed;
    make_spool();
    assert_int_equal(spool_renew(&f.options, &renewed, NULL), ERR_OK);
    spool_fixture_open(&f);
    assert_memory_equal(spool_uuid(f.spool), renewed.new_uuid, 16);
    struct spool_receipt more = spool_fixture_append(&f, "orders", "new", 2);
    assert_int_equal(more.err, ERR_OK);
    assert_true(more.first_id > receipt.last_id);
    spool_fixture_advance(&f, "orders", more.first_id, 7);
    spool_fixture_close(&f);
    spool_fixture_open(&f);
    assert_int_equal(spool_cursor_at_open(f.spool)->done_id, more.first_id);
    assert_int_equal(spool_fixture_read(&f, more.first_id).count, 1);
    spool_fixture_done(&f);
}

static void test_wherever_it_fails_the_spool_opens_with_one_of_the_ids(void **state)
{
    (void)state;
    int failed = 0, changed = 0;
    for (failing_sync = 0;; failing_sync++) {
        struct spool_renewed renewed;
        int failing = failing_sync;
        failing_sync = -1;
        make_spool();
        struct spool_identity before = identity_of();
        syncs = 0;
        failing_sync = failing;
        enum err rc = spool_renew(&f.options, &renewed, NULL);
        failing_sync = -1;
        if (rc != ERR_OK) {
            failed++;
            struct spool_identity after = identity_of();
            changed += memcmp(before.uuid, after.uuid, 16) != 0;
        }
        assert_all_is_there();
        spool_fixture_done(&f);
        if (rc == ERR_OK)
            break;
        failing_sync = failing;
    }
    failing_sync = -1;
    assert_int_equal(failed, 4);  /* the file and the directory, for the cursors and for the
                                   * identity */
    assert_int_equal(changed, 1); /* only the last one comes after the new id has its name */
}

/* A crash between the two files: an agent that still has the old id goes on, and overwrites what
 * was meant for the new one. */
static void test_cursors_made_for_a_new_id_serve_the_old_one(void **state)
{
    (void)state;
    uint8_t next[16];
    bool found = false;
    make_spool();
    struct spool_identity identity = identity_of();
    int fd = open(f.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    random_uuid_v4(next);
    assert_int_equal(spool_cursors_renew(fd, identity.uuid, next, identity.seed, &found, NULL),
                     ERR_OK);
    assert_true(found);
    assert_all_is_there();
    spool_fixture_open(&f);
    spool_fixture_advance(&f, "orders", done_id + 1, 1);
    spool_fixture_close(&f);
    spool_fixture_open(&f);
    assert_int_equal(spool_cursor_at_open(f.spool)->done_id, done_id + 1);
    close(fd);
    spool_fixture_done(&f);
}

static void test_one_in_use_stays_and_the_user_is_named(void **state)
{
    (void)state;
    struct spool_renewed renewed;
    struct errmsg msg = {""};
    char pid[32];
    make_spool();
    struct spool_identity before = identity_of();
    spool_fixture_open(&f);
    assert_int_equal(spool_renew(&f.options, &renewed, &msg), ERR_LOCKED);
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_non_null(strstr(msg.text, pid));
    spool_fixture_close(&f);
    assert_memory_equal(identity_of().uuid, before.uuid, 16);
    assert_int_equal(spool_renew(&f.options, &renewed, &msg), ERR_OK);
    spool_fixture_done(&f);
}

static void test_another_spool_than_the_one_that_is_asked_for_stays(void **state)
{
    (void)state;
    struct spool_renewed renewed;
    struct errmsg msg = {""};
    char id[UUID_TEXT_SIZE], other[] = "49dd7326-b699-4762-ba18-2e942a539dc7";
    make_spool();
    struct spool_identity before = identity_of();
    f.options.id = other;
    assert_int_equal(spool_renew(&f.options, &renewed, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, other));
    assert_memory_equal(identity_of().uuid, before.uuid, 16);
    uuid_format(before.uuid, id);
    f.options.id = id;
    assert_int_equal(spool_renew(&f.options, &renewed, &msg), ERR_OK);
    f.options.id = NULL;
    spool_fixture_done(&f);
}

static void test_where_none_is_none_is_made(void **state)
{
    (void)state;
    struct spool_renewed renewed;
    spool_fixture_init(&f);
    f.options.create = true;
    assert_int_equal(spool_renew(&f.options, &renewed, NULL), ERR_NOT_FOUND);
    char path[300];
    snprintf(path, sizeof path, "%s/PENSTOCK", f.dir);
    assert_int_not_equal(access(path, F_OK), 0);
    spool_fixture_done(&f);
}

static void test_damaged_cursors_are_told_and_left_to_the_next_run(void **state)
{
    (void)state;
    struct spool_renewed renewed;
    char path[300];
    make_spool();
    snprintf(path, sizeof path, "%s/cursors", f.dir);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (int slot = 0; slot < 2; slot++)
        assert_int_equal(pwrite(fd, "damaged!", 8, 20 + (off_t)slot * SPOOL_CURSORS_SLOT_SIZE), 8);
    close(fd);
    assert_int_equal(spool_renew(&f.options, &renewed, NULL), ERR_OK);
    assert_false(renewed.has_cursors);
    spool_fixture_open(&f);
    assert_int_equal(spool_fixture_read(&f, 0).count, 10);
    spool_fixture_close(&f);
    snprintf(path, sizeof path, "%s/cursors.damaged-1", f.dir);
    assert_int_equal(access(path, F_OK), 0);
    spool_fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_but_the_id_stays),
        cmocka_unit_test(test_it_goes_on_taking_events),
        cmocka_unit_test(test_wherever_it_fails_the_spool_opens_with_one_of_the_ids),
        cmocka_unit_test(test_cursors_made_for_a_new_id_serve_the_old_one),
        cmocka_unit_test(test_one_in_use_stays_and_the_user_is_named),
        cmocka_unit_test(test_another_spool_than_the_one_that_is_asked_for_stays),
        cmocka_unit_test(test_where_none_is_none_is_made),
        cmocka_unit_test(test_damaged_cursors_are_told_and_left_to_the_next_run),
    };
    return tsan_threads_linked ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
