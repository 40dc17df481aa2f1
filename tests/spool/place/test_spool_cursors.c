/* SPDX-License-Identifier: MIT
 * test_spool_cursors.c - the cursors file and the identity: what was written comes back, what is
 * damaged never does. */
#include "spool/format/cursor_slot.h"
#include "spool/place/cursors_file.h"

#include "base/random.h"
#include "spool/place/identity_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a disk that fails on request: these stand in front of the C library's ------------------- */

static int sync_error;               /* the next fdatasync() fails with it */
static int syncs, failing_sync = -1; /* fsync() number so and so fails with EIO */
static int unreadable_slot = -1;     /* reading it fails with EIO */
static bool opens_for_reading_only;  /* openat() of the cursors for writing fails */

int fdatasync(int fd)
{
    static int (*real)(int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    if (sync_error != 0) {
        errno = sync_error;
        sync_error = 0;
        return -1;
    }
    return real(fd);
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

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pread");
    if (unreadable_slot >= 0 && offset / SPOOL_CURSORS_SLOT_SIZE == unreadable_slot) {
        errno = EIO;
        return -1;
    }
    return real(fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "read");
    off_t offset = unreadable_slot >= 0 ? lseek(fd, 0, SEEK_CUR) : 0;
    off_t bad = (off_t)unreadable_slot * SPOOL_CURSORS_SLOT_SIZE;
    if (unreadable_slot >= 0 && offset >= bad && offset < bad + (off_t)SPOOL_CURSORS_SLOT_SIZE) {
        errno = EIO;
        return -1;
    }
    if (unreadable_slot >= 0 && offset < bad && (off_t)size > bad - offset)
        size = (size_t)(bad - offset); /* up to the bad place, as the kernel does */
    return real(fd, data, size);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    static int (*real)(int, const char *, int, ...);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "openat");
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (opens_for_reading_only && strcmp(path, "cursors") == 0 && (flags & O_ACCMODE) != O_RDONLY) {
        errno = EACCES;
        return -1;
    }
    return real(dir_fd, path, flags, mode);
}

/* While it is set no file grows beyond so many bytes: what is there can be written, a new file of
 * cursors can't. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ---- fixture --------------------------------------------------------------------------------- */

static const uint8_t uuid[16] = "0123456789abcde";
static char dir[64];
static int root = -1;

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/penstock-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    root = open(dir, O_RDONLY | O_DIRECTORY);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit is an error, not a signal */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[100];
    limit_files(RLIM_INFINITY);
    sync_error = 0;
    failing_sync = -1;
    unreadable_slot = -1;
    opens_for_reading_only = false;
    close(root);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static struct spool_cursors *open_cursors(struct spool_cursor_state *state, bool *found)
{
    struct spool_cursors *cursors = NULL;
    struct errmsg msg = {""};
    assert_int_equal(spool_cursors_open(root, uuid, 5, &cursors, state, found, &msg), ERR_OK);
    return cursors;
}

static enum err try_to_write(struct spool_cursors *cursors, uint64_t done_id, struct errmsg *msg)
{
    char stuck[] = "stuck", orders[] = "orders";
    struct spool_lane_cursor lane = {stuck, done_id - 1};
    struct spool_topic_totals totals = {orders, done_id, 2, 3};
    struct spool_cursor_state state = {.mode = SPOOL_AT_LEAST_ONCE,
                                       .segment_id_max = 9,
                                       .done_id = done_id,
                                       .lanes = &lane,
                                       .lane_count = 1,
                                       .topics = &totals,
                                       .topic_count = 1,
                                       .lost_unknown_topic = 4};
    return spool_cursors_write(cursors, &state, msg);
}

static void write_done(struct spool_cursors *cursors, uint64_t done_id)
{
    assert_int_equal(try_to_write(cursors, done_id, NULL), ERR_OK);
}

static struct spool_cursors *open_new_cursors(void)
{
    struct spool_cursor_state state = {0};
    bool found = true;
    struct spool_cursors *cursors = open_cursors(&state, &found);
    assert_false(found);
    return cursors;
}

