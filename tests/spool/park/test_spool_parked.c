/* SPDX-License-Identifier: MIT
 * test_spool_parked.c - segments that only lanes behind hold: what is pending in them is parked,
 * arrives in order and once, across restarts and damage, and what vanishes is missed. */
#include "spool/disk/dir.h"
#include "spool/spool_event_status.h"
#include "spool/spool_inspect.h"
#include "spool/spool_letters.h"
#include "tests/support/spool_fixture.h"
#include "tests/support/submit_wait.h"

#include <dirent.h>
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

enum { ROUNDS = 8, STUCK_PER_ROUND = 3, BUSY_PER_ROUND = 2, BUSY_BYTES = 150000 };

struct story {
    struct spool_fixture f;
    uint64_t stuck[ROUNDS * STUCK_PER_ROUND]; /* ids of the stuck topic's events */
    uint32_t stuck_count;
    uint64_t busy_count, first_busy, last_id;
    bool damaged;        /* events may come labelled */
    uint64_t stuck_done; /* so many of the stuck topic's are delivered */
};

static int set_up(void **state)
{
    static struct story story;
    story = (struct story){.stuck_count = 0};
    spool_fixture_init(&story.f);
    story.f.options.segment_bytes = 256 << 10;
    story.f.options.size_bytes_max = 6 << 20;
    story.f.options.window_bytes_max = 1 << 16;
    story.f.options.cursor_interval_ms = 20;
    spool_fixture_open(&story.f);
    *state = &story;
    return 0;
}

static int tear_down(void **state)
{
    struct story *story = *state;
    spool_fixture_done(&story->f);
    return 0;
}

/* ---- what happens ---------------------------------------------------------------------------- */

static struct spool_receipt append(struct spool_fixture *f, const char *topic, uint32_t count,
                                   size_t bytes)
{
    struct spool_batch *batch = NULL;
    char *value = malloc(bytes);
    memset(value, 'v', bytes);
    assert_int_equal(spool_batch_new(f->spool, bytes_of_string(topic), &batch), ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        struct spool_event event = {.value = bytes_of(value, bytes),
                                    .partition = SPOOL_PARTITION_ANY,
                                    .time_ms = 1700000000000};
        assert_int_equal(spool_batch_add(batch, &event), ERR_OK);
    }
    struct spool_receipt receipt = submit_wait(f->spool, &batch);
    for (int i = 0; receipt.err == ERR_FULL && i < 1000; i++) {
        usleep(10000); /* there will be room */
        receipt = submit_wait(f->spool, &batch);
    }
    free(value);
    assert_int_equal(receipt.err, ERR_OK);
    return receipt;
}

/* All but the stuck topic is delivered up to there; stuck_done of it is. */
static void advance(struct story *story, uint64_t busy_new, uint64_t stuck_done, uint64_t stuck_new)
{
    struct spool_lane_cursor lane = {(char *)"stuck",
                                     stuck_done == 0 ? 0 : story->stuck[stuck_done - 1]};
    struct spool_outcome outcomes[] = {{.topic = bytes_of_string("busy"), .delivered = busy_new},
                                       {.topic = bytes_of_string("stuck"), .delivered = stuck_new}};
    bool behind = stuck_done < story->stuck_count;
    assert_int_equal(spool_advance(story->f.spool, SPOOL_AT_LEAST_ONCE, story->last_id, &lane,
                                   behind, outcomes, 2),
                     ERR_OK);
}

/* One segment, about: some of the stuck topic, much of the other. */
static void round_of(struct story *story, uint32_t stuck, uint32_t busy)
{
    if (stuck > 0) {
        struct spool_receipt receipt = append(&story->f, "stuck", stuck, 100);
        for (uint32_t i = 0; i < stuck; i++)
            story->stuck[story->stuck_count++] = receipt.first_id + i;
    }
    struct spool_receipt receipt = append(&story->f, "busy", busy, BUSY_BYTES);
    story->first_busy = story->first_busy == 0 ? receipt.first_id : story->first_busy;
    story->last_id = receipt.last_id;
    story->busy_count += busy;
    advance(story, busy, story->stuck_done, 0);
}

