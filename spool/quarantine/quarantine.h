/* SPDX-License-Identifier: MIT
 * quarantine.h - keeps damaged segments that are done: as found in quarantine/<id>/ with a loss
 * report, as long as there is room.
 *
 * The quarantine has a thread of its own, because files are read to their end for their checksums.
 * The reports stay when the files go. */
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
    struct mutex lock; /* guards the fields up to pending_capacity */
    pthread_cond_t wake;
    bool stopping;
    struct spool_loss_report **pending; /* reports to complete and write; owned */
    size_t pending_count, pending_capacity;

    atomic_bool caught_up;         /* the reports that earlier runs owed are written */
    atomic_uint_fast64_t segments; /* reports in quarantine/ */
    atomic_uint_fast64_t bytes;    /* on disk, of the kept files */
};

/* Call before all others, on a zeroed struct. */
void spool_quarantine_init(struct spool_quarantine *quarantine);

/* ERR_NOMEM: no thread */
enum err spool_quarantine_start(struct spool *spool, struct errmsg *msg);

/* Writes the pending reports (without the checksums), ends the thread. */
void spool_quarantine_stop(struct spool *spool);

struct spool_loss_report;

/* Makes an empty directory, for the report of a segment that vanished. Errors: as
 * spool_dir_open() */
enum err spool_quarantine_make_place(struct spool *spool, uint64_t segment_id, struct errmsg *msg);

/* Moves a segment from from_fd (segments/ or parked/) into quarantine/, as found; if it is a file,
 * into a directory of its own. Errors: as spool_dir_move() */
enum err spool_quarantine_take(struct spool *spool, int from_fd, const char *name,
                               struct errmsg *msg);

/* Takes over the report of a segment in quarantine, to complete and write it. Without memory the
 * report is freed, and made at the next start. May be called with the spool's lock held. */
void spool_quarantine_report(struct spool *spool, struct spool_loss_report *report);

#endif
