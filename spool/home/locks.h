/* SPDX-License-Identifier: MIT
 * locks.h - the locks of an open spool, in the order in which a thread may take them.
 *
 * A thread that holds a lock may only take one that stands below it (base/mutex.h asserts that in
 * debug builds). No file operation happens under SPOOL_LOCK_SPOOL or a lock below it. The table of
 * topics has a read-write lock of its own, under which no other lock is taken. */
#ifndef PENSTOCK_SPOOL_HOME_LOCKS_H
#define PENSTOCK_SPOOL_HOME_LOCKS_H

#include "base/mutex.h"

enum spool_lock_rank {
    SPOOL_LOCK_LETTERS = 1,    /* dead letters; file operations happen under it, events of requeued
                                * letters are submitted under it */
    SPOOL_LOCK_COMMITTER,      /* the queue of batches */
    SPOOL_LOCK_SPARES,         /* the spare segment, segments to close */
    SPOOL_LOCK_SPOOL,          /* catalog, recent chunks, progress, wake-up (which takes the
                                * bridge's lock) */
    SPOOL_LOCK_QUARANTINE,     /* loss reports that are to be written */
    SPOOL_LOCK_LETTER_IDS,     /* ids of the dead letters */
    SPOOL_LOCK_DELIVERY_WAITS, /* batches of which somebody waits until Kafka has them */
};

#endif