static struct spool_stats stats_of(struct story *story)
{
    struct spool_stats stats;
    spool_stats_get(story->f.spool, &stats);
    return stats;
}

static size_t count_in(struct story *story, const char *folder)
{
    char path[300];
    uint64_t *ids = NULL;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", story->f.dir, folder);
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return 0;
    assert_int_equal(spool_dir_list_ids(fd, &ids, &count, NULL), ERR_OK);
    close(fd);
    free(ids);
    return count;
}

static uint64_t first_in(struct story *story, const char *folder)
{
    char path[300];
    uint64_t *ids = NULL, first;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", story->f.dir, folder);
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    assert_int_equal(spool_dir_list_ids(fd, &ids, &count, NULL), ERR_OK);
    close(fd);
    assert_true(count > 0);
    first = ids[0];
    free(ids);
    return first;
}

static void tell_rounds(struct story *story)
{
    for (int i = 0; i < ROUNDS; i++)
        round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    round_of(story, 0, BUSY_PER_ROUND); /* the cursors are behind all of them */
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") >= ROUNDS - 1 && count_in(story, "segments") <= 3);
}

/* What a lane that reads by itself sees of the stuck topic: each event, in order, once; true
 * bytes. */
static void check_arrives(struct story *story, uint64_t after_id, uint32_t from)
{
    struct spool_tail *tail;
    struct spool_chunk *chunk;
    uint32_t next = from;
    uint64_t before = after_id;
    assert_int_equal(spool_tail_open(story->f.spool, after_id, &tail), ERR_OK);
    while (spool_tail_next(tail, &chunk, NULL) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);) {
            assert_true(event.id > before);
            before = event.id;
            assert_true(story->damaged || !event.salvaged);
            if (!bytes_equal(event.topic, bytes_of_string("stuck")))
                continue;
            assert_true(next < story->stuck_count);
            assert_int_equal(event.id, story->stuck[next++]);
            assert_int_equal(event.value.size, 100);
        }
        spool_chunk_unref(chunk);
    }
    spool_tail_close(tail);
    assert_int_equal(next, story->stuck_count);
}

static void check_books(struct story *story, uint64_t pending, uint64_t lost)
{
    SPOOL_FIXTURE_WAIT(!stats_of(story).counting);
    struct spool_books books = stats_of(story).books;
    assert_int_equal(books.pending, pending);
    assert_int_equal(books.lost, lost);
    assert_int_equal(books.accepted, books.delivered + pending + lost);
    assert_int_equal(books.accepted, story->busy_count + story->stuck_count);
}

static enum spool_event_status fate_of(struct story *story, uint64_t id, const char *topic)
{
    enum spool_event_status fate = SPOOL_EVENT_STATUS_UNKNOWN;
    struct errmsg msg;
    assert_int_equal(spool_letters_load(story->f.spool, &msg), ERR_OK);
    assert_int_equal(
        spool_event_status_get(story->f.spool, id, bytes_of_string(topic), &fate, &msg), ERR_OK);
    return fate;
}

