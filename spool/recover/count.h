/* SPDX-License-Identifier: MIT
 * count.h - counts the events that earlier runs left, for the books. */
#ifndef PENSTOCK_SPOOL_RECOVER_COUNT_H
#define PENSTOCK_SPOOL_RECOVER_COUNT_H

#include "base/err.h"
#include "spool/format/ranges.h"

struct spool;

/* Puts an old segment's pending events into the books, unless they are there; may read the segment.
 * Any thread. */
enum err spool_count_entry(struct spool *spool, uint64_t segment_id, struct errmsg *msg);

/* Notes the indexes that a reader has not found so far, before it hands out later events; takes the
 * ranges over. */
void spool_count_missing(struct spool *spool, uint64_t segment_id, struct spool_ranges *missing);

#endif
