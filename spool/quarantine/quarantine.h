/* SPDX-License-Identifier: MIT
 * quarantine.h - damaged segments that are done: kept as found in quarantine/<id>/ with a
 * loss report, as long as there is room.
 *
 * A thread of its own, as files are read to their end for their checksums. The reports stay when
 * the files go. */
#ifndef PENSTOCK_SPOOL_QUARANTINE_QUARANTINE_H
#define PENSTOCK_SPOOL_QUARANTINE_QUARANTINE_H

#include "base/err.h"
#include "base/mutex.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

struct spool_quarantine {
    pthread_t thread;
    bool started;
    struct mutex lock; /* guards what follows up to the next comment */
    pthread_cond_t wake;
    bool stopping;
    struct spool_loss_report **pending; /* to be completed and written; owned */
    size_t pending_count, pending_capacity;

    atomic_bool caught_up;         /* the reports that earlier runs owed are written */
    atomic_uint_fast64_t segments; /* reports that lie there */
    atomic_uint_fast64_t bytes;    /* on disk, the files that are kept */
};

/* Before anything else; a zeroed one. */
void spool_quarantine_init(struct spool_quarantine *quarantine);

/* ERR_NOMEM: no thread */
enum err spool_quarantine_start(struct spool *spool, struct errmsg *msg);

/* Writes what is pending (without the checksums), ends the thread. */
void spool_quarantine_stop(struct spool *spool);

struct spool_loss_report;

/* For a segment that vanished: an empty directory, for its report. Errors: as spool_dir_open() */
enum err spool_quarantine_make_place(struct spool *spool, uint64_t segment_id, struct errmsg *msg);

/* Moves what lies in from_fd (segments/ or parked/) under that name there, as found; what is no
 * directory gets one around it. Errors: as spool_dir_move() */
enum err spool_quarantine_take(struct spool *spool, int from_fd, const char *name,
                               struct errmsg *msg);

/* Takes over the report of a segment that lies there, to complete and write it. Without memory it
 * is made at the next start. May be called with the spool's lock held. */
void spool_quarantine_report(struct spool *spool, struct spool_loss_report *report);

#endif
