/* SPDX-License-Identifier: MIT
 * test_spool_quarantine.c - segments that are damaged or gone: the rest is delivered, the books
 * balance, a report names what is missing. */
#include "spool/format/loss_report.h"
#include "tests/support/spool_fixture.h"

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

enum { BATCHES = 20, BATCH = 500, EVENTS = BATCHES * BATCH };

static int set_up(void **state)
{
    static struct spool_fixture fixture;
    spool_fixture_init(&fixture);
    fixture.options.segment_bytes = 128 << 10;
    fixture.options.cursor_interval_ms = 20;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    spool_fixture_done(*state);
    return 0;
}

/* ---- the vocabulary -------------------------------------------------------------------------- */

static uint64_t segments[64]; /* with events, oldest first */
static size_t segment_count;

/* A spool with several sealed segments, closed. */
static void fill(struct spool_fixture *f)
{
    spool_fixture_open(f);
    segment_count = 0;
    for (int i = 0; i < BATCHES; i++) {
        uint64_t id = spool_id_segment(
            spool_fixture_append(f, "t", "some value that takes room ", BATCH).first_id);
        if (segment_count == 0 || segments[segment_count - 1] != id)
            segments[segment_count++] = id;
    }
    assert_true(segment_count > 4);
    spool_fixture_close(f);
}