/* Two states, 11 and then 12; returns the slot that holds 12. */
static int write_two_states(void)
{
    struct spool_cursors *cursors = open_new_cursors();
    write_done(cursors, 11);
    write_done(cursors, 12);
    spool_cursors_close(cursors);
    uint8_t sequence[2];
    int fd = openat(root, "cursors", O_RDONLY);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pread(fd, &sequence[i], 1, i * (off_t)SPOOL_CURSORS_SLOT_SIZE + 32), 1);
    close(fd);
    return sequence[0] > sequence[1] ? 0 : 1;
}

static bool is_there(const char *name)
{
    return faccessat(root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static off_t file_size(void)
{
    struct stat status;
    assert_int_equal(fstatat(root, "cursors", &status, AT_SYMLINK_NOFOLLOW), 0);
    return status.st_size;
}

static uint64_t done_after_reopen(bool *found)
{
    struct spool_cursor_state state = {0};
    spool_cursors_close(open_cursors(&state, found));
    uint64_t done_id = state.done_id;
    spool_cursor_state_free(&state);
    return done_id;
}

static void test_the_newest_state_comes_back_whole(void **unused)
{
    (void)unused;
    struct spool_cursor_state state = {0};
    bool found = true;
    struct spool_cursors *cursors = open_cursors(&state, &found);
    assert_false(found);
    for (uint64_t i = 1; i <= 5; i++)
        write_done(cursors, 100 + i);
    spool_cursors_close(cursors);
    cursors = open_cursors(&state, &found);
    assert_true(found);
    assert_int_equal(state.done_id, 105);
    assert_int_equal(state.segment_id_max, 9);
    assert_int_equal(state.lost_unknown_topic, 4);
    assert_int_equal(state.lane_count, 1);
    assert_string_equal(state.lanes[0].topic, "stuck");
    assert_int_equal(state.lanes[0].done_id, 104);
    assert_string_equal(state.topics[0].topic, "orders");
    assert_int_equal(state.topics[0].delivered, 105);
    spool_cursor_state_free(&state);
    spool_cursors_close(cursors);
}

/* A write that tore leaves the state before it; whichever byte is wrong. */
static void test_a_damaged_newest_slot_gives_the_state_before(void **unused)
{
    (void)unused;
    struct spool_cursor_state state = {0};
    bool found;
    struct spool_cursors *cursors = open_cursors(&state, &found);
    write_done(cursors, 11);
    write_done(cursors, 12);
    spool_cursors_close(cursors);
    int fd = openat(root, "cursors", O_RDWR);
    uint8_t used[120], both[2][120];
    pread(fd, both[0], sizeof used, 0);
    pread(fd, both[1], sizeof used, SPOOL_CURSORS_SLOT_SIZE);
    int newest = both[0][32] > both[1][32] ? 0 : 1; /* the sequence's low byte */
    off_t offset = newest * (off_t)SPOOL_CURSORS_SLOT_SIZE;
    size_t size = 44u + both[newest][40];
    assert_true(size < sizeof used);
    for (size_t i = 0; i < size; i++) {
        memcpy(used, both[newest], sizeof used);
        used[i] ^= 0x10;
        pwrite(fd, used, sizeof used, offset);
        assert_int_equal(done_after_reopen(&found), 11);
        assert_true(found);
    }
    pwrite(fd, both[newest], sizeof used, offset);
    assert_int_equal(done_after_reopen(&found), 12);
    close(fd);
}

static void test_a_file_without_an_intact_slot_is_put_aside(void **unused)
{
    (void)unused;
    bool found;
    int fd = openat(root, "cursors", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "garbage", 7), 7);
    close(fd);
    assert_int_equal(done_after_reopen(&found), 0);
    assert_false(found);
    assert_int_equal(faccessat(root, "cursors.damaged-1", F_OK, 0), 0);
}

/* ---- a disk that fails ----------------------------------------------------------------------- */

static void test_a_failed_sync_keeps_the_state_before_and_the_next_write_makes_the_file_anew(
    void **unused)
{
    (void)unused;
    bool found;
    struct stat before, after;
    struct spool_cursors *cursors = open_new_cursors();
    write_done(cursors, 21);
    assert_int_equal(fstatat(root, "cursors", &before, 0), 0);
    struct errmsg msg = {""};
    sync_error = EIO;
    assert_int_equal(try_to_write(cursors, 22, &msg), ERR_IO);
    assert_non_null(strstr(msg.text, strerror(EIO)));
    /* on the disk only the synced slot is certain */
    int fd = openat(root, "cursors", O_RDONLY), kept = 0;
    for (int i = 0; i < 2; i++) {
        uint8_t sequence = 0;
        assert_int_equal(pread(fd, &sequence, 1, i * (off_t)SPOOL_CURSORS_SLOT_SIZE + 32), 1);
        kept += sequence == 1;
    }
    assert_int_equal(kept, 1);
    close(fd);
    write_done(cursors, 23);
    assert_int_equal(fstatat(root, "cursors", &after, 0), 0);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(done_after_reopen(&found), 23);
    write_done(cursors, 24);
    spool_cursors_close(cursors);
    assert_int_equal(done_after_reopen(&found), 24);
}

/* Else nothing could be retired any more, and the disk would stay full. */
static void test_after_a_failed_sync_a_full_disk_can_still_be_written(void **unused)
{
    (void)unused;
    bool found;
    struct spool_cursors *cursors = open_new_cursors();
    write_done(cursors, 31);
    sync_error = EIO;
    assert_int_equal(try_to_write(cursors, 32, NULL), ERR_IO);
    limit_files(SPOOL_CURSORS_SLOT_SIZE + 4096);
    for (uint64_t done_id = 33; done_id < 38; done_id++) {
        struct errmsg msg = {""};
        assert_int_equal(try_to_write(cursors, done_id, &msg), ERR_OK);
        assert_string_equal(msg.text, "");
        assert_int_equal(done_after_reopen(&found), done_id);
    }
    assert_false(is_there("cursors.tmp"));
    sync_error = EIO;
    assert_int_equal(try_to_write(cursors, 38, NULL), ERR_IO);
    limit_files(RLIM_INFINITY);
    write_done(cursors, 39);
    spool_cursors_close(cursors);
    assert_int_equal(done_after_reopen(&found), 39);
    assert_int_equal(file_size(), 2 * SPOOL_CURSORS_SLOT_SIZE);
}

/* Content first, then the name: whichever sync fails, a state that was said to be written comes
 * back. */
static void test_a_new_file_counts_only_when_it_and_its_name_are_synced(void **unused)
{
    (void)unused;
    bool found;
    struct spool_cursors *cursors = NULL;
    struct spool_cursor_state state = {0};
    for (failing_sync = 0; failing_sync < 2; failing_sync++) {
        syncs = 0;
        assert_int_equal(spool_cursors_open(root, uuid, 5, &cursors, &state, &found, NULL), ERR_OK);
        assert_int_equal(try_to_write(cursors, 70, NULL), ERR_IO);
        spool_cursors_close(cursors);
        (void)unlinkat(root, "cursors", 0);
    }
    failing_sync = -1;
    cursors = open_new_cursors();
    write_done(cursors, 71);
    sync_error = EIO;
    assert_int_equal(try_to_write(cursors, 72, NULL), ERR_IO);
    syncs = failing_sync = 0;
    /* the new file's content failed: into the old one */
    assert_int_equal(try_to_write(cursors, 73, NULL), ERR_OK);
    assert_int_equal(done_after_reopen(&found), 73);
    syncs = 0;
    failing_sync = 1;
    /* the name failed: which file there is nobody knows */
    assert_int_equal(try_to_write(cursors, 74, NULL), ERR_IO);
    syncs = 0;
    failing_sync = 0;
    assert_int_equal(try_to_write(cursors, 75, NULL), ERR_IO);
    failing_sync = -1;
    write_done(cursors, 76);
    spool_cursors_close(cursors);
    assert_int_equal(done_after_reopen(&found), 76);
}

/* It would end up in ids, where it leaves no room for an index. */
static void test_a_segment_id_beyond_the_range_is_not_believed(void **unused)
{
    (void)unused;
    bool found;
    struct spool_cursors *cursors = open_new_cursors();
    struct spool_cursor_state state = {
        .mode = SPOOL_AT_LEAST_ONCE, .done_id = 1, .segment_id_max = SPOOL_SEGMENT_ID_MAX + 1};
    write_done(cursors, 81);
    assert_int_equal(spool_cursors_write(cursors, &state, NULL), ERR_OK);
    spool_cursors_close(cursors);
    assert_int_equal(done_after_reopen(&found), 81);
}

/* What is written into a file that no name leads to would be gone at the next start. */
static void test_a_file_that_is_no_longer_in_its_place_does_not_count_as_written(void **unused)
{
    (void)unused;
    struct spool_cursors *cursors = open_new_cursors();
    write_done(cursors, 41);
    sync_error = EIO;
    assert_int_equal(try_to_write(cursors, 42, NULL), ERR_IO);
    assert_int_equal(unlinkat(root, "cursors", 0), 0);
    limit_files(SPOOL_CURSORS_SLOT_SIZE + 4096);
    struct errmsg msg = {""};
    assert_int_equal(try_to_write(cursors, 43, &msg), ERR_IO);
    assert_true(msg.text[0] != '\0');
    limit_files(RLIM_INFINITY);
    bool found;
    write_done(cursors, 44);
    spool_cursors_close(cursors);
    assert_int_equal(done_after_reopen(&found), 44);
}

static void test_a_full_disk_makes_no_file_and_leaves_nothing_behind(void **unused)
{
    (void)unused;
    struct spool_cursors *cursors = NULL;
    struct spool_cursor_state state = {0};
    struct errmsg msg = {""};
    bool found = true;
    limit_files(SPOOL_CURSORS_SLOT_SIZE);
    assert_int_equal(spool_cursors_open(root, uuid, 5, &cursors, &state, &found, &msg), ERR_OK);
    assert_false(found);
    assert_int_equal(try_to_write(cursors, 1, &msg), ERR_IO);
    assert_true(msg.text[0] != '\0');
    assert_false(is_there("cursors") || is_there("cursors.tmp"));
    spool_cursors_close(cursors);
}

static void test_a_slot_that_cannot_be_read_leaves_the_other_one(void **unused)
{
    (void)unused;
    int newest = write_two_states();
    bool found;
    for (int i = 0; i < 2; i++) {
        unreadable_slot = i;
        assert_int_equal(done_after_reopen(&found), i == newest ? 11 : 12);
        assert_true(found);
        assert_false(is_there("cursors.damaged-1"));
    }
    unreadable_slot = newest;
    struct spool_cursor_state state = {0};
    struct spool_cursors *cursors = open_cursors(&state, &found);
    spool_cursor_state_free(&state);
    write_done(cursors, 13); /* into a new file: the disk under the old one is bad */
    spool_cursors_close(cursors);
    unreadable_slot = -1;
    assert_int_equal(done_after_reopen(&found), 13);
}

static void test_a_file_cut_anywhere_gives_what_is_whole_in_it(void **unused)
{
    (void)unused;
    bool found;
    assert_int_equal(write_two_states(), 1); /* the newest is the last in the file */
    static const off_t cuts[] = {2 * SPOOL_CURSORS_SLOT_SIZE - 1, SPOOL_CURSORS_SLOT_SIZE + 200,
                                 SPOOL_CURSORS_SLOT_SIZE + 60,    SPOOL_CURSORS_SLOT_SIZE,
                                 SPOOL_CURSORS_SLOT_SIZE - 1,     200};
    static const uint64_t expected[] = {12, 12, 11, 11, 11, 11};
    int fd = openat(root, "cursors", O_RDWR);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        assert_int_equal(ftruncate(fd, cuts[i]), 0);
        assert_int_equal(done_after_reopen(&found), expected[i]);
        assert_true(found);
    }
    close(fd);
    struct spool_cursor_state state = {0};
    struct spool_cursors *cursors = open_cursors(&state, &found);
    spool_cursor_state_free(&state);
    write_done(cursors, 14);
    spool_cursors_close(cursors);
    /* whole again: later writes need no free block */
    assert_int_equal(file_size(), 2 * SPOOL_CURSORS_SLOT_SIZE);
    assert_int_equal(done_after_reopen(&found), 14);
}

