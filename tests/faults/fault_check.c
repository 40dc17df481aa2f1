/* SPDX-License-Identifier: MIT
 * fault_check.c - the run after the fault: the proof that nothing is missing, and that the books
 * know it. */
#include "tests/faults/fault_session.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

bool fault_wait(struct fault_board *board, struct spool *spool,
                bool (*holds)(const struct spool_stats *), const char *what)
{
    struct spool_stats stats;
    for (int64_t end_ms = clock_monotonic_ms() + FAULT_DEADLINE_MS; clock_monotonic_ms() < end_ms;
         clock_sleep_ms(2)) {
        spool_stats_get(spool, &stats);
        if (holds(&stats))
            return true;
    }
    return fault_failed(board,
                        "in vain waited until %s; segments %" PRIu64 " accepted %" PRIu64
                        " delivered %" PRIu64 " pending %" PRIu64 " lost %" PRIu64,
                        what, stats.segment_count, stats.books.accepted, stats.books.delivered,
                        stats.books.pending, stats.books.lost);
}

static bool read_to_end(struct fault_reader *reader)
{
    enum err rc;
    while ((rc = fault_read(reader)) == ERR_OK && fault_advance(reader))
        ;
    return rc == ERR_END ? fault_advance(reader)
                         : fault_failed(reader->board, "a healthy disk: %s", err_name(rc));
}

bool fault_is_drained(const struct spool_stats *stats)
{
    const struct spool_books *books = &stats->books;
    return !stats->counting && books->pending == 0 &&
           books->accepted == books->delivered + books->lost;
}

static bool has_one_segment(const struct spool_stats *stats)
{
    return stats->segment_count <= 1; /* the live one */
}

/* One event is lost, and every other one that is there was delivered once by the books. Where the
 * cursors could not be read, the books began again: then they only balance. */
static bool check_books(struct fault_board *board, struct spool *spool)
{
    struct spool_stats stats;
    spool_stats_get(spool, &stats);
    uint64_t delivered = fault_delivered_count(board);
    if (atomic_load(&board->counted_anew))
        return stats.books.lost <= 1 ||
               fault_failed(board, "the books have %" PRIu64 " lost", stats.books.lost);
    if (stats.books.lost != 1)
        return fault_failed(board, "the books have %" PRIu64 " lost, not 1", stats.books.lost);
    return stats.books.delivered == delivered ||
           fault_failed(board, "the books have %" PRIu64 " delivered, it were %" PRIu64,
                        stats.books.delivered, delivered);
}

static bool check_quarantine(struct fault_board *board, const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%s/quarantine/%" PRIu64, dir, board->damaged_segment_id);
    return access(path, F_OK) == 0 ||
           fault_failed(board, "the damaged segment is not in quarantine");
}

static bool check_steps(struct fault_reader *reader)
{
    struct fault_board *board = reader->board;
    return read_to_end(reader) &&
           fault_wait(board, reader->spool, fault_is_drained, "the books balance") &&
           fault_check_fates(board) && check_books(board, reader->spool) &&
           fault_submit_many(board, reader->spool, 3, 0) && read_to_end(reader) &&
           fault_check_fates(board) &&
           fault_wait(board, reader->spool, has_one_segment, "what is done is retired");
}

bool fault_check(struct fault_board *board, const char *dir)
{
    struct spool_options options = fault_options(dir);
    struct fault_reader reader = {.board = board, .phase = FAULT_PHASE_AFTER};
    struct errmsg msg = {""};
    if (spool_open(&options, fault_report, board, &reader.spool, &msg) != ERR_OK)
        return fault_failed(board, "open on a healthy disk: %s", msg.text);
    bool good = spool_tail_open(reader.spool, spool_cursor_at_open(reader.spool)->done_id,
                                &reader.tail) == ERR_OK &&
                check_steps(&reader);
    spool_tail_close(reader.tail);
    spool_stop_taking(reader.spool);
    spool_close(reader.spool);
    return good && check_quarantine(board, dir);
}
