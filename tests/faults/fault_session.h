/* SPDX-License-Identifier: MIT
 * fault_session.h - the life of a spool in small: ingest by two threads, rotation, delivery,
 * retiring, quarantine.
 *
 * Every function runs in a process of its own and leaves its result on the board. */
#ifndef PENSTOCK_TESTS_FAULT_SESSION_H
#define PENSTOCK_TESTS_FAULT_SESSION_H

#include "tests/faults/fault_board.h"

enum { FAULT_PHASE_BEFORE = 1, FAULT_PHASE_FAULTY, FAULT_PHASE_AFTER, FAULT_DEADLINE_MS = 15000 };

struct fail_plan;

/* A reader that tells the spool what it has read, as the bridge does. */
struct fault_reader {
    struct fault_board *board;
    struct spool *spool;
    struct spool_tail *tail;
    int phase;
    uint64_t delivered[FAULT_TOPICS]; /* since the last advance */
};

struct spool_options fault_options(const char *dir);

/* Submits `batches` batches, waiting for each receipt; refused ones are tried again or dropped.
 * random makes threads differ. False: a failure is noted. */
bool fault_submit_many(struct fault_board *board, struct spool *spool, unsigned batches,
                       unsigned random);

/* Reads a chunk: ERR_OK, ERR_END, ERR_UNREADABLE; ERR_INVALID: a failure is noted. */
enum err fault_read(struct fault_reader *reader);
bool fault_advance(struct fault_reader *reader);

/* Waits, FAULT_DEADLINE_MS at most. */
bool fault_wait(struct fault_board *board, struct spool *spool,
                bool (*holds)(const struct spool_stats *), const char *what);

/* The books balance, and nothing is pending. */
bool fault_is_drained(const struct spool_stats *stats);

/* What an earlier run left: sealed segments behind one another, one of them damaged afterwards, the
 * newest unsealed. Two commits failed, one of them near the end of its segment: each lies there and
 * in the next one. plan is the one that its disk follows. */
bool fault_make_template(struct fault_board *board, struct fail_plan *plan, const char *dir);

/* The session whose disk fails as planned. Without a stop the process ends in it. */
enum fault_ending {
    FAULT_STOP,
    FAULT_CRASH,
    FAULT_CRASH_UNREAD, /* nobody has read anything */
    FAULT_CRASH_SOON,   /* some ms after the first failure */
    FAULT_ENDINGS
};
bool fault_run(struct fault_board *board, const struct fail_plan *plan, const char *dir,
               enum fault_ending ending);

/* The run after it, on a healthy disk: everything is there, the books balance, what is done is
 * gone. */
bool fault_check(struct fault_board *board, const char *dir);

#endif
