/* SPDX-License-Identifier: MIT
 * keeper.h - the thread that does what the committer must not wait for: segments made ahead
 * and closed, cursors written, done segments retired, trash unlinked, space measured. */
#ifndef PENSTOCK_SPOOL_KEEP_KEEPER_H
#define PENSTOCK_SPOOL_KEEP_KEEPER_H

#include "spool/place/cursors_file.h"
#include "spool/write/segment.h"

#include <pthread.h>
#include <stdatomic.h>

struct spool;

struct spool_keeper {
    pthread_t thread;
    bool started;

    /* used by the keeper thread only */
    struct spool_cursors *cursors; /* NULL while the file can't be made */
    int64_t cursors_written_ms;
    bool cursors_failing;
    int unlinked_at_once;

    atomic_uint_fast64_t cursor_writes;
    atomic_int cursor_mode; /* enum spool_delivery, as on the disk */
};

/* Makes the first segment of this run, on the opening thread, and names it in the cursors before it
 * takes events.
 * Errors: as spool_segment_make() */
enum err spool_keeper_make_first(struct spool *spool, struct spool_cursors *cursors,
                                 struct spool_segment **ret_segment, struct errmsg *msg);

/* Takes over the cursors file (NULL: it could not be opened). ERR_NOMEM: no thread */
enum err spool_keeper_start(struct spool *spool, struct spool_cursors *cursors, struct errmsg *msg);

/* Writes the cursors a last time, closes the ended segments, ends the thread. */
void spool_keeper_stop(struct spool *spool);

/* Writes the cursors now, then retires the segments that are done by them. Keeper thread only, or
 * while that doesn't run. */
void spool_keeper_write_cursors(struct spool *spool);

#endif