static void open_again(struct story *story)
{
    spool_fixture_close(&story->f);
    spool_fixture_open(&story->f);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_what_is_pending_is_parked_and_arrives(void **state)
{
    struct story *story = *state;
    uint64_t nonce_before = 0, nonce = 0;
    round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    uint64_t first_segment = spool_id_segment(story->stuck[0]);
    assert_int_equal(spool_segment_nonce(story->f.spool, first_segment, &nonce_before), ERR_OK);
    for (int i = 1; i < ROUNDS; i++)
        round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    round_of(story, 0, BUSY_PER_ROUND);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") >= ROUNDS - 1 && count_in(story, "segments") <= 3);
    struct spool_stats stats = stats_of(story);
    assert_true(stats.parked_segments >= ROUNDS - 1);
    assert_true(stats.parked_events >= (ROUNDS - 1) * STUCK_PER_ROUND);
    assert_true(stats.parked_bytes >= stats.parked_events * 100 &&
                stats.parked_bytes < stats.parked_events * 300);
    SPOOL_FIXTURE_WAIT(stats_of(story).used_bytes < 3 << 20);
    assert_int_equal(spool_segment_nonce(story->f.spool, first_segment, &nonce), ERR_OK);
    assert_true(nonce == nonce_before && nonce != 0);
    uint64_t oldest;
    assert_int_equal(spool_oldest_segment(story->f.spool, &oldest), ERR_OK);
    assert_int_equal(oldest, first_segment);
    check_books(story, story->stuck_count, 0);
    check_arrives(story, 0, 0);
    check_arrives(story, story->stuck[4], 5); /* in the middle of one */
    assert_int_equal(fate_of(story, story->stuck[0], "stuck"), SPOOL_EVENT_STATUS_ACCEPTED);
    assert_int_equal(fate_of(story, story->first_busy, "busy"), SPOOL_EVENT_STATUS_DELIVERED);
    assert_int_equal(fate_of(story, story->first_busy, ""), SPOOL_EVENT_STATUS_ACCEPTED);

    open_again(story);
    check_books(story, story->stuck_count, 0);
    SPOOL_FIXTURE_WAIT(stats_of(story).parked_events >=
                       stats.parked_events); /* what the cursors didn't name yet, again */
    assert_true(stats_of(story).parked_bytes >= stats.parked_bytes);
    assert_int_equal(spool_segment_nonce(story->f.spool, first_segment, &nonce), ERR_OK);
    assert_true(nonce == nonce_before);
    check_arrives(story, 0, 0);
    assert_int_equal(fate_of(story, story->stuck[0], "stuck"), SPOOL_EVENT_STATUS_ACCEPTED);

    advance(story, 0, story->stuck_count, story->stuck_count);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") == 0 && stats_of(story).parked_segments == 0);
    check_books(story, 0, 0);
    open_again(story);
    check_books(story, 0, 0);
    assert_int_equal(stats_of(story).damaged_segments, 0);
    assert_int_equal(count_in(story, "quarantine"), 0);
}

/* The stuck topic has events in the first segment only: of the others nothing is left, and nobody
 * misses them. */
static void test_what_holds_nothing_goes(void **state)
{
    struct story *story = *state;
    round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    for (int i = 0; i < ROUNDS; i++)
        round_of(story, 0, BUSY_PER_ROUND);
    SPOOL_FIXTURE_WAIT(count_in(story, "segments") <= 3);
    assert_int_equal(count_in(story, "parked"), 1);
    check_arrives(story, 0, 0);
    for (int i = 0; i < 3; i++) {
        open_again(story);
        check_books(story, story->stuck_count, 0);
        assert_int_equal(stats_of(story).damaged_segments, 0);
        assert_int_equal(count_in(story, "quarantine"), 0);
        check_arrives(story, 0, 0);
        round_of(story, 0, BUSY_PER_ROUND);
    }
    struct spool_inspect inspect;
    struct spool_inspect_vanished *vanished = NULL;
    size_t count = 0;
    struct errmsg msg;
    SPOOL_FIXTURE_WAIT(count_in(story, "segments") <= 3);
    assert_int_equal(spool_inspect_open(story->f.dir, &inspect, &msg), ERR_OK);
    assert_int_equal(spool_inspect_vanished(&inspect, &vanished, &count, &msg), ERR_OK);
    assert_int_equal(count, 0);
    spool_inspect_close(&inspect);
    advance(story, 0, story->stuck_count, story->stuck_count);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") == 0);
    open_again(story);
    check_books(story, 0, 0);
}

/* Much of the first segment is pending: it stays whole, and so does what its follower's link says
 * of it. */
static void test_what_is_large_stays(void **state)
{
    struct story *story = *state;
    struct spool_receipt receipt = append(&story->f, "stuck", STUCK_PER_ROUND, 60000);
    uint64_t first_segment = spool_id_segment(receipt.first_id);
    struct spool_lane_cursor lane = {(char *)"stuck", 0};
    for (int i = 0; i < ROUNDS; i++) {
        receipt = append(&story->f, "busy", BUSY_PER_ROUND, BUSY_BYTES);
        assert_int_equal(
            spool_advance(story->f.spool, SPOOL_AT_LEAST_ONCE, receipt.last_id, &lane, 1, NULL, 0),
            ERR_OK);
    }
    SPOOL_FIXTURE_WAIT(count_in(story, "segments") <= 4 && count_in(story, "parked") == 1);
    assert_int_equal(first_in(story, "segments"), first_segment);
    assert_int_equal(stats_of(story).parked_events, 0); /* the links only */
    assert_int_equal(stats_of(story).parked_segments, 1);
    open_again(story);
    SPOOL_FIXTURE_WAIT(!stats_of(story).counting);
    assert_int_equal(count_in(story, "parked"), 1);
    assert_int_equal(stats_of(story).books.lost, 0);
    spool_fixture_close(&story->f);
    char command[400]; /* and when it vanishes, that link tells */
    snprintf(command, sizeof command, "rm -rf '%s/segments/%" PRIu64 "'", story->f.dir,
             first_segment);
    assert_int_equal(system(command), 0);
    spool_fixture_open(&story->f);
    SPOOL_FIXTURE_WAIT(!stats_of(story).counting);
    assert_int_equal(
        spool_advance(story->f.spool, SPOOL_AT_LEAST_ONCE, receipt.last_id, NULL, 0, NULL, 0),
        ERR_OK);
    SPOOL_FIXTURE_WAIT(stats_of(story).damaged_segments == 1);
    /* all that it held */
    assert_int_equal(stats_of(story).books.lost, STUCK_PER_ROUND + BUSY_PER_ROUND);
}

static void parked_log(struct story *story, uint64_t segment_id, char *path, size_t size)
{
    snprintf(path, size, "%s/parked/%" PRIu64 "/000003.log", story->f.dir, segment_id);
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    uint8_t *content = malloc((size_t)status.st_size);
    FILE *file = fopen(path, "rb");
    assert_int_equal(fread(content, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    fclose(file);
    *ret_size = (size_t)status.st_size;
    return content;
}

static void write_file(const char *path, const uint8_t *content, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(content, 1, size, file), size);
    fclose(file);
}

/* Flips a byte in every frame of that kind and, for events, index: true when there was one. */
static bool spoil(uint8_t *content, size_t size, uint8_t kind, uint64_t id)
{
    static const uint8_t magic[] = {0xe7, 0x50, 0x53, 0x9a};
    bool found = false;
    for (size_t at = 0; at + 36 < size; at++)
        if (memcmp(content + at, magic, sizeof magic) == 0 && content[at + 19] == kind &&
            (kind != SPOOL_FRAME_EVENT || memcmp(content + at + 8, &id, 8) == 0)) {
            content[at + 30] ^= 0x55;
            found = true;
        }
    return found;
}

/* Reads the stuck topic's events to their end and says that they are done, as far as they came. */
static uint32_t deliver(struct story *story)
{
    struct spool_tail *tail;
    struct spool_chunk *chunk;
    uint32_t count = 0;
    uint64_t before = 0;
    assert_int_equal(spool_tail_open(story->f.spool, 0, &tail), ERR_OK);
    while (spool_tail_next(tail, &chunk, NULL) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);) {
            assert_true(event.id > before);
            before = event.id;
            count += bytes_equal(event.topic, bytes_of_string("stuck"));
        }
        spool_chunk_unref(chunk);
    }
    spool_tail_close(tail);
    struct spool_outcome outcome = {.topic = bytes_of_string("stuck"), .delivered = count};
    assert_int_equal(
        spool_advance(story->f.spool, SPOOL_AT_LEAST_ONCE, story->last_id, NULL, 0, &outcome, 1),
        ERR_OK);
    return count;
}

