/* SPDX-License-Identifier: MIT
 * recent_chunks.h - the just-committed chunks kept in memory, so that the bridge need not read the
 * disk.
 *
 * A bounded run without gaps: it holds every committed event from its oldest chunk on. Not locked:
 * the spool's lock guards it. Pure but for memory. */
#ifndef PENSTOCK_SPOOL_LEDGER_RECENT_CHUNKS_H
#define PENSTOCK_SPOOL_LEDGER_RECENT_CHUNKS_H

#include "spool/format/chunk.h"

struct spool_recent_chunks {
    struct spool_chunk **ring;
    size_t capacity; /* a power of two, or 0 */
    size_t head;     /* position of the oldest */
    size_t count;
    size_t bytes;
    size_t bytes_max;
};

void spool_recent_chunks_init(struct spool_recent_chunks *window, size_t bytes_max);
void spool_recent_chunks_done(struct spool_recent_chunks *window);

/* Takes over the caller's reference; drops the oldest beyond bytes_max. When memory for the ring is
 * out, the window is emptied: its events are on disk. */
void spool_recent_chunks_push(struct spool_recent_chunks *window, struct spool_chunk *chunk);

/* First id in the window; 0 when it is empty. */
uint64_t spool_recent_chunks_first_id(const struct spool_recent_chunks *window);

/* The chunk that follows directly on the chunk that ends with last_id; NULL when no chunk in the
 * window ends with it, or when that chunk is the newest. */
struct spool_chunk *spool_recent_chunks_after(const struct spool_recent_chunks *window,
                                              uint64_t last_id);
/* The chunk that begins with first_id; NULL when there is none. */
struct spool_chunk *spool_recent_chunks_at(const struct spool_recent_chunks *window,
                                           uint64_t first_id);

#endif
