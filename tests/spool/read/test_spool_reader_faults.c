/* SPDX-License-Identifier: MIT
 * test_spool_reader_faults.c - what can't be read now is not lost: errors of the disk and of the
 * process, retries, and how much is read. The calls of libc that the reader uses are replaced here
 * by ones that fail on demand. */
#include "tests/support/damage_check.h"
#include "spool/read/segment_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

static struct {
    int pread_error; /* what reading at or behind bad_from answers; 0: nothing fails */
    off_t bad_from;
    off_t read_bytes;
    long allocations_left; /* until one fails; negative: none does */
} faults = {.allocations_left = -1};

ssize_t pread(int fd, void *buf, size_t size, off_t at)
{
    if (faults.pread_error != 0 && at + (off_t)size > faults.bad_from) {
        if (at >= faults.bad_from) {
            errno = faults.pread_error;
            return -1;
        }
        size = (size_t)(faults.bad_from - at); /* the kernel gives what lies before a bad sector */
    }
    ssize_t n = (ssize_t)syscall(SYS_pread64, fd, buf, size, at);
    if (n > 0)
        faults.read_bytes += n;
    return n;
}

/* Sanitizers bring their own allocator, which is not to be replaced. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAN_FAIL_ALLOCATIONS 0
#endif
#endif
#ifndef CAN_FAIL_ALLOCATIONS
#define CAN_FAIL_ALLOCATIONS 1
#endif

#if CAN_FAIL_ALLOCATIONS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static bool fails_now(void)
{
    return faults.allocations_left >= 0 && faults.allocations_left-- == 0;
}

void *malloc(size_t size)
{
    return fails_now() ? NULL : __libc_malloc(size);
}
void *calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __libc_calloc(count, size);
}
void *realloc(void *p, size_t size)
{
    return fails_now() ? NULL : __libc_realloc(p, size);
}
#endif

static struct segment_writer writer;

static int write_segment(void **state)
{
    (void)state;
    segment_start(&writer, 31);
    segment_write_many(&writer, 400, 10, false, true);
    segment_end(&writer);
    return 0;
}

static int remove_segment(void **state)
{
    (void)state;
    segment_remove(&writer);
    return 0;
}

static int no_faults(void **state)
{
    (void)state;
    faults.pread_error = 0;
    faults.allocations_left = -1;
    return 0;
}

static struct spool_reader *open_reader(void)
{
    struct spool_reader_options options = segment_options(&writer);
    struct spool_reader *reader = NULL;
    assert_int_equal(spool_reader_open(&options, &reader, NULL), ERR_OK);
    return reader;
}

/* Reads until an error; returns it. */
static enum err read_on(struct spool_reader *reader, struct damage_seen *seen, struct errmsg *msg)
{
    struct spool_chunk *chunk = NULL;
    enum err rc;
    while ((rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        struct spool_event event;
        for (size_t pos = 0; spool_chunk_next(chunk, &pos, &event); seen->count++) {
            assert_false(seen->events[spool_id_index(event.id)]);
            seen->events[spool_id_index(event.id)] = true;
        }
        spool_chunk_unref(chunk);
    }
    return rc;
}

static void check_complete(struct spool_reader *reader, const struct damage_seen *seen)
{
    const struct spool_findings *findings = spool_reader_findings(reader);
    assert_int_equal(seen->count, writer.event_count);
    assert_true(findings->sealed && !findings->damaged && findings->lost.total == 0 &&
                findings->damaged_bytes == 0);
}

static void test_a_bad_sector_is_unreadable_not_lost_and_reading_goes_on_when_it_heals(void **state)
{
    (void)state;
    off_t places[] = {0,
                      1,
                      100,
                      40000,
                      (off_t)segment_log_bytes(&writer) / 2,
                      (off_t)segment_log_bytes(&writer) - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct damage_seen seen = {.events = calloc(writer.event_count, 1)};
        struct errmsg msg = {""};
        struct spool_reader *reader = open_reader();
        faults.pread_error = EIO;
        faults.bad_from = places[i];
        for (int try = 0; try < 3; try++) {
            assert_int_equal(read_on(reader, &seen, &msg), ERR_UNREADABLE);
            assert_non_null(strstr(msg.text, "Input/output error"));
        }
        /* What lies well before the sector has come. */
        assert_true(seen.count >= (places[i] < 80000
                                       ? 0
                                       : writer.event_count * (uint64_t)(places[i] - 80000) /
                                             segment_log_bytes(&writer) / 2));
        faults.pread_error = 0;
        assert_int_equal(read_on(reader, &seen, &msg), ERR_END);
        check_complete(reader, &seen);
        spool_reader_close(reader);
        free(seen.events);
    }
}

static void test_without_descriptors_nothing_is_lost(void **state)
{
    (void)state;
    struct spool_reader_options options = segment_options(&writer);
    struct damage_seen seen = {.events = calloc(writer.event_count, 1)};
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    struct spool_reader *reader = NULL, *early = open_reader();
    struct spool_segment_ends ends;
    struct errmsg msg = {""};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum err opened = spool_reader_open(&options, &reader, &msg),
             ended = spool_segment_ends_read(&options, &ends, NULL);
    enum err read = read_on(early, &seen, &msg);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(opened, ERR_UNREADABLE);
    assert_int_equal(ended, ERR_UNREADABLE);
    assert_int_equal(read, ERR_UNREADABLE);
    assert_int_equal(read_on(early, &seen, &msg), ERR_END);
    check_complete(early, &seen);
    spool_reader_close(early);
    free(seen.events);
}

static void test_out_of_memory_at_any_moment_loses_and_repeats_nothing(void **state)
{
    (void)state;
    if (!CAN_FAIL_ALLOCATIONS)
        skip();
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct damage_seen seen = {.events = calloc(writer.event_count, 1)};
        struct spool_reader_options options = segment_options(&writer);
        struct spool_reader *reader = NULL;
        struct errmsg msg = {""};
        faults.allocations_left = n;
        enum err rc = spool_reader_open(&options, &reader, &msg);
        failed = faults.allocations_left < 0;
        if (rc != ERR_OK) {
            assert_int_equal(rc, ERR_NOMEM);
            assert_int_equal(spool_reader_open(&options, &reader, &msg), ERR_OK);
        }
        rc = read_on(reader, &seen, &msg);
        failed = faults.allocations_left < 0;
        faults.allocations_left = -1;
        if (rc != ERR_END) {
            assert_int_equal(rc, ERR_NOMEM);
            assert_int_equal(read_on(reader, &seen, &msg), ERR_END);
        }
        check_complete(reader, &seen);
        spool_reader_close(reader);
        free(seen.events);
    }
}