static void check_report(struct story *story, uint64_t segment_id, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/quarantine/%" PRIu64 "/loss-report.json", story->f.dir,
             segment_id);
    SPOOL_FIXTURE_WAIT(access(path, R_OK) == 0);
    size_t size;
    uint8_t *content = read_file(path, &size);
    char *found = memmem(content, size, text, strlen(text));
    if (found == NULL)
        fail_msg("no %s in %.*s", text, (int)size, (char *)content);
    free(content);
}

static void test_a_damaged_event_is_lost_alone(void **state)
{
    struct story *story = *state;
    char path[400], named[64];
    size_t size;
    tell_rounds(story);
    spool_fixture_close(&story->f);
    uint64_t segment_id = spool_id_segment(story->stuck[1]);
    assert_int_equal(spool_id_segment(story->stuck[0]), segment_id);
    parked_log(story, segment_id, path, sizeof path);
    uint8_t *content = read_file(path, &size);
    assert_true(spoil(content, size, SPOOL_FRAME_EVENT, story->stuck[1]));
    write_file(path, content, size);
    free(content);
    spool_fixture_open(&story->f);
    check_books(story, story->stuck_count, 0);
    assert_int_equal(deliver(story), story->stuck_count - 1);
    snprintf(named, sizeof named, "\"lost\":[{\"first\":\"%" PRIu64 "\",\"last\":\"%" PRIu64 "\"}]",
             story->stuck[1], story->stuck[1]);
    check_report(story, segment_id, named);
    check_books(story, 0, 1);
    assert_int_equal(fate_of(story, story->stuck[1], "stuck"), SPOOL_EVENT_STATUS_LOST);
    assert_int_equal(fate_of(story, story->stuck[0], "stuck"), SPOOL_EVENT_STATUS_DELIVERED);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") == 0);
}

