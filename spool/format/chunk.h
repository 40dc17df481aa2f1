/* SPDX-License-Identifier: MIT
 * chunk.h - an immutable run of verified event frames in memory, shared by reference counting.
 *
 * The committer makes chunks from events it has just synced, the reader from events it has verified
 * on disk; the bridge hands views into them to Kafka's client and keeps a reference until the last
 * delivery report. Making: one thread. Once shared: any thread may ref, unref and iterate. */
#ifndef PENSTOCK_SPOOL_FORMAT_CHUNK_H
#define PENSTOCK_SPOOL_FORMAT_CHUNK_H

#include "spool/format/frame.h"

struct spool_chunk {
    _Atomic uint32_t references;
    uint32_t event_count;
    uint64_t first_id; /* of its events; both 0 while it is empty */
    uint64_t last_id;
    size_t size; /* bytes of frames in data */
    size_t capacity;
    bool salvaged;  /* the events were found among damage */
    bool unordered; /* the ids don't ascend; a tail sorts the chunk before handing it out */
    uint8_t *data;  /* frames, one after the other */
};

/* A new, empty chunk with room for capacity bytes and one reference; NULL when memory is out. */
struct spool_chunk *spool_chunk_new(size_t capacity);
/* The same around memory from malloc, which the chunk then owns; on NULL the caller still owns
 * it. */
struct spool_chunk *spool_chunk_adopt(uint8_t *data, size_t size);
struct spool_chunk *spool_chunk_ref(struct spool_chunk *chunk); /* returns chunk */
void spool_chunk_unref(struct spool_chunk *chunk);              /* NULL is fine */

/* Copies a whole frame to the end; false when there is no room. Only before the chunk is shared. */
bool spool_chunk_append(struct spool_chunk *chunk, const uint8_t *frame, size_t size);
/* Keeps first_id, last_id, event_count, unordered in step with an event frame added to (or adopted
 * in) data. */
void spool_chunk_count(struct spool_chunk *chunk, uint64_t event_id);

/* The events of `count` chunks in one new chunk, in the order of their ids. All are marked as
 * salvaged, because they did not lie in their places. The parts stay the caller's. NULL when memory
 * is out. */
struct spool_chunk *spool_chunk_sorted(struct spool_chunk *const *parts, size_t count);

/* Iterates over the events (other kinds of frames are passed over): start with *pos = 0; false at
 * the end. The views live as long as the chunk. */
bool spool_chunk_next(const struct spool_chunk *chunk, size_t *pos, struct spool_event *ret);

#endif
