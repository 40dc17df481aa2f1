/* SPDX-License-Identifier: MIT
 * live_segment.h - the segment that is being written, committer.live. For the committer's thread
 * only (or before that starts). */
#ifndef PENSTOCK_SPOOL_COMMIT_LIVE_SEGMENT_H
#define PENSTOCK_SPOOL_COMMIT_LIVE_SEGMENT_H

#include "spool/write/segment.h"

struct spool;
struct spool_committer;

/* Adds a segment to the links of the next one; with more than SPOOL_LINKS_MAX the oldest is
 * dropped. */
void spool_live_segment_add_link(struct spool_committer *committer, uint64_t segment_id,
                                 uint32_t event_count);

/* Begins a segment that is ready to be written; on an error the segment is closed. ERR_NOMEM */
enum err spool_live_segment_begin(struct spool *spool, struct spool_segment *segment);

/* Begins the spare unless there is a live segment; may wait for the spare to be made.
 * ERR_UNAVAILABLE (no segment can be made now), ERR_NOMEM */
enum err spool_live_segment_ensure(struct spool *spool);

/* Ends the live segment, if there is one; it is never written again. */
void spool_live_segment_end(struct spool *spool, bool sealed);

/* Has the live segment reached the size at which a segment ends? */
bool spool_live_segment_is_full(const struct spool *spool);

/* Makes committer.link_frame: empty once the segment holds an acknowledged batch. ERR_NOMEM */
enum err spool_live_segment_put_link_frame(struct spool *spool);

/* Makes committer.seal_frame, the footer of the segment's last batch. ERR_NOMEM */
enum err spool_live_segment_put_seal_frame(struct spool *spool, uint32_t batch_first,
                                           uint32_t event_count);

#endif
