/* SPDX-License-Identifier: MIT
 * collector.h - takes verified frames, keeps each event once, fills chunks, and gathers what is
 * concluded from them.
 *
 * The part of the reader behind the scan; no I/O. One thread at a time. */
#ifndef PENSTOCK_SPOOL_READ_COLLECTOR_H
#define PENSTOCK_SPOOL_READ_COLLECTOR_H

#include "spool/read/reader.h"

struct spool_collector {
    uint32_t first_index; /* events below it are only counted */
    uint32_t below_index; /* likewise at or beyond it; 0: no such bound */
    uint32_t count_limit; /* frames at or beyond it are ignored */
    struct spool_index_set seen;
    struct spool_chunk *filling;
    struct spool_chunk **ready; /* full ones, oldest first */
    size_t ready_first, ready_count, ready_capacity;
    uint64_t
        damage_unexplained; /* damaged bytes so far that nothing of a later record has followed: a
                             * torn end, perhaps */
    bool parked;            /* only some of the segment's events are to be found here */
    bool parked_known;      /* then: which ones */
    struct spool_ranges indexes; /* then: these */
    bool unwritten;              /* the last damage began with zeros: with what a crash kept from
                                  * being written */
    bool seal_in_damage;         /* the seal was found among damaged bytes */
    uint64_t zeros_behind;       /* zero bytes that nothing has followed: room that was reserved,
                                  * perhaps */
    struct spool_findings findings;
};

void spool_collector_done(struct spool_collector *sieve);

/* Takes one frame (fits spool_frame_scan_fn, arg being the sieve). On ERR_NOMEM the frame was not
 * taken, and can be again. */
enum err spool_collector_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw,
                               bool damaged);

/* Damaged bytes were read (unwritten: beginning with zeros in place of a header), or zeros where
 * nothing was written or is left; the start of a record, intact, was read behind them. */
void spool_collector_damage(struct spool_collector *sieve, uint64_t bytes, bool unwritten);
void spool_collector_zeros(struct spool_collector *sieve, uint64_t bytes);
void spool_collector_record(struct spool_collector *sieve);

/* Reading begins anew: what was seen stays seen, what is concluded from bytes is forgotten. */
void spool_collector_rewind(struct spool_collector *sieve);

/* Hands out the oldest full chunk, or with `partial` also the one being filled; NULL when there is
 * none. */
struct spool_chunk *spool_collector_take(struct spool_collector *sieve, bool partial);

/* A seal was found, and everything it names. */
bool spool_collector_complete(const struct spool_collector *sieve);

/* The indexes in [from, below) that should be there and were not found so far; the caller frees
 * them. ERR_NOMEM */
enum err spool_collector_missing(const struct spool_collector *sieve, uint32_t from, uint32_t below,
                                 struct spool_ranges *ret_missing);

/* All was read: completes the findings. ERR_NOMEM: nothing was changed */
enum err spool_collector_conclude(struct spool_collector *sieve);

#endif
