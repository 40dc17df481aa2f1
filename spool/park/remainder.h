/* SPDX-License-Identifier: MIT
 * remainder.h - what is still pending in one segment: read from it, written as a parked
 * segment, and read back. One thread. */
#ifndef PENSTOCK_SPOOL_PARK_REMAINDER_H
#define PENSTOCK_SPOOL_PARK_REMAINDER_H

#include "base/buf.h"
#include "spool/read/reader.h"
#include "spool/write/segment.h"

#include <stdatomic.h>

struct spool_remainder_lane {
    char topic[SPOOL_TOPIC_SIZE_MAX + 1];
    size_t topic_size;
    uint64_t done_id;
    uint64_t count, bytes; /* pending of it in the segment */
};

struct spool_remainder {
    uint64_t segment_id;
    uint64_t done_id;                   /* events up to this id are done, except those of the
                                         * lanes */
    struct spool_remainder_lane *lanes; /* malloc'ed by the caller, owned from then on */
    size_t lane_count;
    uint64_t bytes_max; /* of frames */

    uint64_t nonce;
    struct spool_ranges indexes; /* of the pending events */
    struct buf frames;           /* frames of those events, as they stand in the segment, in
                                  * order */
    struct buf link;             /* the segment's link frame; empty: it has none */
};

/* Reads the segment to its end. closing: ends early when it becomes true. Errors:
 *   ERR_TOO_LARGE   more than bytes_max is pending
 *   ERR_DAMAGED     it isn't whole: damaged, or something is missing or out of order
 *   ERR_CLOSED, ERR_UNREADABLE, ERR_NOMEM */
enum err spool_remainder_read(struct spool_remainder *remains,
                              const struct spool_reader_options *options,
                              const atomic_bool *closing, struct errmsg *msg);

/* Writes it to the place, which holds no segment of that id, all of it synced. Errors: as
 * spool_segment_make() */
enum err spool_remainder_write(const struct spool_remainder *remains,
                               const struct spool_segment_place *place, struct errmsg *msg);

/* Does the reader find there what was written? Errors: ERR_DAMAGED, ERR_UNREADABLE, ERR_NOMEM */
enum err spool_remainder_check(const struct spool_remainder *remains,
                               const struct spool_segment_place *place, struct errmsg *msg);

void spool_remainder_free(struct spool_remainder *remains);

#endif
