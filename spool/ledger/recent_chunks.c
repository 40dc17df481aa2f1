/* SPDX-License-Identifier: MIT
 * recent_chunks.c - a ring of committed chunks, bounded in bytes. */
#include "spool/ledger/recent_chunks.h"

#include <stdlib.h>

void spool_recent_chunks_init(struct spool_recent_chunks *window, size_t bytes_max)
{
    *window = (struct spool_recent_chunks){.bytes_max = bytes_max};
}

static struct spool_chunk *chunk_at(const struct spool_recent_chunks *window, size_t i)
{
    return window->ring[(window->head + i) & (window->capacity - 1)];
}

static void drop_oldest(struct spool_recent_chunks *window)
{
    struct spool_chunk *chunk = chunk_at(window, 0);
    window->bytes -= chunk->size;
    window->head = (window->head + 1) & (window->capacity - 1);
    window->count--;
    spool_chunk_unref(chunk);
}

static void drop_all(struct spool_recent_chunks *window)
{
    while (window->count > 0)
        drop_oldest(window);
}

void spool_recent_chunks_done(struct spool_recent_chunks *window)
{
    drop_all(window);
    free(window->ring);
    *window = (struct spool_recent_chunks){0};
}

static bool make_room(struct spool_recent_chunks *window)
{
    if (window->count < window->capacity)
        return true;
    size_t capacity = window->capacity == 0 ? 64 : window->capacity * 2;
    struct spool_chunk **ring = malloc(capacity * sizeof *ring);
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < window->count; i++)
        ring[i] = chunk_at(window, i);
    free(window->ring);
    window->ring = ring;
    window->capacity = capacity;
    window->head = 0;
    return true;
}

void spool_recent_chunks_push(struct spool_recent_chunks *window, struct spool_chunk *chunk)
{
    if (!make_room(window)) {
        drop_all(window);
        spool_chunk_unref(chunk);
        return;
    }
    window->ring[(window->head + window->count++) & (window->capacity - 1)] = chunk;
    window->bytes += chunk->size;
    while (window->bytes > window->bytes_max && window->count > 1)
        drop_oldest(window);
}

uint64_t spool_recent_chunks_first_id(const struct spool_recent_chunks *window)
{
    return window->count == 0 ? 0 : chunk_at(window, 0)->first_id;
}

/* Position of the first chunk whose first_id is above id; count when there is none. */
static size_t first_above(const struct spool_recent_chunks *window, uint64_t id)
{
    size_t low = 0, high = window->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (chunk_at(window, middle)->first_id > id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct spool_chunk *spool_recent_chunks_after(const struct spool_recent_chunks *window,
                                              uint64_t last_id)
{
    size_t i = first_above(window, last_id);
    if (i == 0 || i == window->count || chunk_at(window, i - 1)->last_id != last_id)
        return NULL;
    return chunk_at(window, i);
}

struct spool_chunk *spool_recent_chunks_at(const struct spool_recent_chunks *window,
                                           uint64_t first_id)
{
    size_t i = first_above(window, first_id - 1);
    if (i == window->count || chunk_at(window, i)->first_id != first_id)
        return NULL;
    return chunk_at(window, i);
}
