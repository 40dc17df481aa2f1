/* SPDX-License-Identifier: MIT
 * test_spool_dir.c - directories on a disk that fails: what can't be read is never taken for what
 * isn't there. */
#include "spool/disk/dir.h"

#include "spool/format/id.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a disk that fails on request: these stand in front of the C library's ------------------- */

static int entries_until_error = -1; /* readdir() fails with EIO after so many; -1: never */
static int mkdir_error;
static int syncs, failing_sync = -1; /* fsync() number so and so fails with EIO */

struct dirent *readdir(DIR *dir)
{
    static struct dirent *(*real)(DIR *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "readdir");
    if (entries_until_error == 0) {
        errno = EIO;
        return NULL;
    }
    if (entries_until_error > 0)
        entries_until_error--;
    return real(dir);
}

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

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    static int (*real)(int, const char *, mode_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "mkdirat");
    if (mkdir_error != 0) {
        errno = mkdir_error;
        return -1;
    }
    return real(dir_fd, path, mode);
}

/* ---- fixture --------------------------------------------------------------------------------- */

static char dir[64];
static int root = -1;

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/penstock-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    root = open(dir, O_RDONLY | O_DIRECTORY);
    entries_until_error = -1;
    mkdir_error = 0;
    syncs = 0;
    failing_sync = -1;
    return root < 0;
}

static int tear_down(void **state)
{
    (void)state;
    entries_until_error = -1;
    close(root);
    return spool_dir_remove_tree(AT_FDCWD, dir) != ERR_OK;
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdirat(root, name, 0700), 0);
}

static void make_file(const char *name)
{
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* A segment that a listing leaves out would be passed over by the cursors, and retired unread at
 * the next start. */
static void test_a_directory_that_fails_halfway_is_unreadable_not_shorter(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        make_folder(name);
    }
    for (int entries = 0; entries < 7; entries++) { /* five, "." and ".." */
        uint64_t *ids = NULL, highest = 77;
        size_t count = 77;
        struct errmsg msg = {""};
        entries_until_error = entries;
        assert_int_equal(spool_dir_list_ids(root, &ids, &count, &msg), ERR_UNREADABLE);
        assert_non_null(strstr(msg.text, strerror(EIO)));
        entries_until_error = entries;
        assert_int_equal(spool_dir_highest_id(root, &highest, &msg), ERR_UNREADABLE);
        assert_true(ids == NULL && count == 77 && highest == 77);
    }
    entries_until_error = -1;
    uint64_t *ids;
    size_t count;
    assert_int_equal(spool_dir_list_ids(root, &ids, &count, NULL), ERR_OK);
    assert_int_equal(count, 5);
    free(ids);
}

static void test_a_tree_that_cannot_be_listed_is_not_said_to_be_gone(void **state)
{
    (void)state;
    uint64_t bytes = 77;
    make_folder("1");
    make_file("1/a");
    entries_until_error = 2;
    assert_int_not_equal(spool_dir_remove_tree(root, "1"), ERR_OK);
    entries_until_error = 0;
    assert_int_equal(spool_dir_tree_bytes(root, "1", &bytes), ERR_UNREADABLE);
    assert_int_equal(bytes, 77);
    entries_until_error = -1;
    assert_int_equal(spool_dir_remove_tree(root, "1"), ERR_OK);
    assert_int_equal(spool_dir_remove_tree(root, "1"), ERR_OK); /* gone already is as good */
}

static void test_more_ids_than_fit_at_first_come_sorted(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", 1 + i * 7919 % COUNT * 3);
        make_folder(name);
    }
    uint64_t *ids;
    size_t count;
    assert_int_equal(spool_dir_list_ids(root, &ids, &count, NULL), ERR_OK);
    assert_int_equal(count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(ids[i], 1 + i * 3);
    free(ids);
}

