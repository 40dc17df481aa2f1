/* SPDX-License-Identifier: MIT
 * test_spool_present.c - a segment that Kafka's cursor names: is it this spool's, or that of one
 * which this is a copy of? */
#include "tests/support/spool_fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { BATCH = 500, SEGMENTS_MIN = 20 /* more than the cursors name */ };

static uint64_t oldest, newest; /* segments with events */
static uint64_t oldest_nonce, newest_nonce;

/* A spool with several segments, closed. */
static int set_up(void **state)
{
    static struct spool_fixture fixture;
    struct spool_fixture *f = *state = &fixture;
    spool_fixture_init(f);
    f->options.segment_bytes = 128 << 10;
    f->options.cursor_interval_ms = 20;
    spool_fixture_open(f);
    oldest = newest = 0;
    for (int segments = 0; segments < SEGMENTS_MIN;) {
        uint64_t id = spool_id_segment(
            spool_fixture_append(f, "t", "some value that takes room ", BATCH).first_id);
        if (id != newest) {
            segments++;
            oldest = oldest == 0 ? id : oldest;
            newest = id;
        }
    }
    assert_int_equal(spool_segment_nonce(f->spool, oldest, &oldest_nonce), ERR_OK);
    assert_int_equal(spool_segment_nonce(f->spool, newest, &newest_nonce), ERR_OK);
    spool_fixture_close(f);
    return 0;
}

static int tear_down(void **state)
{
    spool_fixture_done(*state);
    return 0;
}

static bool ours(struct spool_fixture *f, uint64_t segment, uint64_t nonce)
{
    bool answer = false;
    enum err rc = ERR_OK;
    SPOOL_FIXTURE_WAIT((rc = spool_had_segment(f->spool, segment, nonce, &answer)) !=
                       ERR_UNAVAILABLE);
    assert_int_equal(rc, ERR_OK);
    return answer;
}

static void remove_segment(struct spool_fixture *f, uint64_t segment)
{
    char command[600];
    snprintf(command, sizeof command, "rm -r '%s/segments/%" PRIu64 "'", f->dir, segment);
    assert_int_equal(system(command), 0);
}

static void damage_header(struct spool_fixture *f, uint64_t segment)
{
    char path[600], garbage[200];
    snprintf(path, sizeof path, "%s/segments/%" PRIu64 "/000003.log", f->dir, segment);
    memset(garbage, 0x5a, sizeof garbage);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, garbage, sizeof garbage), sizeof garbage);
    close(fd);
}

static void test_what_lies_there_is_told_by_its_nonce(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    assert_true(ours(f, oldest, oldest_nonce));
    assert_true(ours(f, newest, newest_nonce));
    assert_false(ours(f, newest, newest_nonce + 1));
    assert_false(ours(f, newest, 0));
}

static void test_a_damaged_header_leaves_the_id(void **state)
{
    struct spool_fixture *f = *state;
    damage_header(f, newest);
    spool_fixture_open(f);
    assert_true(ours(f, newest, newest_nonce));
    assert_true(ours(f, oldest, oldest_nonce));
}

static void test_what_vanished_is_known_by_links_and_cursors(void **state)
{
    struct spool_fixture *f = *state;
    remove_segment(f, newest); /* nothing links to it yet, but the cursors name it */
    remove_segment(f, oldest); /* the other way round */
    spool_fixture_open(f);
    assert_true(ours(f, newest, newest_nonce));
    assert_true(ours(f, oldest, oldest_nonce));
}

static void test_what_vanished_stays_known_at_the_next_starts(void **state)
{
    struct spool_fixture *f = *state;
    remove_segment(f, newest);
    for (int start = 0; start < 3; start++) {
        spool_fixture_open(f);
        assert_true(ours(f, newest, newest_nonce));
        spool_fixture_append(f, "t", "more ", 10);
        spool_fixture_close(f);
    }
    spool_fixture_open(f);
}

static void test_what_was_never_there_is_another_spools(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    assert_false(ours(f, newest + 1000000, newest_nonce));
    assert_false(ours(f, oldest - 1000000, oldest_nonce));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_lies_there_is_told_by_its_nonce),
        TEST(test_a_damaged_header_leaves_the_id),
        TEST(test_what_vanished_is_known_by_links_and_cursors),
        TEST(test_what_vanished_stays_known_at_the_next_starts),
        TEST(test_what_was_never_there_is_another_spools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
