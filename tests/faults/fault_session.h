/* SPDX-License-Identifier: MIT
 * fault_session.h - the life of a spool in small: ingest by two threads, rotation, delivery, retiring, quarantine.
 *
 * Every function runs in a process of its own and leaves its result on the board. */
#ifndef PENSTOCK_TESTS_FAULT_SESSION_H
#define PENSTOCK_TESTS_FAULT_SESSION_H

#include "tests/faults/fault_board.h"

enum { FAULT_PHASE_BEFORE = 1, FAULT_PHASE_FAULTY, FAULT_PHASE_AFTER, FAULT_DEADLINE_MS = 15000 };

/* A reader that tells the spool what it has read, as the bridge does. */
struct fault_reader {
    struct fault_board *board;
    struct spool *spool;
    struct spool_tail *tail;
    int phase;
    uint64_t delivered[FAULT_TOPICS]; /* since the last advance */
};

struct spool_options fault_options(const char *dir);

/* Submits `batches` batches, waiting for each receipt; refused ones are tried again or dropped. random makes threads differ.
 * False: a failure is noted. */
bool fault_submit_many(struct fault_board *board, struct spool *spool, unsigned batches, unsigned random);

/* Reads a chunk: ERR_OK, ERR_END, ERR_UNREADABLE; ERR_INVALID: a failure is noted. */
enum err fault_read(struct fault_reader *reader);
bool fault_advance(struct fault_reader *reader);

/* What an earlier run left: sealed segments behind one another, one of them damaged afterwards, the newest unsealed. Its disk
 * must fail one commit's sync: that batch moved on to the next segment, and lies in both. */
bool fault_make_template(struct fault_board *board, const char *dir);

/* The session whose disk fails. crash: it ends without closing anything. */
bool fault_run(struct fault_board *board, const char *dir, bool crash);

/* The run after it, on a healthy disk: everything is there, the books balance, what is done is gone. */
bool fault_check(struct fault_board *board, const char *dir);

#endif