static void test_reading_reads_each_byte_about_once_live_or_not(void **state)
{
    (void)state;
    struct damage_seen seen = {.events = calloc(writer.event_count, 1)};
    struct errmsg msg;
    off_t size = (off_t)segment_log_bytes(&writer);
    faults.read_bytes = 0;
    struct spool_reader *reader = open_reader();
    assert_int_equal(read_on(reader, &seen, &msg), ERR_END);
    assert_true(faults.read_bytes < size + 1000);
    spool_reader_close(reader);
    free(seen.events);

    struct segment_writer w;
    segment_start(&w, 32);
    struct spool_reader_options options = segment_options(&w);
    assert_int_equal(spool_reader_open(&options, &reader, NULL), ERR_OK);
    faults.read_bytes = 0;
    for (int i = 0; i < 500; i++) {
        segment_write(&w, 10, (struct segment_shape){.value_bytes = 300});
        struct spool_chunk *chunk;
        while (spool_reader_next(reader, segment_log_bytes(&w), &chunk, NULL) == ERR_OK)
            spool_chunk_unref(chunk);
    }
    assert_true(faults.read_bytes < (off_t)segment_log_bytes(&w) + 1000);
    spool_reader_close(reader);
    segment_remove(&w);
}

static void test_both_ends_take_little_reading_sealed_or_not(void **state)
{
    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        struct segment_writer w;
        segment_start(&w, 33);
        segment_write_many(&w, 400, 10, false, sealed == 1);
        segment_end(&w);
        struct spool_reader_options options = segment_options(&w);
        struct spool_segment_ends ends;
        faults.read_bytes = 0;
        assert_int_equal(spool_segment_ends_read(&options, &ends, NULL), ERR_OK);
        assert_int_equal(ends.sealed, sealed);
        assert_true(faults.read_bytes < 200000);
        spool_segment_ends_free(&ends);
        segment_remove(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            test_a_bad_sector_is_unreadable_not_lost_and_reading_goes_on_when_it_heals, no_faults),
        cmocka_unit_test_teardown(test_without_descriptors_nothing_is_lost, no_faults),
        cmocka_unit_test_teardown(test_out_of_memory_at_any_moment_loses_and_repeats_nothing,
                                  no_faults),
        cmocka_unit_test_teardown(test_reading_reads_each_byte_about_once_live_or_not, no_faults),
        cmocka_unit_test_teardown(test_both_ends_take_little_reading_sealed_or_not, no_faults),
    };
    return cmocka_run_group_tests(tests, write_segment, remove_segment);
}
