/* SPDX-License-Identifier: MIT
 * test_spool_segment.c - the log of a segment that is being written: its size as counted, and the
 * room made ahead of it. */
#include "spool/write/segment.h"

#include "spool/read/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { SEGMENT_ID = 4711, VALUE_SIZE_MAX = 70000 };

static char dir[64];
static int dir_fd;
static bool no_room; /* pwrite() fails, as on a full disk; only room ahead is written that way */
static const uint8_t uuid[16] = "0123456789abcde";
static uint8_t value[VALUE_SIZE_MAX];

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (no_room) {
        errno = ENOSPC;
        return -1;
    }
    assert_int_equal(lseek(fd, offset, SEEK_SET), offset);
    return write(fd, data, size);
}

static bool no_proc; /* as in a chroot without it */

int stat(const char *path, struct stat *status)
{
    if (no_proc && strncmp(path, "/proc/", 6) == 0) {
        errno = ENOENT;
        return -1;
    }
    return fstatat(AT_FDCWD, path, status, 0);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/penstock-segment-XXXXXX");
    assert_non_null(mkdtemp(dir));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_true(dir_fd >= 0);
    memset(value, 'v', sizeof value);
    no_room = no_proc = false;
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[100];
    close(dir_fd);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct spool_segment *make(void)
{
    struct spool_segment_place place = {.segments_path = dir,
                                        .segments_fd = dir_fd,
                                        .spool_uuid = uuid,
                                        .seed = 5,
                                        .bytes_max = 16 << 20};
    struct spool_segment *segment;
    struct errmsg msg = {""};
    assert_int_equal(spool_segment_make(&place, SEGMENT_ID, &segment, &msg), ERR_OK);
    return segment;
}

static uint64_t file_size(void)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/%d/000003.log", dir, SEGMENT_ID);
    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

static void write_value(struct spool_segment *segment, size_t size)
{
    struct spool_store_entry entry = {.key = "e", .value = bytes_of(value, size)};
    struct errmsg msg = {""};
    if (spool_segment_write(segment, &entry, 1, 1, &msg) != ERR_OK)
        fail_msg("a value of %zu bytes: %s", size, msg.text);
}

/* All ends of a block come up, and every number of fragments. */
static void test_the_size_of_the_log_is_as_counted(void **state)
{
    (void)state;
    no_room = true;
    struct spool_segment *segment = make();
    for (size_t i = 0; i < 300; i++) {
        write_value(segment, (i * 7919) % (i % 3 == 0 ? VALUE_SIZE_MAX : i % 3 == 1 ? 300 : 17000));
        assert_int_equal(segment->log_bytes, file_size());
    }
    for (size_t i = 0; i < 40; i++) { /* a header fits in what remains of a block, or doesn't */
        size_t left = 32768 - segment->log_bytes % 32768;
        write_value(segment, left > 60 ? left - 60 + i : 10);
        assert_int_equal(segment->log_bytes, file_size());
    }
    spool_segment_free(segment);
}

static void test_small_writes_get_room_ahead_and_the_rest_is_given_back(void **state)
{
    (void)state;
    struct spool_segment *segment = make();
    uint64_t before = file_size();
    write_value(segment, 200);
    assert_true(segment->log_bytes > before && segment->log_bytes < before + 300);
    assert_int_equal(file_size(), segment->reserved_bytes);
    assert_true(segment->reserved_bytes > segment->log_bytes);
    for (int i = 0; i < 2000; i++)
        write_value(segment, 200);
    assert_true(file_size() >= segment->log_bytes &&
                file_size() < segment->log_bytes + (512 << 10));
    uint64_t log_bytes = segment->log_bytes;
    spool_segment_free(segment);
    assert_int_equal(file_size(), log_bytes);
}

static void test_large_writes_grow_the_file_themselves(void **state)
{
    (void)state;
    struct spool_segment *segment = make();
    for (int i = 0; i < 20; i++)
        write_value(segment, 60000);
    assert_int_equal(segment->reserved_bytes, 0);
    assert_int_equal(file_size(), segment->log_bytes);
    write_value(segment, 200); /* both in one log */
    write_value(segment, 60000);
    for (int i = 0; i < 10; i++)
        write_value(segment, 60000);
    assert_int_equal(file_size(), segment->log_bytes);
    spool_segment_free(segment);
}

/* As a crash leaves it: the room is still there. */
static void test_room_that_is_left_is_no_damage(void **state)
{
    (void)state;
    struct spool_segment *segment = make();
    write_value(segment, 200);
    char name[16];
    snprintf(name, sizeof name, "%d", SEGMENT_ID);
    struct spool_reader_options options = {.parent_fd = dir_fd,
                                           .name = name,
                                           .segment_id = SEGMENT_ID,
                                           .seed = 5,
                                           .count_limit = SPOOL_COUNT_UNKNOWN};
    struct spool_reader *reader;
    struct spool_chunk *chunk;
    assert_int_equal(spool_reader_open(&options, &reader, NULL), ERR_OK);
    assert_int_equal(spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL), ERR_END);
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_true(findings->header_found);
    assert_false(findings->damaged);
    assert_int_equal(findings->damaged_bytes, 0);
    spool_reader_close(reader);
    spool_segment_free(segment);
}