/* Then the events that are intact come all the same; how many are missing is known, which ones no
 * longer. */
static void test_without_its_tables_the_cursors_count(void **state)
{
    struct story *story = *state;
    char path[400];
    size_t size;
    tell_rounds(story);
    spool_fixture_close(&story->f);
    uint64_t segment_id = spool_id_segment(story->stuck[1]);
    parked_log(story, segment_id, path, sizeof path);
    uint8_t *content = read_file(path, &size);
    assert_true(spoil(content, size, SPOOL_FRAME_PARKED, 0));
    write_file(path, content, size);
    spool_fixture_open(&story->f);
    check_books(story, story->stuck_count, 0);
    story->damaged = true;
    check_arrives(story, 0, 0); /* nothing is missing */
    assert_int_equal(stats_of(story).books.lost, 0);
    spool_fixture_close(&story->f);
    assert_true(spoil(content, size, SPOOL_FRAME_EVENT, story->stuck[1]));
    write_file(path, content, size);
    free(content);
    spool_fixture_open(&story->f);
    check_books(story, story->stuck_count, 0);
    assert_int_equal(deliver(story), story->stuck_count - 1);
    check_report(story, segment_id, "\"events_lost\":1,\"lost\":[]");
    check_books(story, 0, 1);
    assert_int_equal(fate_of(story, story->stuck[1], "stuck"), SPOOL_EVENT_STATUS_UNKNOWN);
}

static void test_a_vanished_one_is_missed(void **state)
{
    struct story *story = *state;
    char command[400];
    tell_rounds(story);
    spool_fixture_close(&story->f);
    uint64_t segment_id = spool_id_segment(story->stuck[0]);
    uint32_t gone = 0;
    while (gone < story->stuck_count && spool_id_segment(story->stuck[gone]) == segment_id)
        gone++;
    snprintf(command, sizeof command, "rm -rf '%s/parked/%" PRIu64 "'", story->f.dir, segment_id);
    assert_int_equal(system(command), 0);
    struct spool_inspect inspect;
    struct spool_inspect_vanished *vanished = NULL;
    size_t count = 0;
    struct errmsg msg;
    assert_int_equal(spool_inspect_open(story->f.dir, &inspect, &msg), ERR_OK);
    assert_int_equal(spool_inspect_vanished(&inspect, &vanished, &count, &msg), ERR_OK);
    assert_int_equal(count, 1);
    assert_true(vanished[0].id == segment_id && vanished[0].parked && vanished[0].lost == gone);
    free(vanished);
    spool_inspect_close(&inspect);
    spool_fixture_open(&story->f);
    SPOOL_FIXTURE_WAIT(!stats_of(story).counting);
    /* they are lost once the next cursors are written */
    struct spool_books books = stats_of(story).books;
    assert_int_equal(books.pending + books.lost, story->stuck_count);
    assert_int_equal(deliver(story), story->stuck_count - gone);
    check_report(story, segment_id, "\"kind\":\"vanished\"");
    check_books(story, 0, gone);
    open_again(story);
    check_books(story, 0, gone);
}

