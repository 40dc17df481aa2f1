/* SPDX-License-Identifier: MIT
 * spares.h - segments that change hands between the committer and the keeper: the one made
 * ahead, and those that have ended and are to be closed. */
#ifndef PENSTOCK_SPOOL_COMMIT_SPARES_H
#define PENSTOCK_SPOOL_COMMIT_SPARES_H

#include "base/err.h"
#include "base/mutex.h"
#include "spool/write/segment.h"

#include <pthread.h>

struct spool;

struct spool_spares {
    struct mutex lock;   /* guards all of it */
    pthread_cond_t wake; /* there is work for the keeper */
    pthread_cond_t made; /* a spare was made, or could not be */
    bool stopping;       /* the keeper is to end */
    struct spool_segment *spare;
    bool spare_wanted;
    bool spare_awaited; /* the committer stands still for it */
    bool making_failed;
    struct errmsg trouble; /* why the last write or making of a segment failed */
    int64_t make_again_ms; /* monotonic: not before this */
    int64_t make_backoff_ms;
    struct spool_segment **closing; /* to be closed */
    size_t closing_count, closing_capacity;
};

/* The segment made ahead, or a new one: waits while it is being made. NULL when none can be made
 * now. Committer only. */
struct spool_segment *spool_spares_take(struct spool *spool);

/* Does the committer stand still until a segment is made? Then all else can wait. Any thread. */
bool spool_spares_are_awaited(struct spool *spool);

/* The live segment's log has this size now: from a quarter of a segment on the next one is to be
 * made. Committer only. */
void spool_spares_want(struct spool *spool, uint64_t live_log_bytes);

/* No segment could be written: refuses what comes until a new one is there and some time has
 * passed. Committer only. */
void spool_spares_commit_failed(struct spool *spool);

/* Waits longer than the last time before a segment is made again. With the lock held. */
void spool_spares_wait_longer(struct spool_spares *spares);

/* With a new segment ready, and after the backoff, the disk is tried again. Keeper only. */
void spool_spares_accept_again(struct spool *spool);

/* Keeps why a segment could not be made or written, and tells it. Any thread. */
void spool_spares_note_trouble(struct spool *spool, const struct errmsg *why);
void spool_spares_trouble(struct spool *spool, struct errmsg *ret_why);

/* Takes over a segment that has ended, to close it elsewhere than on the committer's thread. */
void spool_spares_close_later(struct spool *spool, struct spool_segment *segment);
/* Closes what was taken over. Keeper only. */
void spool_spares_close_segments(struct spool_spares *spares);

#endif
