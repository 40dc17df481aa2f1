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
    pthread_cond_t wake; /* signals work for the keeper */
    pthread_cond_t made; /* a spare was made, or could not be */
    bool stopping;       /* the keeper is to end */
    struct spool_segment *spare;
    bool spare_wanted;
    bool spare_awaited; /* the committer waits for the spare */
    bool making_failed;
    struct errmsg trouble; /* why the last write or making of a segment failed */
    int64_t make_again_ms; /* no segment is made before this; monotonic */
    int64_t make_backoff_ms;
    struct spool_segment **closing; /* to be closed */
    size_t closing_count, closing_capacity;
};

/* Takes the spare; waits while it is being made. NULL when no segment can be made now. Committer
 * only. */
struct spool_segment *spool_spares_take(struct spool *spool);

/* Does the committer wait for a segment to be made? If so, other work should wait. Any thread. */
bool spool_spares_are_awaited(struct spool *spool);

/* Tells the size of the live segment's log: from a quarter of a segment on, a spare is to be made.
 * Committer only. */
void spool_spares_want(struct spool *spool, uint64_t live_log_bytes);

/* Refuses new batches after no segment could be written, until a new segment is there and some time
 * has passed. Committer only. */
void spool_spares_commit_failed(struct spool *spool);

/* Doubles the wait before a segment is made again, up to a limit. With the lock held. */
void spool_spares_wait_longer(struct spool_spares *spares);

/* Accepts batches again once a spare is ready and the backoff is over: the disk may be well again.
 * Keeper only. */
void spool_spares_accept_again(struct spool *spool);

/* Keeps the reason why a segment could not be made or written, and returns it. Any thread. */
void spool_spares_note_trouble(struct spool *spool, const struct errmsg *why);
void spool_spares_trouble(struct spool *spool, struct errmsg *ret_why);

/* Takes over a segment that has ended, so that the committer needn't wait for it to be closed. */
void spool_spares_close_later(struct spool *spool, struct spool_segment *segment);
/* Closes the segments that were taken over. Keeper only. */
void spool_spares_close_segments(struct spool_spares *spares);

#endif
