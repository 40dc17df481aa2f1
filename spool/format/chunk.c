/* SPDX-License-Identifier: MIT
 * chunk.c - a shared, immutable run of event frames. */
#include "spool/format/chunk.h"

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
    if (chunk == NULL ||
        atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) != 1)
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
    else if (event_id < chunk->last_id)
        chunk->unordered = true;
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

/* ---- in order -------------------------------------------------------------------------------- */

struct place {
    uint64_t id;
    struct bytes frame;
};

static int compare_ids(const void *left, const void *right)
{
    uint64_t a = ((const struct place *)left)->id, b = ((const struct place *)right)->id;
    return a < b ? -1 : a > b;
}

static size_t list_places(const struct spool_chunk *chunk, struct place *ret_places)
{
    struct spool_event event;
    size_t count = 0;
    for (size_t pos = 0; spool_chunk_next(chunk, &pos, &event);)
        ret_places[count++] = (struct place){event.id, event.frame};
    return count;
}

struct spool_chunk *spool_chunk_sorted(struct spool_chunk *const *parts, size_t count)
{
    size_t event_count = 0, size = 0, listed = 0;
    for (size_t i = 0; i < count; i++) {
        event_count += parts[i]->event_count;
        size += parts[i]->size;
    }
    struct place *places = calloc(event_count > 0 ? event_count : 1, sizeof *places);
    struct spool_chunk *sorted = places == NULL ? NULL : spool_chunk_new(size);
    if (sorted == NULL) {
        free(places);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        listed += list_places(parts[i], places + listed);
    assert(listed == event_count);
    qsort(places, listed, sizeof *places, compare_ids);
    for (size_t i = 0; i < listed; i++) {
        spool_chunk_append(sorted, places[i].frame.data, places[i].frame.size);
        spool_chunk_count(sorted, places[i].id);
    }
    sorted->salvaged = true;
    free(places);
    return sorted;
}
