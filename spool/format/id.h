/* SPDX-License-Identifier: MIT
 * id.h - event ids: segment << 24 | index, one int64 that never repeats within a spool. */
#ifndef PENSTOCK_SPOOL_FORMAT_ID_H
#define PENSTOCK_SPOOL_FORMAT_ID_H

#include <stdint.h>

#define SPOOL_INDEX_BITS 24
/* a segment holds at most this many events */
#define SPOOL_INDEX_MAX      ((1u << SPOOL_INDEX_BITS) - 1)
#define SPOOL_SEGMENT_ID_MAX ((1ull << (63 - SPOOL_INDEX_BITS)) - 1)

static inline uint64_t spool_id_of(uint64_t segment_id, uint32_t index)
{
    return segment_id << SPOOL_INDEX_BITS | index;
}
static inline uint64_t spool_id_segment(uint64_t event_id)
{
    return event_id >> SPOOL_INDEX_BITS;
}
static inline uint32_t spool_id_index(uint64_t event_id)
{
    return (uint32_t)event_id & SPOOL_INDEX_MAX;
}
/* For qsort() and bsearch() over uint64_t ids of events or segments, ascending. */
int spool_id_compare(const void *a, const void *b);

/* The id for a segment made now: never at or below the highest known one, else the wall clock in
 * units of 16 ms (so that it tells when the segment was made). A clock before 1970 or beyond 2200
 * is ignored. */
uint64_t spool_segment_id_next(uint64_t known_max, int64_t wall_ms);

/* When a segment with this id was made, by the clock of that time. */
static inline int64_t spool_segment_id_time_ms(uint64_t segment_id)
{
    return (int64_t)(segment_id * 16);
}

/* The position after the last event that the segment can hold. */
static inline uint64_t spool_position_end_of(uint64_t segment_id)
{
    return spool_id_of(segment_id, SPOOL_INDEX_MAX);
}

#endif
