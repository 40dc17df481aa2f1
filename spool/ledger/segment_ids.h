/* SPDX-License-Identifier: MIT
 * segment_ids.h - which segment ids were given out, and which segments were made last. Any
 * thread. */
#ifndef PENSTOCK_SPOOL_LEDGER_SEGMENT_IDS_H
#define PENSTOCK_SPOOL_LEDGER_SEGMENT_IDS_H

#include <stdint.h>

struct spool;

/* A new segment id, above all known ones. */
uint64_t spool_segment_ids_take(struct spool *spool);

/* Notes a segment that was made and will take events; forgets one that was removed again without
 * any. */
void spool_segment_ids_note(struct spool *spool, uint64_t segment_id);
void spool_segment_ids_forget(struct spool *spool, uint64_t segment_id);

#endif
