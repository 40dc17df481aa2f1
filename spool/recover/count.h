/* SPDX-License-Identifier: MIT
 * count.h - puts what earlier runs left into the books. */
#ifndef PENSTOCK_SPOOL_RECOVER_COUNT_H
#define PENSTOCK_SPOOL_RECOVER_COUNT_H

#include "base/err.h"
#include "spool/format/ranges.h"

struct spool;

/* Sees to it that an old segment's pending events are in the books; may read it. Any thread. */
enum err spool_count_entry(struct spool *spool, uint64_t segment_id, struct errmsg *msg);

/* Tells what a reader has not found so far of a segment, before it hands out what lies behind;
 * takes the ranges over. */
void spool_count_missing(struct spool *spool, uint64_t segment_id, struct spool_ranges *missing);

#endif