/* A restored spool, say, whose files belong to somebody else. */
static void test_a_file_that_can_only_be_read_still_tells_its_state(void **unused)
{
    (void)unused;
    write_two_states();
    bool found;
    opens_for_reading_only = true;
    for (int i = 0; i < 2; i++) { /* and still does so the next time */
        assert_int_equal(done_after_reopen(&found), 12);
        assert_true(found);
    }
    assert_false(is_there("cursors.damaged-1"));
    struct spool_cursor_state state = {0};
    struct spool_cursors *cursors = open_cursors(&state, &found);
    spool_cursor_state_free(&state);
    opens_for_reading_only = false;
    write_done(cursors, 13);
    spool_cursors_close(cursors);
    assert_int_equal(done_after_reopen(&found), 13);
}

static void test_what_is_no_file_is_put_aside_and_cursors_work_again(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < 4; kind++) {
        char aside[32];
        snprintf(aside, sizeof aside, "cursors.damaged-%d", kind + 1);
        assert_int_equal(kind == 0   ? mkdirat(root, "cursors", 0700)
                         : kind == 1 ? mkfifoat(root, "cursors", 0600)
                         : kind == 2 ? symlinkat("/dev/zero", root, "cursors")
                                     : close(openat(root, "cursors", O_WRONLY | O_CREAT, 0600)),
                         0);
        struct spool_cursor_state state = {0};
        struct spool_cursors *cursors = NULL;
        struct errmsg msg = {""};
        bool found = true;
        assert_int_equal(spool_cursors_open(root, uuid, 5, &cursors, &state, &found, &msg), ERR_OK);
        assert_false(found);
        assert_non_null(strstr(msg.text, aside));
        assert_true(is_there(aside));
        write_done(cursors, 51);
        spool_cursors_close(cursors);
        assert_int_equal(done_after_reopen(&found), 51);
        assert_int_equal(unlinkat(root, "cursors", 0), 0);
    }
}

