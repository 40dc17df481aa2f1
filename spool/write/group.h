/* SPDX-License-Identifier: MIT
 * group.h - the committer's staging: queued batches become chunks, chunks become the entries
 * of one record. */
#ifndef PENSTOCK_SPOOL_WRITE_GROUP_H
#define PENSTOCK_SPOOL_WRITE_GROUP_H

#include "base/buf.h"
#include "spool/format/chunk.h"
#include "spool/write/store.h"

/* of frames in one LevelDB value: the radius of damage; a larger event alone */
#define SPOOL_VALUE_BYTES_MAX  (32u << 10)
#define SPOOL_GATHER_BYTES_MIN (1u << 10)   /* first size of that chunk */
#define SPOOL_GATHER_BYTES_MAX (256u << 10) /* of small batches copied together into one chunk */
#define SPOOL_ADOPT_BYTES_MIN  (16u << 10)  /* a batch from this size on becomes a chunk itself */

struct spool_group {
    struct spool_chunk **chunks;
    size_t chunk_count, chunk_capacity;
    struct spool_store_entry *entries;
    size_t entry_count, entry_capacity;
    uint32_t event_count;
    size_t frame_bytes;
    size_t gathered_bytes; /* of these, bytes copied from small batches */
};

/* Takes in the frames of one batch: large ones are adopted (frames is then empty), small ones
 * copied. ERR_NOMEM: nothing was taken. */
enum err spool_group_add(struct spool_group *group, struct buf *frames, uint32_t event_count);

/* Gives every event its id, from first_index on, and its checksum. Can be repeated for another
 * segment. */
void spool_group_stamp(struct spool_group *group, uint64_t segment_id, uint32_t first_index,
                       uint64_t seed);

/* Cuts the stamped chunks into entries. head and tail (empty: none) are single frames before and
 * after them. ERR_NOMEM */
enum err spool_group_entries(struct spool_group *group, struct bytes head, struct bytes tail);

void spool_group_clear(struct spool_group *group); /* drops the references to its chunks */
void spool_group_done(struct spool_group *group);

#endif
