/* SPDX-License-Identifier: MIT
 * live_segment.h - the segment that is being written, committer.live. All on the committer's thread
 * (or before it starts). */
#ifndef PENSTOCK_SPOOL_COMMIT_LIVE_SEGMENT_H
#define PENSTOCK_SPOOL_COMMIT_LIVE_SEGMENT_H

#include "spool/write/segment.h"

struct spool;
struct spool_committer;

/* The next segment follows this one; the oldest of more than SPOOL_LINKS_MAX is forgotten. */
void spool_live_segment_add_link(struct spool_committer *committer, uint64_t segment_id,
                                 uint32_t event_count);

/* Takes a segment that is ready; on an error it is closed. ERR_NOMEM */
enum err spool_live_segment_begin(struct spool *spool, struct spool_segment *segment);

/* Takes the one made ahead unless there is one; may wait for it to be made. ERR_UNAVAILABLE (none
 * can be made now), ERR_NOMEM */
enum err spool_live_segment_ensure(struct spool *spool);

/* It will never be written again. There need be none. */
void spool_live_segment_end(struct spool *spool, bool sealed);

/* As large as a segment may get. */
bool spool_live_segment_is_full(const struct spool *spool);

/* Makes committer.link_frame: empty once the segment holds an acknowledged batch. ERR_NOMEM */
enum err spool_live_segment_put_link_frame(struct spool *spool);

/* Makes committer.seal_frame, the footer of the segment's last batch. ERR_NOMEM */
enum err spool_live_segment_put_seal_frame(struct spool *spool, uint32_t batch_first,
                                           uint32_t event_count);

#endif