static void test_the_whole_file_is_there_with_its_first_state(void **unused)
{
    (void)unused;
    struct stat status;
    struct spool_cursors *cursors = open_new_cursors();
    assert_false(is_there("cursors"));
    write_done(cursors, 7);
    spool_cursors_close(cursors);
    assert_int_equal(fstatat(root, "cursors", &status, 0), 0);
    assert_int_equal(status.st_size, 2 * SPOOL_CURSORS_SLOT_SIZE);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true(status.st_blocks * 512 >= status.st_size);
    bool found = false;
    assert_int_equal(done_after_reopen(&found), 7);
    assert_true(found);
}

static void test_more_topics_than_a_slot_holds_are_refused_and_the_state_before_stays(void **unused)
{
    (void)unused;
    enum { COUNT = 3000 };
    struct spool_lane_cursor *lanes = calloc(COUNT, sizeof *lanes);
    char name[250];
    memset(name, 'x', 249);
    name[249] = '\0';
    for (size_t i = 0; i < COUNT; i++)
        lanes[i] = (struct spool_lane_cursor){name, i};
    struct spool_cursor_state state = {
        .mode = SPOOL_AT_LEAST_ONCE, .lanes = lanes, .lane_count = COUNT};
    struct spool_cursors *cursors = open_new_cursors();
    write_done(cursors, 61);
    assert_int_equal(spool_cursors_write(cursors, &state, NULL), ERR_TOO_LARGE);
    bool found;
    assert_int_equal(done_after_reopen(&found), 61);
    write_done(cursors, 62);
    spool_cursors_close(cursors);
    assert_int_equal(done_after_reopen(&found), 62);
    free(lanes);
}

