/* SPDX-License-Identifier: MIT
 * chunk_pin.c - chunks kept in memory while their events are in flight. */
#include "bridge/lane/chunk_pin.h"

#include <stdlib.h>

struct bridge_chunk_pin *bridge_chunk_pin_new(struct bridge_chunk_pin_pool *pool)
{
    struct bridge_chunk_pin *hold = malloc(sizeof *hold);
    if (hold == NULL)
        return NULL;
    *hold = (struct bridge_chunk_pin){.pool = pool, .chunk = NULL, .users = 1};
    return hold;
}

void bridge_chunk_pin_fill(struct bridge_chunk_pin *hold, struct spool_chunk *chunk)
{
    hold->chunk = chunk;
    hold->pool->held_bytes += chunk->capacity;
}

void bridge_chunk_pin_free(struct bridge_chunk_pin *hold)
{
    if (hold->chunk != NULL) {
        hold->pool->held_bytes -= hold->chunk->capacity;
        spool_chunk_unref(hold->chunk);
    }
    free(hold);
}