/* A crash comes before the cursors name it, or while it is being written: the whole segment is
 * still there, and counts. */
static void test_what_was_not_finished_is_dropped(void **state)
{
    struct story *story = *state;
    char command[1200];
    round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    uint64_t segment_id = spool_id_segment(story->stuck[0]);
    spool_fixture_close(&story->f);
    assert_int_equal(count_in(story, "parked"), 0);
    snprintf(command, sizeof command,
             "mkdir -p '%s/parked/%" PRIu64 "' '%s/parked/%" PRIu64
             ".new' && echo > '%s/parked/%" PRIu64 "/000003.log'",
             story->f.dir, segment_id, story->f.dir, segment_id, story->f.dir, segment_id);
    assert_int_equal(system(command), 0);
    spool_fixture_open(&story->f);
    check_books(story, story->stuck_count, 0);
    check_arrives(story, 0, 0);
    assert_int_equal(count_in(story, "parked"), 0);
    for (int i = 0; i < 4; i++)
        round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") >= 3); /* that one, too, in its time */
    check_arrives(story, 0, 0);
}

/* The cursors name it, but the segment hasn't left yet: what is parked counts, and the segment
 * goes. */
static void test_a_segment_that_has_not_left_goes_later(void **state)
{
    struct story *story = *state;
    char kept[300], command[1200];
    for (int i = 0; i < 3; i++)
        round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    uint64_t segment_id = spool_id_segment(story->stuck[0]);
    snprintf(kept, sizeof kept, "%s.kept", story->f.dir);
    snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s/segments/%" PRIu64 "' '%s'", kept,
             story->f.dir, segment_id, kept);
    assert_int_equal(system(command), 0);
    for (int i = 3; i < ROUNDS; i++)
        round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") >= 4);
    spool_fixture_close(&story->f);
    snprintf(command, sizeof command, "mv '%s' '%s/segments/%" PRIu64 "'", kept, story->f.dir,
             segment_id);
    assert_int_equal(system(command), 0);
    spool_fixture_open(&story->f);
    check_books(story, story->stuck_count, 0);
    check_arrives(story, 0, 0);
    SPOOL_FIXTURE_WAIT(first_in(story, "segments") > segment_id);
    check_arrives(story, 0, 0);
}

/* Without cursors everything on the disk is delivered again: so is what is parked. */
static void test_without_cursors_what_is_parked_comes(void **state)
{
    struct story *story = *state;
    char path[300];
    tell_rounds(story);
    spool_fixture_close(&story->f);
    snprintf(path, sizeof path, "%s/cursors", story->f.dir);
    assert_int_equal(unlink(path), 0);
    spool_fixture_open(&story->f);
    check_arrives(story, 0, 0);
    assert_int_equal(stats_of(story).books.lost, 0);
}

/* Its cursor stands between two events of one segment: what lies behind it is parked, from the
 * first on. */
static void test_just_what_is_pending_is_parked(void **state)
{
    struct story *story = *state;
    round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    advance(story, 0, story->stuck_done = 1, 1);
    for (int i = 1; i < ROUNDS; i++)
        round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") >= ROUNDS - 2 && count_in(story, "segments") <= 3);
    assert_true(first_in(story, "parked") == spool_id_segment(story->stuck[0]));
    check_arrives(story, story->stuck[0], 1);
    open_again(story);
    check_books(story, story->stuck_count - 1, 0);
    check_arrives(story, story->stuck[0], 1);
    assert_int_equal(stats_of(story).parked_events % STUCK_PER_ROUND, STUCK_PER_ROUND - 1);
}

