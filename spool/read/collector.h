/* SPDX-License-Identifier: MIT
 * collector.h - takes verified frames, keeps each event once, fills chunks, and gathers the
 * conclusions about them.
 *
 * The part of the reader after the scan; no I/O. One thread at a time. */
#ifndef PENSTOCK_SPOOL_READ_COLLECTOR_H
#define PENSTOCK_SPOOL_READ_COLLECTOR_H

#include "spool/read/reader.h"

struct spool_collector {
    uint32_t first_index; /* events below it are only counted */
    uint32_t below_index; /* events at or beyond it are only counted; 0: no such bound */
    uint32_t count_limit; /* frames at or beyond it are ignored */
    struct spool_index_set seen;
    struct spool_chunk *filling;
    struct spool_chunk **ready; /* full ones, oldest first */
    size_t ready_first, ready_count, ready_capacity;
    uint64_t
        damage_unexplained; /* damaged bytes since the last intact record; at the end of the log
                             * they may just be a torn last write */
    bool parked;            /* the segment is parked: only some of its events are here */
    bool parked_known;      /* if parked: `indexes` is known */
    struct spool_ranges indexes; /* if parked_known: the events that are here */
    bool unwritten;              /* the last damage began with zeros: a crash kept bytes from being
                                  * written */
    bool seal_in_damage;         /* the seal was found among damaged bytes */
    uint64_t zeros_behind;       /* zero bytes that no other bytes have followed: perhaps reserved
                                  * room */
    struct spool_findings findings;
};

void spool_collector_done(struct spool_collector *sieve);

/* Takes one frame (fits spool_frame_scan_fn, arg being the collector). On ERR_NOMEM the frame was
 * not taken; it can be passed again. */
enum err spool_collector_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw,
                               bool damaged);

/* Tell what was read: damaged bytes (unwritten: they begin with zeros in place of a header); zeros,
 * of reserved room or of a write that a crash cut off; the start of an intact record. */
void spool_collector_damage(struct spool_collector *sieve, uint64_t bytes, bool unwritten);
void spool_collector_zeros(struct spool_collector *sieve, uint64_t bytes);
void spool_collector_record(struct spool_collector *sieve);

/* Reading starts again at the first byte: the events seen stay seen, the conclusions from bytes are
 * forgotten. */
void spool_collector_rewind(struct spool_collector *sieve);

/* Hands out the oldest full chunk, or with `partial` also the one being filled; NULL when there is
 * no chunk. */
struct spool_chunk *spool_collector_take(struct spool_collector *sieve, bool partial);

/* True when a seal was found, and as many events as it counts. */
bool spool_collector_complete(const struct spool_collector *sieve);

/* The indexes in [from, below) that should be there and were not found so far; the caller frees
 * them. ERR_NOMEM */
enum err spool_collector_missing(const struct spool_collector *sieve, uint32_t from, uint32_t below,
                                 struct spool_ranges *ret_missing);

/* Completes the findings after all was read. ERR_NOMEM: unchanged */
enum err spool_collector_conclude(struct spool_collector *sieve);

#endif