static void test_another_spools_cursors_are_not_taken(void **unused)
{
    (void)unused;
    struct spool_cursor_state state = {0};
    bool found;
    struct spool_cursors *cursors = open_cursors(&state, &found);
    write_done(cursors, 50);
    spool_cursors_close(cursors);
    static const uint8_t other[16] = "another spool's";
    assert_int_equal(spool_cursors_open(root, other, 5, &cursors, &state, &found, NULL), ERR_OK);
    assert_false(found);
    spool_cursors_close(cursors);
}

static void test_a_thousand_topics_with_the_longest_names_fit(void **unused)
{
    (void)unused;
    struct spool_topic_totals *topics = calloc(1000, sizeof *topics);
    for (int i = 0; i < 1000; i++) {
        topics[i] = (struct spool_topic_totals){malloc(250), UINT64_MAX, UINT64_MAX, UINT64_MAX};
        memset(topics[i].topic, 'x', 249);
        topics[i].topic[249] = '\0';
    }
    struct spool_cursor_state state = {.mode = SPOOL_AT_LEAST_ONCE,
                                       .topics = topics,
                                       .topic_count = 1000},
                              read = {0};
    bool found;
    struct spool_cursors *cursors = open_cursors(&read, &found);
    assert_int_equal(spool_cursors_write(cursors, &state, NULL), ERR_OK);
    spool_cursors_close(cursors);
    cursors = open_cursors(&read, &found);
    assert_int_equal(read.topic_count, 1000);
    spool_cursors_close(cursors);
    spool_cursor_state_free(&read);
    for (int i = 0; i < 1000; i++)
        free(topics[i].topic);
    free(topics);
}

