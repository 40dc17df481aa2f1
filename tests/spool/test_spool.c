/* SPDX-License-Identifier: MIT
 * test_spool.c - the spool's contract, on real LevelDB in a temporary directory. */
#include "tests/support/spool_fixture.h"

#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static int set_up(void **state)
{
    static struct spool_fixture fixture;
    spool_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    spool_fixture_done(*state);
    return 0;
}

static struct spool_books books_of(struct spool_fixture *f)
{
    struct spool_stats stats;
    spool_stats_get(f->spool, &stats);
    return stats.books;
}

static bool is_counted(struct spool_fixture *f)
{
    struct spool_stats stats;
    spool_stats_get(f->spool, &stats);
    return !stats.counting;
}

static void assert_books(struct spool_fixture *f, uint64_t accepted, uint64_t delivered,
                         uint64_t pending, uint64_t lost)
{
    SPOOL_FIXTURE_WAIT(is_counted(f));
    struct spool_books books = books_of(f);
    if (books.accepted != accepted || books.delivered != delivered || books.pending != pending ||
        books.lost != lost)
        fail_msg("books: accepted %lu delivered %lu pending %lu lost %lu, not %lu %lu %lu %lu",
                 books.accepted, books.delivered, books.pending, books.lost, accepted, delivered,
                 pending, lost);
}

static uint64_t segments_on_disk(struct spool_fixture *f)
{
    char path[512];
    snprintf(path, sizeof path, "%s/segments", f->dir);
    DIR *dir = opendir(path);
    uint64_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.' && strstr(entry->d_name, ".new") == NULL;
    closedir(dir);
    return count;
}

static void test_appended_events_are_read_back_in_order(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    struct spool_receipt a = spool_fixture_append(f, "orders", "a", 3),
                         b = spool_fixture_append(f, "orders", "b", 500);
    assert_int_equal(a.err, ERR_OK);
    assert_int_equal(a.last_id, a.first_id + 2);
    assert_int_equal(b.first_id, a.last_id + 1);
    struct spool_seen seen = spool_fixture_read(f, 0);
    assert_int_equal(seen.count, 503);
    assert_string_equal(seen.first, "a0");
    assert_string_equal(seen.last, "b499");
    assert_int_equal(spool_fixture_read(f, a.last_id).count, 500);
    assert_books(f, 503, 0, 503, 0);
}

static void test_what_the_window_has_dropped_comes_from_disk(void **state)
{
    struct spool_fixture *f = *state;
    f->options.window_bytes_max = 1;
    spool_fixture_open(f);
    for (int i = 0; i < 50; i++)
        assert_int_equal(spool_fixture_append(f, "t", "value", 40).err, ERR_OK);
    assert_int_equal(spool_fixture_read(f, 0).count, 2000);
}

static void test_a_restart_replays_what_is_not_done(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    struct spool_receipt a = spool_fixture_append(f, "t", "a", 10);
    spool_fixture_append(f, "t", "b", 10);
    spool_fixture_advance(f, "t", a.last_id, 10);
    spool_fixture_close(f);
    spool_fixture_open(f);
    uint64_t done_id = spool_cursor_at_open(f->spool)->done_id;
    assert_int_equal(done_id, a.last_id);
    struct spool_seen seen = spool_fixture_read(f, done_id);
    assert_int_equal(seen.count, 10);
    assert_string_equal(seen.first, "b0");
    assert_books(f, 20, 10, 10, 0);
    assert_true(spool_fixture_append(f, "t", "c", 1).first_id > seen.last_id);
}

/* kill -9: nothing is sealed, cursors may be a second old. The copy is taken while the spool
 * runs. */
static void test_after_a_crash_every_accepted_event_is_there(void **state)
{
    struct spool_fixture *f = *state, crashed = {.options = f->options};
    spool_fixture_open(f);
    for (int i = 0; i < 20; i++)
        spool_fixture_append(f, "t", "x", 7);
    snprintf(crashed.dir, sizeof crashed.dir, "%.200s-crashed", f->dir);
    crashed.options.path = crashed.dir;
    spool_fixture_copy(f, crashed.dir);
    spool_fixture_open(&crashed);
    assert_int_equal(spool_fixture_read(&crashed, 0).count, 140);
    assert_books(&crashed, 140, 0, 140, 0);
    spool_fixture_done(&crashed);
}

