/* SPDX-License-Identifier: MIT
 * usage.h - how many bytes the spool takes and how many are free: measured now and then, kept
 * current in between by adding the committed bytes. */
#ifndef PENSTOCK_SPOOL_COMMIT_USAGE_H
#define PENSTOCK_SPOOL_COMMIT_USAGE_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

struct spool;

struct spool_usage {
    atomic_uint_fast64_t used_bytes;  /* of all files below the path; between two measurements an
                                       * estimate, like free_bytes */
    atomic_uint_fast64_t free_bytes;  /* of the filesystem */
    atomic_uint_fast64_t other_bytes; /* files below the path that belong to no segment of the
                                       * catalog */
    atomic_bool refusing;             /* the last answer about space */
    int64_t walked_ms;                /* when other_bytes was summed up; monotonic; keeper only */
};

/* Measures the filesystem now. Any thread. */
void spool_usage_measure(struct spool *spool);

/* Sums up the files that no segment of the catalog accounts for, and those of old segments whose
 * size isn't known yet. Walks the whole tree. Keeper only. */
void spool_usage_walk(struct spool *spool);

/* Adds frame_bytes that were just committed. Committer only. */
void spool_usage_committed(struct spool *spool, uint64_t frame_bytes);

/* May batch_bytes more be taken when queued_bytes are queued already? Errors: ERR_FULL (msg names
 * the limit). Any thread. */
enum err spool_usage_check(struct spool *spool, uint64_t queued_bytes, uint64_t batch_bytes,
                           struct errmsg *msg);

#endif