static const char *path_of(struct spool_fixture *f, const char *folder, uint64_t segment,
                           const char *file)
{
    static char path[4][600];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[0], "%s/%s/%" PRIu64 "%s%s", f->dir, folder, segment,
             file[0] == '\0' ? "" : "/", file);
    return path[next];
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void flip(struct spool_fixture *f, uint64_t segment, off_t offset)
{
    int fd = open(path_of(f, "segments", segment, "000003.log"), O_RDWR);
    uint8_t byte;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static void run(const char *what, const char *path)
{
    char command[800];
    snprintf(command, sizeof command, "%s '%s'", what, path);
    assert_int_equal(system(command), 0);
}

static struct spool_stats stats_of(struct spool_fixture *f)
{
    struct spool_stats stats;
    spool_stats_get(f->spool, &stats);
    return stats;
}

static void assert_books(struct spool_fixture *f, uint64_t accepted, uint64_t delivered,
                         uint64_t pending, uint64_t lost)
{
    SPOOL_FIXTURE_WAIT(!stats_of(f).counting);
    struct spool_books books = stats_of(f).books;
    if (books.accepted != accepted || books.delivered != delivered || books.pending != pending ||
        books.lost != lost)
        fail_msg("books: accepted %" PRIu64 " delivered %" PRIu64 " pending %" PRIu64
                 " lost %" PRIu64,
                 books.accepted, books.delivered, books.pending, books.lost);
}

static char *report_of(struct spool_fixture *f, uint64_t segment)
{
    static char text[1 << 16];
    const char *path = path_of(f, "quarantine", segment, SPOOL_LOSS_REPORT_NAME);
    SPOOL_FIXTURE_WAIT(exists(path));
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(size > 0);
    text[size] = '\0';
    return text;
}

__attribute__((format(printf, 2, 3))) static void assert_says(const char *report,
                                                              const char *format, ...)
{
    char expected[256];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    if (strstr(report, expected) == NULL)
        fail_msg("no %s in %s", expected, report);
}

/* Delivers everything there is. Returns how many that were. */
static uint64_t deliver_all(struct spool_fixture *f)
{
    struct spool_seen seen = spool_fixture_read(f, spool_cursor_at_open(f->spool)->done_id);
    spool_fixture_advance(f, "t", seen.last_id, seen.count);
    return seen.count;
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_a_flipped_byte_costs_one_event_which_the_report_names(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    flip(f, segments[1], 30000);
    spool_fixture_open(f);
    assert_int_equal(deliver_all(f), EVENTS - 1);
    char *report = report_of(f, segments[1]);
    assert_says(report, "\"kind\":\"damaged\"");
    assert_says(report, "\"events_lost\":1,\"lost\":[{\"first\":\"");
    assert_says(report, "\"events_uncertain\":0");
    assert_says(report, "\"name\":\"000003.log\"");
    assert_says(report, "\"evidence\":\"kept\"");
    assert_true(exists(path_of(f, "quarantine", segments[1], "000003.log")));
    assert_false(exists(path_of(f, "segments", segments[1], "")));
    assert_false(exists(path_of(f, "quarantine", segments[2], "")));
    assert_books(f, EVENTS, EVENTS - 1, 0, 1);
    assert_int_equal(stats_of(f).damaged_segments, 1);
    spool_fixture_close(f);
    spool_fixture_open(f); /* counted once */
    assert_int_equal(deliver_all(f), 0);
    assert_books(f, EVENTS, EVENTS - 1, 0, 1);
}

static void test_what_was_delivered_before_the_damage_is_not_lost(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    spool_fixture_open(f);
    spool_fixture_advance(f, "t", spool_id_of(segments[0], 299), 300);
    spool_fixture_close(f);
    flip(f, segments[0], 1000); /* one of the first */
    spool_fixture_open(f);
    assert_int_equal(deliver_all(f), EVENTS - 300);
    char *report = report_of(f, segments[0]);
    assert_says(report, "\"events_lost\":0");
    assert_says(report, "\"events_delivered_before\":299");
    assert_books(f, EVENTS, EVENTS, 0, 0);
}

/* The crash comes when the cursor stands behind the damage, but the segment isn't done. */
static void test_a_crash_in_the_middle_of_a_damaged_segment_forgets_no_loss(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    flip(f, segments[0], 5000);
    for (int round = 0; round < 3; round++) {
        struct spool_tail *tail;
        struct spool_chunk *chunk;
        spool_fixture_open(f);
        const struct spool_cursor_state *at_open = spool_cursor_at_open(f->spool);
        assert_int_equal(spool_tail_open(f->spool, at_open->done_id, &tail), ERR_OK);
        assert_int_equal(spool_tail_next(tail, &chunk, NULL), ERR_OK);
        uint32_t upto = 300 + (uint32_t)round * 100,
                 before = round == 0 ? 0 : 200 + (uint32_t)round * 100;
        spool_fixture_advance(f, "t", spool_id_of(segments[0], upto), upto - before);
        uint64_t writes = stats_of(f).cursor_writes;
        SPOOL_FIXTURE_WAIT(stats_of(f).cursor_writes > writes || writes > 3);
        usleep(100000);
        spool_chunk_unref(chunk);
        spool_tail_close(tail);
        struct spool_fixture crashed;
        spool_fixture_init(&crashed);
        spool_fixture_copy(f, crashed.dir);
        spool_fixture_close(f);
        run("rm -rf", f->dir);
        spool_fixture_copy(&crashed, f->dir);
        spool_fixture_done(&crashed);
    }
    spool_fixture_open(f);
    deliver_all(f);
    char *report = report_of(f, segments[0]);
    assert_says(report, "\"events_lost\":1,\"lost\":[{\"first\":\"");
    assert_books(f, EVENTS, EVENTS - 1, 0, 1);
}

static void test_a_vanished_segment_is_missed_by_its_link(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    run("rm -rf", path_of(f, "segments", segments[2], ""));
    spool_fixture_open(f);
    uint64_t delivered = deliver_all(f);
    uint64_t lost = EVENTS - delivered;
    assert_true(lost >= BATCH);
    char *report = report_of(f, segments[2]);
    assert_says(report, "\"kind\":\"vanished\"");
    assert_says(report, "\"count_known\":true");
    assert_says(report, "\"events_lost\":%" PRIu64 ",\"lost\":[{\"first\":\"%" PRIu64 "\"", lost,
                spool_id_of(segments[2], 0));
    assert_books(f, EVENTS, delivered, 0, lost);
    spool_fixture_close(f);
    spool_fixture_open(f);
    assert_int_equal(deliver_all(f), 0);
    assert_books(f, EVENTS, delivered, 0, lost);
}

/* Nothing links to the newest yet: the cursors name it. */
static void test_the_newest_segment_is_missed_too_without_a_count(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    uint64_t newest = segments[segment_count - 1];
    run("rm -rf", path_of(f, "segments", newest, ""));
    spool_fixture_open(f);
    uint64_t delivered = deliver_all(f);
    assert_true(delivered < EVENTS);
    char *report = report_of(f, newest);
    assert_says(report, "\"kind\":\"vanished\"");
    assert_says(report, "\"count_known\":false");
    assert_books(f, delivered, delivered, 0, 0);
}

/* What a clean stop takes away, or was done, is not missed. */
static void test_nothing_is_missed_after_a_clean_stop(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    for (int i = 0; i < 3; i++) {
        spool_fixture_open(f);
        spool_fixture_append(f, "t", "x", 1);
        deliver_all(f);
        SPOOL_FIXTURE_WAIT(!stats_of(f).counting);
        spool_fixture_close(f);
    }
    spool_fixture_open(f);
    SPOOL_FIXTURE_WAIT(!stats_of(f).counting);
    spool_fixture_close(f);
    char path[600];
    snprintf(path, sizeof path, "%s/quarantine", f->dir);
    assert_int_equal(rmdir(path), 0); /* empty */
}

static void test_a_report_that_a_crash_kept_away_is_made_at_the_next_start(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    flip(f, segments[1], 30000);
    spool_fixture_open(f);
    deliver_all(f);
    report_of(f, segments[1]);
    spool_fixture_close(f);
    assert_int_equal(unlink(path_of(f, "quarantine", segments[1], SPOOL_LOSS_REPORT_NAME)), 0);
    spool_fixture_open(f);
    assert_says(report_of(f, segments[1]), "\"events_lost\":1");
    assert_books(f, EVENTS, EVENTS - 1, 0, 1);
}

static void test_beyond_its_size_the_oldest_files_go_and_their_reports_stay(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < 3; i++)
        flip(f, segments[i], 30000);
    f->options.quarantine_bytes_max = 1;
    spool_fixture_open(f);
    assert_int_equal(deliver_all(f), EVENTS - 3);
    for (size_t i = 0; i < 3; i++)
        SPOOL_FIXTURE_WAIT(strstr(report_of(f, segments[i]), "\"evidence\":\"removed\"") != NULL);
    for (size_t i = 0; i < 3; i++)
        SPOOL_FIXTURE_WAIT(!exists(path_of(f, "quarantine", segments[i], "000003.log")));
    SPOOL_FIXTURE_WAIT(stats_of(f).quarantine_bytes == 0);
    assert_int_equal(stats_of(f).quarantine_segments, 3);
}

/* Evidence never costs ingest. */
static void test_quarantine_makes_room_for_events(void **state)
{
    struct spool_fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < 4; i++)
        flip(f, segments[i], 30000);
    spool_fixture_open(f);
    deliver_all(f);
    for (size_t i = 0; i < 4; i++)
        report_of(f, segments[i]);
    spool_fixture_close(f);
    f->options.size_bytes_max = 2 << 20; /* cursors take 1 MiB, four damaged segments half of one */
    spool_fixture_open(f);
    uint64_t accepted = 0;
    for (int i = 0; i < 12; i++) {
        accepted +=
            spool_fixture_append(f, "t", "some value that takes room ", BATCH).err == ERR_OK;
        usleep(250000 / 12);
    }
    SPOOL_FIXTURE_WAIT(!exists(path_of(f, "quarantine", segments[0], "000003.log")));
    assert_true(accepted > 0);
    assert_true(exists(path_of(f, "quarantine", segments[0], SPOOL_LOSS_REPORT_NAME)));
}

