/* SPDX-License-Identifier: MIT
 * chunk_pin.h - one reference to a chunk of events, shared by all of its events that are in
 * flight.
 *
 * Counted without atomics: for the bridge thread only. `held_bytes` of the pool tells how much
 * memory is pinned: far more than what is in flight when few events of each chunk are left. */
#ifndef PENSTOCK_BRIDGE_LANE_CHUNK_PIN_H
#define PENSTOCK_BRIDGE_LANE_CHUNK_PIN_H

#include "spool/spool.h"

struct bridge_chunk_pin_pool {
    size_t held_bytes; /* memory of all chunks that are held */
};

struct bridge_chunk_pin {
    struct bridge_chunk_pin_pool *pool;
    struct spool_chunk *chunk;
    uint32_t users;
};

/* New pin with one user and no chunk yet. NULL when memory is out. */
struct bridge_chunk_pin *bridge_chunk_pin_new(struct bridge_chunk_pin_pool *pool);

/* Takes over the caller's reference to chunk. */
void bridge_chunk_pin_fill(struct bridge_chunk_pin *hold, struct spool_chunk *chunk);

void bridge_chunk_pin_free(struct bridge_chunk_pin *hold); /* for bridge_chunk_pin_release() */

static inline struct bridge_chunk_pin *bridge_chunk_pin_take(struct bridge_chunk_pin *hold)
{
    hold->users++;
    return hold;
}

static inline void bridge_chunk_pin_release(struct bridge_chunk_pin *hold) /* NULL is fine */
{
    if (hold != NULL && --hold->users == 0)
        bridge_chunk_pin_free(hold);
}

#endif
