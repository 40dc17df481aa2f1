/* SPDX-License-Identifier: MIT
 * test_spool_unread.c - a segment that can't be read for a while: the others go on, nothing is
 * lost, nothing comes twice. */
#include "tests/support/spool_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { BATCHES = 12, BATCH = 500, EVENTS = BATCHES * BATCH };

/* ---- a disk with a bad file: this stands in front of the C library's ------------------------- */

static atomic_uint_fast64_t bad_segment; /* its logs can't be read from bad_offset on */
static atomic_llong bad_offset;

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pread");
    char link[64], path[600], part[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    snprintf(part, sizeof part, "/segments/%" PRIu64 "/", (uint64_t)atomic_load(&bad_segment));
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    if (strstr(path, part) != NULL && offset + (off_t)size > atomic_load(&bad_offset)) {
        if (offset >= atomic_load(&bad_offset)) {
            errno = EIO;
            return -1;
        }
        size = (size_t)(atomic_load(&bad_offset) - offset);
    }
    return real(fd, data, size, offset);
}

static int set_up(void **state)
{
    static struct spool_fixture fixture;
    spool_fixture_init(&fixture);
    fixture.options.segment_bytes = 128 << 10;
    fixture.options.cursor_interval_ms = 20;
    atomic_store(&bad_segment, 0);
    atomic_store(&bad_offset, 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    atomic_store(&bad_segment, 0);
    spool_fixture_done(*state);
    return 0;
}

/* A spool with several segments; returns the first one's id. (A segment waits also for the one
 * behind it, whose link tells how many of its events were accepted.) */
static uint64_t append_all(struct spool_fixture *f)
{
    uint64_t segments[BATCHES] = {0};
    size_t count = 0;
    spool_fixture_open(f);
    for (int i = 0; i < BATCHES; i++) {
        uint64_t id = spool_id_segment(
            spool_fixture_append(f, "t", "some value that takes room ", BATCH).first_id);
        if (count == 0 || segments[count - 1] != id)
            segments[count++] = id;
    }
    assert_true(count > 2);
    return segments[0];
}

static uint64_t fill(struct spool_fixture *f)
{
    uint64_t segment = append_all(f);
    spool_fixture_close(f);
    return segment;
}

static struct spool_stats stats_of(struct spool_fixture *f)
{
    struct spool_stats stats;
    spool_stats_get(f->spool, &stats);
    return stats;
}

/* Reads on until `count` events came, and says after each step that they are delivered. */
struct delivery {
    struct spool_tail *tail;
    uint64_t count, moved, last_id;
};

static void deliver(struct spool_fixture *f, struct delivery *delivery, uint64_t count)
{
    for (int i = 0; delivery->count < count; i++) {
        struct spool_chunk *chunk;
        struct spool_event event;
        enum err rc = spool_tail_next(delivery->tail, &chunk, NULL);
        if (rc != ERR_OK) {
            if (i > 3 * spool_fixture_wait_ms() / 10)
                fail_msg("only %" PRIu64 " of %" PRIu64 " events came", delivery->count, count);
            usleep(10000);
            continue;
        }
        uint64_t before = delivery->count;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);) {
            delivery->count++;
            delivery->moved += event.origin_id != 0;
            if (event.origin_id != 0)
                assert_true(event.origin_id < event.id);
            assert_memory_equal(event.topic.data, "t", 1);
            assert_true(event.id > delivery->last_id);
            delivery->last_id = event.id;
        }
        spool_chunk_unref(chunk);
        spool_fixture_advance(f, "t", spool_tail_position(delivery->tail),
                              delivery->count - before);
    }
}

static void assert_all_done(struct spool_fixture *f)
{
    SPOOL_FIXTURE_WAIT(stats_of(f).unread_segments == 0);
    SPOOL_FIXTURE_WAIT(!stats_of(f).counting);
    struct spool_books books = stats_of(f).books;
    if (books.accepted != EVENTS || books.delivered != EVENTS || books.pending != 0 ||
        books.lost != 0)
        fail_msg("books: accepted %" PRIu64 " delivered %" PRIu64 " pending %" PRIu64
                 " lost %" PRIu64,
                 books.accepted, books.delivered, books.pending, books.lost);
}

static void test_the_others_go_on_and_it_follows_when_it_can_be_read(void **state)
{
    struct spool_fixture *f = *state;
    uint64_t segment = fill(f);
    atomic_store(&bad_segment, segment);
    spool_fixture_open(f);
    struct delivery delivery = {0};
    assert_int_equal(spool_tail_open(f->spool, 0, &delivery.tail), ERR_OK);
    SPOOL_FIXTURE_WAIT(stats_of(f).segment_count > 3);
    deliver(f, &delivery, EVENTS / 2); /* much more than the first segment */
    assert_int_equal(delivery.moved, 0);
    assert_int_equal(stats_of(f).unread_segments, 1);
    assert_int_equal(stats_of(f).books.lost, 0);
    atomic_store(&bad_segment, 0);
    deliver(f, &delivery, EVENTS);
    assert_true(delivery.moved >= BATCH);
    assert_all_done(f);
    spool_tail_close(delivery.tail);
}

static void test_what_was_read_of_it_does_not_come_again(void **state)
{
    struct spool_fixture *f = *state;
    f->options.window_bytes_max = 1;  /* all is read from disk, in the run that wrote it */
    atomic_store(&bad_offset, 70000); /* some batches before, some behind */
    atomic_store(&bad_segment, append_all(f));
    struct delivery delivery = {0};
    assert_int_equal(spool_tail_open(f->spool, 0, &delivery.tail), ERR_OK);
    deliver(f, &delivery, EVENTS - BATCH * 3);
    atomic_store(&bad_segment, 0);
    deliver(f, &delivery, EVENTS);
    assert_true(delivery.moved > 0 && delivery.moved < 3 * BATCH);
    assert_all_done(f);
    spool_tail_close(delivery.tail);
    usleep(100000);
    assert_int_equal(spool_fixture_read(f, delivery.last_id).count, 0);
}

static void test_it_is_still_pending_after_a_restart(void **state)
{
    struct spool_fixture *f = *state;
    uint64_t segment = fill(f);
    atomic_store(&bad_segment, segment);
    spool_fixture_open(f);
    struct delivery delivery = {0};
    assert_int_equal(spool_tail_open(f->spool, 0, &delivery.tail), ERR_OK);
    deliver(f, &delivery, EVENTS / 2);
    /* all but the unread one and the live one */
    for (int i = 0; stats_of(f).segment_count > 2; i++) {
        struct spool_chunk *chunk;
        if (spool_tail_next(delivery.tail, &chunk, NULL) == ERR_OK) {
            delivery.count += chunk->event_count;
            spool_fixture_advance(f, "t", chunk->last_id, chunk->event_count);
            spool_chunk_unref(chunk);
        }
        if (i > 3 * spool_fixture_wait_ms())
            fail_msg("segments that are done stay");
        usleep(1000);
    }
    spool_tail_close(delivery.tail);
    spool_fixture_close(f);
    atomic_store(&bad_segment, 0);
    spool_fixture_open(f);
    assert_int_equal(
        spool_tail_open(f->spool, spool_cursor_at_open(f->spool)->done_id, &delivery.tail), ERR_OK);
    delivery.last_id = 0;
    deliver(f, &delivery, EVENTS);
    assert_all_done(f);
    spool_tail_close(delivery.tail);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_the_others_go_on_and_it_follows_when_it_can_be_read),
        STORY(test_what_was_read_of_it_does_not_come_again),
        STORY(test_it_is_still_pending_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