/* The segments behind it, whose links would name it, are gone with nothing left: the cursors do. */
static void test_a_vanished_one_is_missed_without_links(void **state)
{
    struct story *story = *state;
    char command[400];
    round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    /* nor is it one of the newest, which the cursors name, too */
    for (int i = 0; i < SPOOL_NEWEST_SEGMENTS + 4; i++)
        round_of(story, 0, BUSY_PER_ROUND);
    SPOOL_FIXTURE_WAIT(count_in(story, "segments") <= 3 && count_in(story, "parked") == 1);
    spool_fixture_close(&story->f);
    snprintf(command, sizeof command, "rm -rf '%s/parked/%" PRIu64 "'", story->f.dir,
             first_in(story, "parked"));
    assert_int_equal(system(command), 0);
    spool_fixture_open(&story->f);
    SPOOL_FIXTURE_WAIT(stats_of(story).books.lost == STUCK_PER_ROUND);
    assert_int_equal(deliver(story), 0);
    check_report(story, spool_id_segment(story->stuck[0]), "\"kind\":\"vanished\"");
    check_books(story, 0, STUCK_PER_ROUND);
}

/* What somebody is reading stays where it is until he is through. */
static void test_what_is_being_read_waits(void **state)
{
    struct story *story = *state;
    struct spool_tail *tail;
    struct spool_chunk *chunk;
    char path[300];
    uint32_t count = 0;
    round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    open_again(story); /* nothing is in memory any more */
    assert_int_equal(spool_tail_open(story->f.spool, 0, &tail), ERR_OK);
    assert_int_equal(spool_tail_next(tail, &chunk, NULL), ERR_OK);
    uint64_t segment_id = spool_id_segment(chunk->first_id);
    snprintf(path, sizeof path, "%s/segments/%" PRIu64, story->f.dir, segment_id);
    for (int i = 2; i < ROUNDS; i++)
        round_of(story, STUCK_PER_ROUND, BUSY_PER_ROUND);
    SPOOL_FIXTURE_WAIT(count_in(story, "parked") >= ROUNDS - 3);
    usleep(300000);
    assert_int_equal(access(path, F_OK), 0);
    do {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);)
            count += bytes_equal(event.topic, bytes_of_string("stuck"));
        spool_chunk_unref(chunk);
    } while (spool_tail_next(tail, &chunk, NULL) == ERR_OK);
    spool_tail_close(tail);
    assert_int_equal(count, story->stuck_count);
    SPOOL_FIXTURE_WAIT(access(path, F_OK) != 0); /* now it goes, too */
    check_arrives(story, 0, 0);
}

/* For `drain`: it takes nothing and parks nothing, but what is parked comes, and stays known. */
static void test_forwarding_only_reads_it(void **state)
{
    struct story *story = *state;
    tell_rounds(story);
    spool_fixture_close(&story->f);
    size_t parked = count_in(story, "parked");
    story->f.options.forward_only = true;
    spool_fixture_open(&story->f);
    check_books(story, story->stuck_count, 0);
    check_arrives(story, 0, 0);
    advance(story, 0, 4, 4);
    spool_fixture_close(&story->f);
    assert_int_equal(count_in(story, "parked"), parked);
    story->f.options.forward_only = false;
    spool_fixture_open(&story->f);
    check_books(story, story->stuck_count - 4, 0);
    check_arrives(story, story->stuck[3], 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_pending_is_parked_and_arrives),
        TEST(test_what_holds_nothing_goes),
        TEST(test_what_is_large_stays),
        TEST(test_a_damaged_event_is_lost_alone),
        TEST(test_without_its_tables_the_cursors_count),
        TEST(test_a_vanished_one_is_missed),
        TEST(test_what_was_not_finished_is_dropped),
        TEST(test_a_segment_that_has_not_left_goes_later),
        TEST(test_without_cursors_what_is_parked_comes),
        TEST(test_just_what_is_pending_is_parked),
        TEST(test_a_vanished_one_is_missed_without_links),
        TEST(test_what_is_being_read_waits),
        TEST(test_forwarding_only_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
