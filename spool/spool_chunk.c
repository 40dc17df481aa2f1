/* SPDX-License-Identifier: MIT
 * spool_chunk.c - a shared, immutable run of event frames. */
#include "spool/spool_chunk.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

struct spool_chunk *spool_chunk_adopt(uint8_t *data, size_t size)
{
    struct spool_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    atomic_init(&chunk->references, 1);
    chunk->data = data;
    chunk->size = chunk->capacity = size;
    return chunk;
}

struct spool_chunk *spool_chunk_new(size_t capacity)
{
    uint8_t *data = malloc(capacity > 0 ? capacity : 1);
    if (data == NULL)
        return NULL;
    struct spool_chunk *chunk = spool_chunk_adopt(data, 0);
    if (chunk == NULL) {
        free(data);
        return NULL;
    }
    chunk->capacity = capacity;
    return chunk;
}

struct spool_chunk *spool_chunk_ref(struct spool_chunk *chunk)
{
    atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
    return chunk;
}

void spool_chunk_unref(struct spool_chunk *chunk)
{
    if (chunk == NULL || atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) != 1)
        return;
    free(chunk->data);
    free(chunk);
}

bool spool_chunk_append(struct spool_chunk *chunk, const uint8_t *frame, size_t size)
{
    if (size > chunk->capacity - chunk->size)
        return false;
    memcpy(chunk->data + chunk->size, frame, size);
    chunk->size += size;
    return true;
}

void spool_chunk_count(struct spool_chunk *chunk, uint64_t event_id)
{
    if (chunk->event_count++ == 0)
        chunk->first_id = event_id;
    chunk->last_id = event_id;
}

bool spool_chunk_next(const struct spool_chunk *chunk, size_t *pos, struct spool_event *ret)
{
    while (*pos < chunk->size) {
        struct spool_frame frame;
        bool whole = spool_frame_get_trusted(chunk->data + *pos, chunk->size - *pos, &frame);
        assert(whole);
        if (!whole)
            return false;
        struct bytes raw = bytes_of(chunk->data + *pos, frame.size);
        *pos += frame.size;
        if (frame.kind == SPOOL_FRAME_EVENT || frame.kind == SPOOL_FRAME_MOVED) {
            *ret = frame.event;
            ret->salvaged = chunk->salvaged;
            ret->frame = raw;
            return true;
        }
    }
    return false;
}