static void test_a_report_as_json(void **state)
{
    (void)state;
    struct spool_range lost[] = {{1, 1}, {5, 9}};
    char name[] = "odd\"name";
    struct spool_loss_file file = {.name = name, .bytes = 5};
    struct spool_loss_report report = {.segment_id = 2,
                                       .written_ms = 3,
                                       .count_known = true,
                                       .recovered = 4,
                                       .delivered_before = 5,
                                       .lost = {lost, 2, 6},
                                       .files = &file,
                                       .file_count = 1,
                                       .damaged_bytes = 7};
    static const uint8_t uuid[16] = {0};
    struct buf text = {0};
    assert_true(spool_loss_report_render(&report, uuid, &text));
    assert_says(buf_string(&text), "\"lost\":[{\"first\":\"33554433\",\"last\":\"33554433\"},{"
                                   "\"first\":\"33554437\",\"last\":\"33554441\"}]");
    assert_says(buf_string(&text), "{\"name\":\"odd\\\"name\",\"bytes\":5,\"xxh3\":null}");
    buf_free(&text);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_report_as_json),
        STORY(test_a_flipped_byte_costs_one_event_which_the_report_names),
        STORY(test_what_was_delivered_before_the_damage_is_not_lost),
        STORY(test_a_crash_in_the_middle_of_a_damaged_segment_forgets_no_loss),
        STORY(test_a_vanished_segment_is_missed_by_its_link),
        STORY(test_the_newest_segment_is_missed_too_without_a_count),
        STORY(test_nothing_is_missed_after_a_clean_stop),
        STORY(test_a_report_that_a_crash_kept_away_is_made_at_the_next_start),
        STORY(test_beyond_its_size_the_oldest_files_go_and_their_reports_stay),
        STORY(test_quarantine_makes_room_for_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