static void test_only_plain_ids_within_the_range_are_listed(void **state)
{
    (void)state;
    char largest[32], beyond[32];
    snprintf(largest, sizeof largest, "%llu", SPOOL_SEGMENT_ID_MAX);
    snprintf(beyond, sizeof beyond, "%llu", SPOOL_SEGMENT_ID_MAX + 1);
    make_folder(largest);
    make_folder(beyond);
    make_folder("0");
    make_folder("007");
    make_folder("-1");
    make_folder("x1");
    make_folder("1x");
    uint64_t *ids, highest;
    size_t count;
    assert_int_equal(spool_dir_list_ids(root, &ids, &count, NULL), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], SPOOL_SEGMENT_ID_MAX);
    free(ids);
    assert_int_equal(spool_dir_highest_id(root, &highest, NULL), ERR_OK);
    assert_int_equal(highest, SPOOL_SEGMENT_ID_MAX);
}

static void test_an_empty_directory_has_no_ids(void **state)
{
    (void)state;
    uint64_t *ids, highest = 77;
    size_t count = 77;
    assert_int_equal(spool_dir_list_ids(root, &ids, &count, NULL), ERR_OK);
    assert_int_equal(count, 0);
    free(ids);
    assert_int_equal(spool_dir_highest_id(root, &highest, NULL), ERR_OK);
    assert_int_equal(highest, 0);
}

static void test_a_directory_is_made_once_and_for_its_owner_alone(void **state)
{
    (void)state;
    int fd = -1;
    struct stat status;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(spool_dir_open(root, "segments", true, &fd, NULL), ERR_OK);
        assert_int_equal(fstat(fd, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0700);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        close(fd);
    }
}

static void test_a_directory_that_cannot_be_made_says_why(void **state)
{
    (void)state;
    static const int errors[] = {ENOSPC, EROFS, EDQUOT};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct errmsg msg = {""};
        int fd = 77;
        mkdir_error = errors[i];
        assert_int_equal(spool_dir_open(root, "segments", true, &fd, &msg), ERR_IO);
        assert_non_null(strstr(msg.text, strerror(errors[i])));
        assert_int_equal(fd, 77);
    }
}

/* Names are durable when the call returns, or it says that they may not be. */
static void test_making_and_moving_sync_the_directories(void **state)
{
    (void)state;
    int fd = -1, to = -1;
    failing_sync = 0;
    assert_int_equal(spool_dir_open(root, "segments", true, &fd, NULL), ERR_IO);
    assert_int_equal(unlinkat(root, "segments", AT_REMOVEDIR), 0);
    failing_sync = -1;
    syncs = 0;
    assert_int_equal(spool_dir_open(root, "segments", true, &fd, NULL), ERR_OK);
    assert_int_equal(syncs, 1);
    close(fd);
    assert_int_equal(spool_dir_open(root, "segments", true, &fd, NULL), ERR_OK);
    assert_int_equal(syncs, 1); /* there already */
    assert_int_equal(spool_dir_open(root, "trash", true, &to, NULL), ERR_OK);
    for (failing_sync = 0; failing_sync < 2; failing_sync++) {
        make_folder("segments/1");
        syncs = 0;
        assert_int_equal(spool_dir_move(fd, "1", to, "1", NULL), ERR_IO);
        assert_int_equal(spool_dir_remove_tree(to, "1"), ERR_OK);
    }
    make_folder("segments/1");
    syncs = 0;
    assert_int_equal(spool_dir_move(fd, "1", fd, "2", NULL), ERR_OK);
    assert_int_equal(syncs, 1);
    close(fd);
    close(to);
}

static void test_an_existing_directory_opens_on_a_disk_that_makes_none(void **state)
{
    (void)state;
    int fd = -1;
    make_folder("segments");
    mkdir_error = EROFS;
    assert_int_equal(spool_dir_open(root, "segments", true, &fd, NULL), ERR_OK);
    close(fd);
}

static void test_links_are_not_followed(void **state)
{
    (void)state;
    int fd;
    uint64_t bytes;
    make_folder("kept");
    make_file("kept/file");
    make_folder("1");
    assert_int_equal(symlinkat("kept", root, "segments"), 0);
    assert_int_equal(symlinkat("../kept", root, "1/link"), 0);
    assert_int_equal(spool_dir_open(root, "segments", true, &fd, NULL), ERR_INVALID);
    assert_int_equal(spool_dir_tree_bytes(root, "segments", &bytes), ERR_OK);
    assert_int_equal(spool_dir_remove_tree(root, "segments"), ERR_OK);
    assert_int_equal(spool_dir_remove_tree(root, "1"), ERR_OK);
    assert_int_equal(faccessat(root, "kept/file", F_OK, 0), 0);
}

