/* SPDX-License-Identifier: MIT
 * fault_check.c - the runs before and after: a spool with a past, and the proof that nothing of it is missing. */
#include "tests/faults/fault_session.h"

#include "base/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEMPLATE_SEGMENTS = 5, DAMAGED_EVENT_MAX = 500 };

static bool wait_for(struct fault_board *board, struct spool *spool, bool (*holds)(const struct spool_stats *), const char *what)
{
    struct spool_stats stats;
    for (int64_t end_ms = clock_monotonic_ms() + FAULT_DEADLINE_MS; clock_monotonic_ms() < end_ms; clock_sleep_ms(2)) {
        spool_stats_get(spool, &stats);
        if (holds(&stats))
            return true;
    }
    return fault_failed(board, "in vain waited until %s; segments %" PRIu64 " accepted %" PRIu64 " delivered %" PRIu64 " pending %" PRIu64
                        " lost %" PRIu64, what, stats.segment_count, stats.books.accepted, stats.books.delivered,
                        stats.books.pending, stats.books.lost);
}

/* ---- before ------------------------------------------------------------------------------------------------------ */

static bool flip_byte(const char *path, uint32_t number)
{
    char needle[16];
    FILE *file = fopen(path, "r+");
    uint8_t *content = malloc(16 << 20);
    size_t size = file == NULL || content == NULL ? 0 : fread(content, 1, 16 << 20, file);
    int needle_size = snprintf(needle, sizeof needle, "#%07" PRIu32 "#", number);
    uint8_t *found = size == 0 ? NULL : memmem(content, size, needle, (size_t)needle_size);
    bool good = found != NULL && fseek(file, found - content + 30, SEEK_SET) == 0 && fputc(found[30] ^ 0x10, file) != EOF;
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
    return flipped || fault_failed(board, "no event of segment %" PRIu64 " could be damaged", board->damaged_segment_id);
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

static bool has_template_segments(const struct spool_stats *stats)
{
    return stats->segment_count > TEMPLATE_SEGMENTS;
}

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

bool fault_make_template(struct fault_board *board, const char *dir)
{
    char first_dir[300];
    snprintf(first_dir, sizeof first_dir, "%s.first", dir);
    struct spool_options options = fault_options(first_dir);
    options.create = true;
    struct fault_reader reader = {.board = board, .phase = FAULT_PHASE_BEFORE};
    struct errmsg msg = {""};
    if (spool_open(&options, fault_report, board, &reader.spool, &msg) != ERR_OK)
        return fault_failed(board, "open: %s", msg.text);
    struct spool_stats stats = {0};
    for (unsigned turn = 0; !has_template_segments(&stats) && fault_submit_many(board, reader.spool, 10, turn); turn++)
        spool_stats_get(reader.spool, &stats);
    if (stats.segments_abandoned != 1)
        fault_failed(board, "the spool's past should have one failed write, not %" PRIu64, stats.segments_abandoned);
    bool good = spool_tail_open(reader.spool, 0, &reader.tail) == ERR_OK && fault_read(&reader) == ERR_OK &&
                fault_advance(&reader) && wait_for(board, reader.spool, has_written_cursors, "cursors are written") &&
                copy_as_after_a_crash(board, first_dir, dir);
    spool_tail_close(reader.tail);
    spool_close(reader.spool);
    choose_damage(board);
    return good && flip_in_segment(board, dir);
}

/* ---- after -------------------------------------------------------------------------------------------------------- */

static bool read_to_end(struct fault_reader *reader)
{
    enum err rc;
    while ((rc = fault_read(reader)) == ERR_OK && fault_advance(reader))
        ;
    return rc == ERR_END ? fault_advance(reader) : fault_failed(reader->board, "a healthy disk: %s", err_name(rc));
}

static bool is_drained(const struct spool_stats *stats)
{
    const struct spool_books *books = &stats->books;
    return !stats->counting && books->pending == 0 && books->accepted == books->delivered + books->lost;
}

static bool has_one_segment(const struct spool_stats *stats)
{
    return stats->segment_count <= 1; /* the live one */
}

/* One event is lost, and every other one that is there was delivered once by the books. Where the cursors could not be read,
 * the books began again: then they only balance. */
static bool check_books(struct fault_board *board, struct spool *spool)
{
    struct spool_stats stats;
    spool_stats_get(spool, &stats);
    uint64_t delivered = fault_delivered_count(board);
    if (atomic_load(&board->counted_anew))
        return stats.books.lost <= 1 || fault_failed(board, "the books have %" PRIu64 " lost", stats.books.lost);
    if (stats.books.lost != 1)
        return fault_failed(board, "the books have %" PRIu64 " lost, not 1", stats.books.lost);
    return stats.books.delivered == delivered ||
           fault_failed(board, "the books have %" PRIu64 " delivered, it were %" PRIu64, stats.books.delivered, delivered);
}

static bool check_quarantine(struct fault_board *board, const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%s/quarantine/%" PRIu64, dir, board->damaged_segment_id);
    return access(path, F_OK) == 0 || fault_failed(board, "the damaged segment is not in quarantine");
}

static bool check_steps(struct fault_reader *reader)
{
    struct fault_board *board = reader->board;
    return read_to_end(reader) && wait_for(board, reader->spool, is_drained, "the books balance") &&
           fault_check_fates(board) && check_books(board, reader->spool) && fault_submit_many(board, reader->spool, 3, 0) &&
           read_to_end(reader) && fault_check_fates(board) &&
           wait_for(board, reader->spool, has_one_segment, "what is done is retired");
}

bool fault_check(struct fault_board *board, const char *dir)
{
    struct spool_options options = fault_options(dir);
    struct fault_reader reader = {.board = board, .phase = FAULT_PHASE_AFTER};
    struct errmsg msg = {""};
    if (spool_open(&options, fault_report, board, &reader.spool, &msg) != ERR_OK)
        return fault_failed(board, "open on a healthy disk: %s", msg.text);
    bool good = spool_tail_open(reader.spool, spool_cursor_at_open(reader.spool)->done_id, &reader.tail) == ERR_OK &&
                check_steps(&reader);
    spool_tail_close(reader.tail);
    spool_stop_taking(reader.spool);
    spool_close(reader.spool);
    return good && check_quarantine(board, dir);
}
