/* SPDX-License-Identifier: MIT
 * segment_ids.c - ids of segments, and the newest segments. */
#include "spool/ledger/segment_ids.h"

#include "base/clock.h"
#include "spool/home/internal.h"

uint64_t spool_segment_ids_take(struct spool *spool)
{
    mutex_lock(&spool->lock);
    uint64_t id = spool_segment_id_next(spool->segment_id_max, clock_wall_ms());
    spool->segment_id_max = id;
    mutex_unlock(&spool->lock);
    return id;
}

void spool_segment_ids_note(struct spool *spool, uint64_t segment_id)
{
    mutex_lock(&spool->lock);
    memmove(spool->newest_segments, spool->newest_segments + 1,
            (SPOOL_NEWEST_SEGMENTS - 1) * sizeof segment_id);
    spool->newest_segments[SPOOL_NEWEST_SEGMENTS - 1] = segment_id;
    mutex_unlock(&spool->lock);
}

void spool_segment_ids_forget(struct spool *spool, uint64_t segment_id)
{
    mutex_lock(&spool->lock);
    for (size_t i = 0; i < SPOOL_NEWEST_SEGMENTS; i++)
        if (spool->newest_segments[i] == segment_id)
            spool->newest_segments[i] = 0;
    mutex_unlock(&spool->lock);
}