/* Deeper than anything of ours: given up on, not run out of descriptors or stack for. */
static void test_a_tree_of_any_depth_ends(void **state)
{
    (void)state;
    enum { DEPTH = 60 };
    char path[2 * DEPTH + 2] = "d";
    make_folder(path);
    for (int i = 1; i < DEPTH; i++) {
        strcat(path, "/d");
        make_folder(path);
    }
    uint64_t bytes;
    assert_int_equal(spool_dir_tree_bytes(root, "d", &bytes), ERR_OK);
    assert_int_equal(spool_dir_remove_tree(root, "d"), ERR_IO);
    for (char *slash; (slash = strrchr(path, '/')) != NULL; *slash = '\0')
        assert_int_equal(unlinkat(root, path, AT_REMOVEDIR), 0);
}

static void test_moving_takes_the_whole_and_says_when_there_is_nothing(void **state)
{
    (void)state;
    int to = -1;
    make_folder("7");
    make_file("7/log");
    assert_int_equal(spool_dir_open(root, "trash", true, &to, NULL), ERR_OK);
    assert_int_equal(spool_dir_move(root, "7", to, "8", NULL), ERR_OK);
    assert_int_equal(faccessat(root, "trash/8/log", F_OK, 0), 0);
    assert_int_equal(faccessat(root, "7", F_OK, 0), -1);
    struct errmsg msg = {""};
    assert_int_equal(spool_dir_move(root, "7", to, "8", &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "'7'"));
    close(to);
}

static void test_bytes_of_a_tree_are_those_on_disk(void **state)
{
    (void)state;
    uint64_t before, after;
    make_folder("1");
    assert_int_equal(spool_dir_tree_bytes(root, "1", &before), ERR_OK);
    int fd = openat(root, "1/log", O_WRONLY | O_CREAT, 0600);
    static const char block[100000];
    assert_int_equal(write(fd, block, sizeof block), sizeof block);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(ftruncate(fd, 1 << 30), 0); /* a hole takes nothing */
    close(fd);
    assert_int_equal(spool_dir_tree_bytes(root, "1", &after), ERR_OK);
    assert_in_range(after - before, sizeof block, 2 * sizeof block);
    assert_int_equal(spool_dir_tree_bytes(root, "2", &after), ERR_NOT_FOUND);
}

static void test_errors_of_the_system_are_sorted(void **state)
{
    (void)state;
    static const int unreadable[] = {EIO, EACCES, EPERM, EMFILE, ENFILE, ENOMEM},
                     invalid[] = {ENOTDIR, ELOOP, EISDIR},
                     other[] = {ENOSPC, EROFS, EXDEV, EINVAL, 9999};
    assert_int_equal(spool_err_of_errno(ENOENT), ERR_NOT_FOUND);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(spool_err_of_errno(unreadable[i]), ERR_UNREADABLE);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(spool_err_of_errno(invalid[i]), ERR_INVALID);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(spool_err_of_errno(other[i]), ERR_IO);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_directory_that_fails_halfway_is_unreadable_not_shorter),
        CASE(test_a_tree_that_cannot_be_listed_is_not_said_to_be_gone),
        CASE(test_more_ids_than_fit_at_first_come_sorted),
        CASE(test_only_plain_ids_within_the_range_are_listed),
        CASE(test_an_empty_directory_has_no_ids),
        CASE(test_a_directory_is_made_once_and_for_its_owner_alone),
        CASE(test_a_directory_that_cannot_be_made_says_why),
        CASE(test_making_and_moving_sync_the_directories),
        CASE(test_an_existing_directory_opens_on_a_disk_that_makes_none),
        CASE(test_links_are_not_followed),
        CASE(test_a_tree_of_any_depth_ends),
        CASE(test_moving_takes_the_whole_and_says_when_there_is_nothing),
        CASE(test_bytes_of_a_tree_are_those_on_disk),
        CASE(test_errors_of_the_system_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
