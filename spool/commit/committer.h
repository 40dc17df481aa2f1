/* SPDX-License-Identifier: MIT
 * committer.h - the one thread that writes events: group commit without a timer.
 *
 * The committer takes all queued batches, gives out indexes, writes one synced record, publishes
 * the events to the readers, and only then tells each batch. While one sync runs, the next group
 * gathers. Any write error ends the segment for good; the group goes to the next one. */
#ifndef PENSTOCK_SPOOL_COMMIT_COMMITTER_H
#define PENSTOCK_SPOOL_COMMIT_COMMITTER_H

#include "base/mutex.h"
#include "spool/write/group.h"
#include "spool/write/segment.h"

#include <pthread.h>
#include <stdatomic.h>

struct spool;
struct spool_batch;

#define SPOOL_COMMIT_BYTES_MAX (4u << 20) /* of frames in one commit; one batch may be larger */
#define SPOOL_LINKS_MAX        16         /* with more, the oldest are dropped */

struct spool_committer {
    pthread_t thread;
    bool started;
    struct mutex lock; /* guards the queue and stopping */
    pthread_cond_t wake;
    struct spool_batch *first, **last;
    bool stopping; /* no more batches are taken */
    atomic_uint_fast64_t queued_bytes;
    atomic_bool unavailable; /* no segment can be written now */

    /* used by the committer thread only */
    bool quick; /* the last wait for a batch was short */
    struct spool_segment *live;
    struct spool_group group;
    struct buf link_frame, seal_frame;
    struct spool_link links[SPOOL_LINKS_MAX]; /* the segments since the last acknowledged batch */
    size_t link_count;
    bool live_acknowledged; /* the live segment holds an acknowledged batch */

    atomic_int_fast64_t running_since_ms; /* the write, or wait for a segment, that runs now;
                                           * monotonic */
    atomic_int_fast64_t last_ms;
    atomic_uint_fast64_t us_sum; /* of all writes */
    atomic_uint_fast64_t commits, committed_bytes, failures, abandoned;
    atomic_int_fast64_t histogram[16]; /* see struct spool_stats */
};

/* live is the first segment, ready to be written, owned from then on; NULL: no segment could be
 * made yet. ERR_NOMEM */
enum err spool_committer_start(struct spool *spool, struct spool_segment *live,
                               const struct spool_link *links, size_t link_count,
                               struct errmsg *msg);

/* For use instead of starting: no batch is ever taken. */
void spool_committer_refuse_all(struct spool *spool);

/* Stops taking batches, commits the queued ones, seals the live segment, ends the thread. Can be
 * called twice. */
void spool_committer_stop(struct spool *spool);

#endif
