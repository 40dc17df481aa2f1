/* SPDX-License-Identifier: MIT
 * fault_template.c - the run before: a spool with a past, so that a session has more to lose than
 * what it takes itself. */
#include "tests/faults/fault_session.h"

#include "base/clock.h"
#include "tests/faults/preload_fail.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SEGMENTS = 5,
    DAMAGED_EVENT_MAX = 500,
    NEARLY_FULL_BYTES = (64 << 10) - 3000, /* the next batch may well be the segment's last */
    BATCHES_MAX = 2000,
};

/* ---- failed commits -------------------------------------------------------------------------- */

struct past {
    struct fault_board *board;
    struct spool *spool;
    struct fail_plan *plan;
    struct spool_stats stats;
    uint64_t segment_id, bytes_before; /* what was committed before the live segment began */
    unsigned batches;
};

static bool submit(struct past *past)
{
    if (past->batches == BATCHES_MAX)
        return fault_failed(past->board, "no such past comes about");
    uint64_t bytes_before = past->stats.committed_bytes;
    bool good = fault_submit_many(past->board, past->spool, 1, past->batches++);
    spool_stats_get(past->spool, &past->stats);
    if (past->segment_id != past->stats.live_segment_id) {
        past->segment_id = past->stats.live_segment_id;
        past->bytes_before = bytes_before;
    }
    return good;
}

static bool has_segments(const struct past *past, uint64_t count)
{
    return past->stats.segment_count > count;
}

/* Fails the sync of one commit when the live segment holds about so much. */
static bool fail_one(struct past *past, uint64_t bytes)
{
    uint64_t abandoned = past->stats.segments_abandoned;
    while (past->stats.committed_bytes - past->bytes_before < bytes ||
           past->stats.committed_bytes - past->bytes_before > bytes + 1000)
        if (!submit(past))
            return false;
    clock_sleep_ms(150); /* the segment made ahead has all its syncs by then */
    atomic_store(&past->plan->seen, 0);
    atomic_store(&past->plan->kinds, FAIL_BIT(FAIL_FDATASYNC));
    bool good = submit(past);
    atomic_store(&past->plan->kinds, 0);
    return good && (past->stats.segments_abandoned == abandoned + 1 ||
                    fault_failed(past->board, "no commit failed"));
}

static bool submit_past(struct past *past)
{
    atomic_store(&past->plan->error, EIO);
    atomic_store(&past->plan->first, 1);
    atomic_store(&past->plan->times, 1);
    while (!has_segments(past, 2))
        if (!submit(past))
            return false;
    bool good = fail_one(past, 20 << 10) && fail_one(past, NEARLY_FULL_BYTES);
    while (good && !has_segments(past, SEGMENTS))
        good = submit(past);
    return good;
}

/* ---- damage ---------------------------------------------------------------------------------- */

static bool flip_byte(const char *path, uint32_t number)
{
    char needle[16];
    FILE *file = fopen(path, "r+");
    uint8_t *content = malloc(16 << 20);
    size_t size = file == NULL || content == NULL ? 0 : fread(content, 1, 16 << 20, file);
    int needle_size = snprintf(needle, sizeof needle, "#%07" PRIu32 "#", number);
    uint8_t *found = size == 0 ? NULL : memmem(content, size, needle, (size_t)needle_size);
    bool good = found != NULL && fseek(file, found - content + 30, SEEK_SET) == 0 &&
                fputc(found[30] ^ 0x10, file) != EOF;
    free(content);
    return file != NULL && fclose(file) == 0 && good;
}

static bool flip_in_segment(struct fault_board *board, const char *dir)
{
    char path[512], log[800];
    snprintf(path, sizeof path, "%s/segments/%" PRIu64, dir, board->damaged_segment_id);
    DIR *entries = opendir(path);
    bool flipped = false;
    for (struct dirent *entry; entries != NULL && !flipped && (entry = readdir(entries)) != NULL;) {
        snprintf(log, sizeof log, "%s/%s", path, entry->d_name);
        flipped = strstr(entry->d_name, ".log") != NULL && flip_byte(log, board->damaged_number);
    }
    if (entries != NULL)
        closedir(entries);
    return flipped || fault_failed(board, "no event of segment %" PRIu64 " could be damaged",
                                   board->damaged_segment_id);
}

/* The segment behind the first one, and a small event within. */
static void choose_damage(struct fault_board *board)
{
    static uint8_t value[FAULT_VALUE_MAX];
    uint64_t first = UINT64_MAX, second = UINT64_MAX;
    for (uint32_t number = 0; number < atomic_load(&board->next); number++) {
        uint64_t segment = spool_id_segment(atomic_load(&board->events[number].accepted_id));
        first = segment != 0 && segment < first ? segment : first;
    }
    for (uint32_t number = 0; number < atomic_load(&board->next); number++) {
        uint64_t segment = spool_id_segment(atomic_load(&board->events[number].accepted_id));
        bool small = fault_event_make(board, number, value).value.size < DAMAGED_EVENT_MAX;
        if (segment > first && (segment < second || (segment == second && small))) {
            second = segment;
            board->damaged_number = number;
        }
    }
    board->damaged_segment_id = second;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool has_written_cursors(const struct spool_stats *stats)
{
    return stats->cursor_writes > 0 && stats->books.delivered > 0;
}

static bool copy_as_after_a_crash(struct fault_board *board, const char *from, const char *to)
{
    char command[1200];
    clock_sleep_ms(300); /* everything that waits is done by then: the copy is of one moment */
    snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
    return system(command) == 0 || fault_failed(board, "'%s' failed", command);
}

bool fault_make_template(struct fault_board *board, struct fail_plan *plan, const char *dir)
{
    char first_dir[300];
    snprintf(first_dir, sizeof first_dir, "%s.first", dir);
    struct spool_options options = fault_options(first_dir);
    options.create = true;
    struct fault_reader reader = {.board = board, .phase = FAULT_PHASE_BEFORE};
    struct errmsg msg = {""};
    if (spool_open(&options, fault_report, board, &reader.spool, &msg) != ERR_OK)
        return fault_failed(board, "open: %s", msg.text);
    struct past past = {.board = board, .spool = reader.spool, .plan = plan};
    bool good = submit_past(&past) && spool_tail_open(reader.spool, 0, &reader.tail) == ERR_OK &&
                fault_read(&reader) == ERR_OK && fault_advance(&reader) &&
                fault_wait(board, reader.spool, has_written_cursors, "cursors are written") &&
                copy_as_after_a_crash(board, first_dir, dir);
    spool_tail_close(reader.tail);
    spool_close(reader.spool);
    choose_damage(board);
    return good && flip_in_segment(board, dir);
}