static void test_segments_rotate_and_retire_when_done(void **state)
{
    struct spool_fixture *f = *state;
    f->options.segment_bytes = 256 << 10;
    f->options.cursor_interval_ms = 50;
    spool_fixture_open(f);
    struct spool_receipt last = {0};
    for (int i = 0; i < 40; i++)
        last = spool_fixture_append(f, "t", "some value that takes room ", 1000);
    assert_true(segments_on_disk(f) > 5);
    assert_int_equal(spool_fixture_read(f, 0).count, 40000);
    spool_fixture_advance(f, "t", last.last_id, 40000);
    SPOOL_FIXTURE_WAIT(segments_on_disk(f) <= 2);
    assert_books(f, 40000, 40000, 0, 0);
    spool_fixture_close(f);
    spool_fixture_open(f);
    assert_books(f, 40000, 40000, 0, 0);
    assert_int_equal(spool_fixture_read(f, spool_cursor_at_open(f->spool)->done_id).count, 0);
}

static void test_sealed_segments_are_counted_by_topic_after_a_restart(void **state)
{
    struct spool_fixture *f = *state;
    f->options.segment_bytes = 256 << 10;
    spool_fixture_open(f);
    for (int i = 0; i < 10; i++) {
        spool_fixture_append(f, "a", "some value that takes room ", 1000);
        spool_fixture_append(f, "b", "other ", 10);
    }
    spool_fixture_close(f);
    spool_fixture_open(f);
    assert_books(f, 10100, 0, 10100, 0);
    struct spool_topic_books *topics = NULL;
    size_t count = 0;
    assert_int_equal(spool_topic_books_get(f->spool, &topics, &count), ERR_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(topics[i].books.pending, strcmp(topics[i].topic, "a") == 0 ? 10000 : 100);
    free(topics);
}

static void test_ids_never_repeat_when_the_clock_goes_back_and_segments_are_gone(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    uint64_t before = spool_fixture_append(f, "t", "x", 1).last_id;
    spool_fixture_close(f);
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s/segments'", f->dir);
    assert_int_equal(system(command), 0);
    clock_set_wall_offset_ms(-1000ll * 3600 * 24 * 365 * 40);
    spool_fixture_open(f);
    uint64_t after = spool_fixture_append(f, "t", "x", 1).first_id;
    clock_set_wall_offset_ms(0);
    assert_true(spool_id_segment(after) > spool_id_segment(before));
}

static void test_a_second_opener_is_told_who_has_it(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    struct spool *second = NULL;
    struct errmsg msg = {""};
    assert_int_equal(spool_open(&f->options, NULL, NULL, &second, &msg), ERR_LOCKED);
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_non_null(strstr(msg.text, pid));
}

static void test_a_path_without_identity_is_refused_unless_told_to_create(void **state)
{
    struct spool_fixture *f = *state;
    f->options.create = false;
    struct spool *spool = NULL;
    struct errmsg msg = {""};
    assert_int_equal(spool_open(&f->options, NULL, NULL, &spool, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "spool.create"));
}

static void test_beyond_max_size_ingest_is_refused_until_there_is_room(void **state)
{
    struct spool_fixture *f = *state;
    f->options.segment_bytes = 256 << 10;
    f->options.size_bytes_max = 2 << 20;
    f->options.topic_share_percent = 100; /* the one topic may fill it */
    f->options.cursor_interval_ms = 50;
    spool_fixture_open(f);
    struct spool_receipt last = {0}, now = {0};
    uint64_t accepted = 0;
    for (int i = 0; i < 200 && now.err == ERR_OK; i++) {
        now = spool_fixture_append(f, "t", "some value that takes room ", 1000);
        if (now.err == ERR_OK) {
            last = now;
            accepted += 1000;
        }
    }
    assert_int_equal(now.err, ERR_FULL);
    assert_int_equal(spool_accepts(f->spool, NULL), ERR_FULL);
    assert_int_equal(spool_fixture_read(f, 0).count, accepted);
    spool_fixture_advance(f, "t", last.last_id, accepted);
    SPOOL_FIXTURE_WAIT(spool_accepts(f->spool, NULL) == ERR_OK);
    assert_int_equal(spool_fixture_append(f, "t", "again", 1).err, ERR_OK);
}

static void test_after_stop_nothing_is_taken(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    spool_fixture_append(f, "t", "x", 1);
    spool_stop_taking(f->spool);
    assert_int_equal(spool_fixture_append(f, "t", "x", 1).err, ERR_CLOSED);
    assert_int_equal(spool_fixture_read(f, 0).count, 1);
}

static atomic_int wakeups;

static void on_wakeup(void *arg)
{
    (void)arg;
    wakeups++;
}

static void test_an_armed_wakeup_comes_once_after_the_next_commit(void **state)
{
    struct spool_fixture *f = *state;
    spool_fixture_open(f);
    struct spool_tail *tail = NULL;
    assert_int_equal(spool_tail_open(f->spool, 0, &tail), ERR_OK);
    spool_set_wakeup(f->spool, on_wakeup, NULL);
    wakeups = 0;
    assert_false(spool_tail_arm_wakeup(tail));
    spool_fixture_append(f, "t", "x", 1);
    assert_int_equal(wakeups, 1);
    spool_fixture_append(f, "t", "x", 1);
    assert_int_equal(wakeups, 1);
    assert_true(spool_tail_arm_wakeup(tail));
    spool_tail_close(tail);
}

static void test_a_lane_behind_holds_its_segment_and_is_found_after_a_restart(void **state)
{
    struct spool_fixture *f = *state;
    f->options.cursor_interval_ms = 20;
    spool_fixture_open(f);
    struct spool_receipt a = spool_fixture_append(f, "stuck", "x", 5),
                         b = spool_fixture_append(f, "fine", "y", 5);
    char stuck[] = "stuck";
    struct spool_lane_cursor lane = {.topic = stuck, .done_id = a.first_id + 1};
    struct spool_outcome outcomes[] = {{bytes_of_string("stuck"), 2, 0},
                                       {bytes_of_string("fine"), 5, 0}};
    assert_int_equal(spool_advance(f->spool, SPOOL_AT_LEAST_ONCE, b.last_id, &lane, 1, outcomes, 2),
                     ERR_OK);
    spool_fixture_close(f);
    spool_fixture_open(f);
    const struct spool_cursor_state *state_now = spool_cursor_at_open(f->spool);
    assert_int_equal(state_now->lane_count, 1);
    assert_string_equal(state_now->lanes[0].topic, "stuck");
    assert_int_equal(state_now->lanes[0].done_id, a.first_id + 1);
    assert_books(f, 10, 7, 3, 0);
    assert_int_equal(spool_fixture_read(f, state_now->lanes[0].done_id).count, 8);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_appended_events_are_read_back_in_order),
        CASE(test_what_the_window_has_dropped_comes_from_disk),
        CASE(test_a_restart_replays_what_is_not_done),
        CASE(test_after_a_crash_every_accepted_event_is_there),
        CASE(test_segments_rotate_and_retire_when_done),
        CASE(test_sealed_segments_are_counted_by_topic_after_a_restart),
        CASE(test_ids_never_repeat_when_the_clock_goes_back_and_segments_are_gone),
        CASE(test_a_second_opener_is_told_who_has_it),
        CASE(test_a_path_without_identity_is_refused_unless_told_to_create),
        CASE(test_beyond_max_size_ingest_is_refused_until_there_is_room),
        CASE(test_after_stop_nothing_is_taken),
        CASE(test_an_armed_wakeup_comes_once_after_the_next_commit),
        CASE(test_a_lane_behind_holds_its_segment_and_is_found_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
