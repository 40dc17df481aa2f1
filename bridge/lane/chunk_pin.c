/* SPDX-License-Identifier: MIT
 * chunk_pin.c - chunks kept in memory while their events are in flight. */
#include "bridge/lane/chunk_pin.h"

#include <stdlib.h>

struct bridge_hold *bridge_hold_new(struct bridge_hold_pool *pool)
{
    struct bridge_hold *hold = malloc(sizeof *hold);
    if (hold == NULL)
        return NULL;
    *hold = (struct bridge_hold){.pool = pool, .chunk = NULL, .users = 1};
    return hold;
}

void bridge_hold_fill(struct bridge_hold *hold, struct spool_chunk *chunk)
{
    hold->chunk = chunk;
    hold->pool->held_bytes += chunk->capacity;
}

void bridge_hold_free(struct bridge_hold *hold)
{
    if (hold->chunk != NULL) {
        hold->pool->held_bytes -= hold->chunk->capacity;
        spool_chunk_unref(hold->chunk);
    }
    free(hold);
}