/* Somebody else wrote to it, or LevelDB didn't: not to be written on. */
static void test_a_log_of_another_size_than_written_ends_the_segment(void **state)
{
    (void)state;
    no_room = true;
    struct spool_segment *segment = make();
    write_value(segment, 200);
    char path[128];
    snprintf(path, sizeof path, "%s/%d/000003.log", dir, SEGMENT_ID);
    assert_int_equal(truncate(path, (off_t)file_size() + 100000), 0);
    struct spool_store_entry entry = {.key = "e", .value = bytes_of(value, 200)};
    struct errmsg msg = {""};
    assert_int_equal(spool_segment_write(segment, &entry, 1, 1, &msg), ERR_IO);
    assert_int_equal(segment->event_count, 1);
    spool_segment_free(segment);
    assert_true(file_size() > 100000); /* left as it is */
}

/* The path is for people: with /proc the segment goes where the descriptor leads, without it
 * nowhere else. */
static void test_a_path_that_leads_elsewhere_gets_nothing(void **state)
{
    (void)state;
    char elsewhere[] = "/tmp/penstock-segment-XXXXXX";
    assert_non_null(mkdtemp(elsewhere));
    struct spool_segment_place place = {.segments_path = elsewhere,
                                        .segments_fd = dir_fd,
                                        .spool_uuid = uuid,
                                        .seed = 5,
                                        .bytes_max = 16 << 20};
    struct spool_segment *segment = NULL;
    struct errmsg msg = {""};
    no_proc = true;
    assert_int_equal(spool_segment_make(&place, SEGMENT_ID, &segment, &msg), ERR_IO);
    assert_non_null(strstr(msg.text, elsewhere));
    place.segments_path = "/tmp/penstock/not/there";
    assert_int_equal(spool_segment_make(&place, SEGMENT_ID, &segment, &msg), ERR_IO);
    place.segments_path = dir;
    assert_int_equal(spool_segment_make(&place, SEGMENT_ID, &segment, &msg), ERR_OK);
    spool_segment_free(segment);
    no_proc = false;
    place.segments_path = elsewhere;
    assert_int_equal(spool_segment_make(&place, SEGMENT_ID + 1, &segment, &msg), ERR_OK);
    spool_segment_free(segment);
    assert_int_equal(rmdir(elsewhere), 0); /* it is empty */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_size_of_the_log_is_as_counted, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(test_small_writes_get_room_ahead_and_the_rest_is_given_back,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_large_writes_grow_the_file_themselves, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(test_room_that_is_left_is_no_damage, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_a_path_that_leads_elsewhere_gets_nothing, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(test_a_log_of_another_size_than_written_ends_the_segment,
                                        make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
