/* SPDX-License-Identifier: MIT
 * spool_keeper.h - the thread that does what the committer must not wait for: segments made ahead
 * and closed, cursors written, done segments retired, trash unlinked, space measured. */
#ifndef PENSTOCK_SPOOL_KEEPER_H
#define PENSTOCK_SPOOL_KEEPER_H

#include "spool/spool_cursors.h"
#include "spool/spool_segment.h"
#include "spool/spool_space.h"

#include <pthread.h>
#include <stdatomic.h>

struct spool;

struct spool_keeper {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows up to the next comment */
    pthread_cond_t wake;  /* there is work */
    pthread_cond_t made;  /* a spare was made, or could not be */
    bool stopping;
    struct spool_segment *spare;
    bool spare_wanted;
    bool spare_awaited; /* the committer stands still for it */
    bool making_failed;
    struct errmsg trouble; /* why the last write or making of a segment failed */
    int64_t make_again_ms; /* monotonic: not before this */
    int64_t make_backoff_ms;
    struct spool_segment **closing; /* to be closed */
    size_t closing_count, closing_capacity;

    /* the thread's own */
    struct spool_cursors *cursors; /* NULL while the file can't be made */
    int64_t cursors_written_ms;
    uint64_t segment_id_written;
    bool cursors_failing;
    int64_t walked_ms;
    int unlinked_at_once;

    atomic_uint_fast64_t used_bytes; /* estimates, kept current between measurements by what is
                                      * committed */
    atomic_uint_fast64_t free_bytes;
    atomic_bool refusing; /* the answer about space before */
    atomic_uint_fast64_t cursor_writes;
    atomic_int cursor_mode;           /* enum spool_delivery, as on the disk */
    atomic_uint_fast64_t other_bytes; /* below the path, but in no segment of the catalog */
};

/* Makes the segment that the spool starts with, on the opening thread: names it in the cursors
 * first.
 * Errors: as spool_segment_make() */
enum err spool_keeper_make_first(struct spool *spool, struct spool_cursors *cursors,
                                 struct spool_segment **ret_segment, struct errmsg *msg);

/* Takes over the cursors file (NULL: it could not be opened). ERR_NOMEM: no thread */
enum err spool_keeper_start(struct spool *spool, struct spool_cursors *cursors, struct errmsg *msg);

/* Writes the cursors a last time, closes what is to be closed, ends the thread. */
void spool_keeper_stop(struct spool *spool);

/* The segment made ahead, or a new one: waits while it is being made. NULL when none can be made
 * now. Committer only. */
struct spool_segment *spool_keeper_take_spare(struct spool *spool);

/* Does the committer stand still until a segment is made? Then all else can wait. Any thread. */
bool spool_keeper_is_awaited(struct spool *spool);

/* No segment could be written: refuses what comes until a new one is there and some time has
 * passed. Committer only. */
void spool_keeper_commit_failed(struct spool *spool);

/* Keeps why a segment could not be made or written, and tells it. Any thread. */
void spool_keeper_note_trouble(struct spool *spool, const struct errmsg *why);
void spool_keeper_trouble(struct spool *spool, struct errmsg *ret_why);

/* Takes over a segment that has ended, to close it elsewhere than on the committer's thread. */
void spool_keeper_close_segment(struct spool *spool, struct spool_segment *segment);

/* So much was just committed, and the live segment's log has this size now. */
void spool_keeper_committed(struct spool *spool, uint64_t frame_bytes, uint64_t live_log_bytes);

/* May batch_bytes more be taken, with queued_bytes on their way already? Errors: ERR_FULL (msg
 * names the limit) */
enum err spool_keeper_space(struct spool *spool, uint64_t queued_bytes, uint64_t batch_bytes,
                            struct errmsg *msg);

/* Writes the cursors now and retires what is done behind them. Keeper thread only, or when it
 * doesn't run. */
void spool_keeper_write_cursors(struct spool *spool);

/* Measures the filesystem now. Any thread. */
void spool_keeper_measure(struct spool *spool);

#endif
