/* SPDX-License-Identifier: MIT
 * test_spool_share.c - a topic that fills more than its share of the spool is refused alone, across
 * restarts. */
#include "spool/ledger/topic_share.h"
#include "tests/support/spool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void test_the_share_has_a_tenth_of_hysteresis_and_can_be_off(void **state)
{
    (void)state;
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    options.size_bytes_max = 100000;
    options.topic_share_percent = 30;
    assert_int_equal(spool_topic_share_bytes(&options), 30000);
    assert_false(spool_topic_share_exceeded(30000, 30000, false));
    assert_true(spool_topic_share_exceeded(30000, 30001, false));
    assert_true(spool_topic_share_exceeded(30000, 27001, true));
    assert_false(spool_topic_share_exceeded(30000, 27000, true));
    options.topic_share_percent = 100;
    assert_false(spool_topic_share_exceeded(spool_topic_share_bytes(&options), UINT64_MAX, true));
}

static void test_what_is_done_takes_its_part_of_the_bytes(void **state)
{
    (void)state;
    struct spool_topic topic = {0};
    spool_topic_share_add(&topic, 100, 1000);
    spool_topic_share_remove(&topic, 25);
    assert_int_equal(topic.pending_bytes, 750);
    spool_topic_share_add(&topic, 1, 50);
    spool_topic_share_remove(&topic, 76);
    assert_int_equal(topic.pending, 0);
    assert_int_equal(topic.pending_bytes, 0);
    spool_topic_share_remove(&topic, 1); /* done before it was counted */
    assert_int_equal(topic.pending_bytes, 0);
}

static int setup(void **state)
{
    struct spool_fixture *f = calloc(1, sizeof *f);
    spool_fixture_init(f);
    f->options.segment_bytes = 256 << 10;
    f->options.size_bytes_max = 8 << 20;
    f->options.topic_share_percent = 25;
    f->options.cursor_interval_ms = 50;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_done(f);
    free(f);
    return 0;
}

static struct spool_topic_books books_of(struct spool_fixture *f, const char *topic)
{
    struct spool_topic_books *rows, found = {0};
    size_t count;
    assert_int_equal(spool_topic_books_get(f->spool, &rows, &count), ERR_OK);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].topic, topic) == 0)
            found = rows[i];
    free(rows);
    return found;
}

/* Until the topic is refused; returns how many events it has then. */
static uint64_t fill(struct spool_fixture *f, const char *topic, struct spool_receipt *last)
{
    struct spool_receipt now = {0};
    uint64_t accepted = 0;
    for (int i = 0; i < 200 && now.err == ERR_OK; i++) {
        now = spool_fixture_append(f, topic, "some value that takes room ", 1000);
        if (now.err == ERR_OK) {
            *last = now;
            accepted += 1000;
        }
    }
    assert_int_equal(now.err, ERR_TOPIC_FULL);
    return accepted;
}

static void test_beyond_its_share_a_topic_is_refused_alone_until_it_drained(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    struct spool_receipt last = {0};
    uint64_t accepted = fill(f, "stuck", &last);
    struct spool_topic_books stuck = books_of(f, "stuck");
    assert_true(stuck.refused);
    assert_true(stuck.pending_bytes > 2 << 20 && stuck.pending_bytes < (2 << 20) + (200 << 10));
    assert_int_equal(spool_accepts(f->spool, NULL), ERR_OK);
    assert_int_equal(spool_fixture_append(f, "other", "x", 1).err, ERR_OK);
    /* not enough */
    spool_fixture_advance(f, "stuck", last.first_id - accepted / 20, accepted / 20);
    assert_int_equal(spool_fixture_append(f, "stuck", "x", 1).err, ERR_TOPIC_FULL);
    spool_fixture_advance(f, "stuck", last.first_id, accepted / 10);
    assert_false(books_of(f, "stuck").refused); /* without anybody asking for it */
    assert_int_equal(spool_fixture_append(f, "stuck", "x", 1).err, ERR_OK);
    spool_fixture_advance(f, "stuck", UINT64_MAX >> 2,
                          accepted - accepted / 20 - accepted / 10 + 1);
    assert_int_equal(books_of(f, "stuck").pending_bytes, 0);
}

static void restart_and_compare(struct spool_fixture *f, uint64_t pending_bytes)
{
    spool_fixture_open(f);
    struct spool_stats stats = {.counting = true};
    SPOOL_FIXTURE_WAIT((spool_stats_get(f->spool, &stats), !stats.counting));
    assert_int_equal(books_of(f, "stuck").pending_bytes, pending_bytes);
    assert_int_equal(spool_fixture_append(f, "stuck", "x", 1).err, ERR_TOPIC_FULL);
    assert_int_equal(spool_fixture_append(f, "other", "x", 1).err, ERR_OK);
}

static void test_a_restart_counts_the_same_bytes_by_the_seals(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    struct spool_receipt last;
    spool_fixture_append(
        f, "other",
        "a longer value than those of the topic in trouble, so that an average would be wrong",
        1000);
    (void)fill(f, "stuck", &last);
    uint64_t pending_bytes = books_of(f, "stuck").pending_bytes;
    spool_fixture_close(f);
    restart_and_compare(f, pending_bytes);
}

/* Left by a crash: no seal in the last segment, so it is read. */
static void test_a_restart_counts_the_same_bytes_by_reading(void **state)
{
    struct spool_fixture *f = *state;
    f->options.segment_bytes = 16 << 20;
    f->options.size_bytes_max = 64 << 20;
    f->options.topic_share_percent = 3;
    spool_fixture_open(f);
    struct spool_receipt last;
    (void)fill(f, "stuck", &last);
    uint64_t pending_bytes = books_of(f, "stuck").pending_bytes;
    char copy[300];
    snprintf(copy, sizeof copy, "%s-copy", f->dir);
    spool_fixture_copy(f, copy);
    spool_fixture_close(f);
    char *before = f->options.path;
    f->options.path = copy;
    restart_and_compare(f, pending_bytes);
    spool_fixture_close(f);
    f->options.path = before;
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", copy);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_share_has_a_tenth_of_hysteresis_and_can_be_off),
        cmocka_unit_test(test_what_is_done_takes_its_part_of_the_bytes),
        cmocka_unit_test_setup_teardown(
            test_beyond_its_share_a_topic_is_refused_alone_until_it_drained, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_restart_counts_the_same_bytes_by_the_seals, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_restart_counts_the_same_bytes_by_reading, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