static void test_the_identity_is_made_once_and_comes_back(void **unused)
{
    (void)unused;
    struct spool_identity made, read;
    struct errmsg msg;
    assert_int_equal(spool_identity_read(root, &read, &msg), ERR_NOT_FOUND);
    assert_int_equal(spool_identity_create(root, &made, &msg), ERR_OK);
    assert_int_equal(spool_identity_read(root, &read, &msg), ERR_OK);
    assert_memory_equal(made.uuid, read.uuid, 16);
    assert_int_equal(made.seed, read.seed);
    assert_int_equal(spool_identity_create(root, &made, &msg), ERR_INVALID);
}

static void test_no_damaged_identity_passes_and_a_newer_one_is_named(void **unused)
{
    (void)unused;
    struct spool_identity identity;
    struct errmsg msg;
    assert_int_equal(spool_identity_create(root, &identity, &msg), ERR_OK);
    int fd = openat(root, "PENSTOCK", O_RDWR);
    char text[400];
    ssize_t size = pread(fd, text, sizeof text, 0);
    for (ssize_t i = 0; i < size - 1; i++) {
        char changed = text[i] == '9' ? '8' : '9';
        pwrite(fd, &changed, 1, i);
        assert_int_not_equal(spool_identity_read(root, &identity, &msg), ERR_OK);
        pwrite(fd, &text[i], 1, i);
    }
    assert_int_equal(spool_identity_read(root, &identity, &msg), ERR_OK);
    pwrite(fd, "penstock-spool: 7", 17, 0);
    assert_int_equal(spool_identity_read(root, &identity, &msg), ERR_VERSION);
    close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_the_newest_state_comes_back_whole),
        CASE(test_a_damaged_newest_slot_gives_the_state_before),
        CASE(test_a_file_without_an_intact_slot_is_put_aside),
        CASE(test_a_failed_sync_keeps_the_state_before_and_the_next_write_makes_the_file_anew),
        CASE(test_after_a_failed_sync_a_full_disk_can_still_be_written),
        CASE(test_a_new_file_counts_only_when_it_and_its_name_are_synced),
        CASE(test_a_segment_id_beyond_the_range_is_not_believed),
        CASE(test_a_file_that_is_no_longer_in_its_place_does_not_count_as_written),
        CASE(test_a_full_disk_makes_no_file_and_leaves_nothing_behind),
        CASE(test_a_slot_that_cannot_be_read_leaves_the_other_one),
        CASE(test_a_file_cut_anywhere_gives_what_is_whole_in_it),
        CASE(test_a_file_that_can_only_be_read_still_tells_its_state),
        CASE(test_what_is_no_file_is_put_aside_and_cursors_work_again),
        CASE(test_the_whole_file_is_there_with_its_first_state),
        CASE(test_more_topics_than_a_slot_holds_are_refused_and_the_state_before_stays),
        CASE(test_another_spools_cursors_are_not_taken),
        CASE(test_a_thousand_topics_with_the_longest_names_fit),
        CASE(test_the_identity_is_made_once_and_comes_back),
        CASE(test_no_damaged_identity_passes_and_a_newer_one_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
