/* SPDX-License-Identifier: MIT
 * group.c - from batches to chunks to the entries of one synced record. */
#include "spool/write/group.h"

#include "base/codec.h"

#include <assert.h>
#include <stdlib.h>

static bool push_chunk(struct spool_group *group, struct spool_chunk *chunk)
{
    if (group->chunk_count == group->chunk_capacity) {
        size_t capacity = group->chunk_capacity == 0 ? 16 : group->chunk_capacity * 2;
        struct spool_chunk **chunks = realloc(group->chunks, capacity * sizeof *chunks);
        if (chunks == NULL)
            return false;
        group->chunks = chunks;
        group->chunk_capacity = capacity;
    }
    group->chunks[group->chunk_count++] = chunk;
    return true;
}

static enum err adopt(struct spool_group *group, struct buf *frames)
{
    struct spool_chunk *chunk = spool_chunk_adopt(frames->data, frames->size);
    if (chunk == NULL)
        return ERR_NOMEM;
    if (!push_chunk(group, chunk)) {
        chunk->data = NULL; /* the frames stay with the batch */
        spool_chunk_unref(chunk);
        return ERR_NOMEM;
    }
    *frames = (struct buf){0};
    return ERR_OK;
}

static enum err gather(struct spool_group *group, const struct buf *frames)
{
    struct spool_chunk *newest =
        group->chunk_count == 0 ? NULL : group->chunks[group->chunk_count - 1];
    group->gathered_bytes += frames->size;
    if (newest != NULL && spool_chunk_append(newest, frames->data, frames->size))
        return ERR_OK;
    /* The capacity grows with the bytes gathered, so that a lone small batch pins little memory. */
    size_t capacity = SPOOL_GATHER_BYTES_MIN;
    while (capacity < 2 * group->gathered_bytes && capacity < SPOOL_GATHER_BYTES_MAX)
        capacity *= 2;
    while (capacity < frames->size)
        capacity *= 2;
    struct spool_chunk *chunk = spool_chunk_new(capacity);
    if (chunk == NULL || !push_chunk(group, chunk)) {
        spool_chunk_unref(chunk);
        return ERR_NOMEM;
    }
    spool_chunk_append(chunk, frames->data, frames->size);
    return ERR_OK;
}

enum err spool_group_add(struct spool_group *group, struct buf *frames, uint32_t event_count)
{
    size_t size = frames->size;
    enum err rc = size >= SPOOL_ADOPT_BYTES_MIN ? adopt(group, frames) : gather(group, frames);
    if (rc != ERR_OK)
        return rc;
    group->event_count += event_count;
    group->frame_bytes += size;
    return ERR_OK;
}

static size_t frame_size_at(const struct spool_chunk *chunk, size_t at)
{
    size_t size = spool_frame_peek_size(chunk->data + at, chunk->size - at);
    assert(size != 0 && size <= chunk->size - at); /* frames in a chunk are always whole */
    return size;
}

void spool_group_stamp(struct spool_group *group, uint64_t segment_id, uint32_t first_index,
                       uint64_t seed)
{
    uint32_t index = first_index;
    for (size_t i = 0; i < group->chunk_count; i++) {
        struct spool_chunk *chunk = group->chunks[i];
        chunk->event_count = 0;
        for (size_t at = 0; at < chunk->size;) {
            size_t size = frame_size_at(chunk, at);
            uint64_t id = spool_id_of(segment_id, index++);
            spool_frame_stamp(chunk->data + at, id, first_index, seed);
            spool_chunk_count(chunk, id);
            at += size;
        }
    }
    assert(index - first_index == group->event_count);
}

static enum err push_entry(struct spool_group *group, char letter, uint64_t id, struct bytes value)
{
    if (group->entry_count == group->entry_capacity) {
        size_t capacity = group->entry_capacity == 0 ? 64 : group->entry_capacity * 2;
        struct spool_store_entry *entries = realloc(group->entries, capacity * sizeof *entries);
        if (entries == NULL)
            return ERR_NOMEM;
        group->entries = entries;
        group->entry_capacity = capacity;
    }
    struct spool_store_entry *entry = &group->entries[group->entry_count++];
    entry->key[0] = (uint8_t)letter;
    for (int i = 0; i < 8; i++) /* big-endian, so that LevelDB's order is the events' order */
        entry->key[1 + i] = (uint8_t)(id >> (56 - 8 * i));
    entry->value = value;
    return ERR_OK;
}

static enum err push_single(struct spool_group *group, char letter, struct bytes frame)
{
    return frame.size == 0 ? ERR_OK
                           : push_entry(group, letter, codec_get_u64(frame.data + 8), frame);
}

static enum err push_chunk_entries(struct spool_group *group, const struct spool_chunk *chunk)
{
    enum err rc = ERR_OK;
    for (size_t start = 0, end = 0; rc == ERR_OK && start < chunk->size; start = end) {
        end = start + frame_size_at(chunk, start);
        while (end < chunk->size) {
            size_t size = frame_size_at(chunk, end);
            if (end - start + size > SPOOL_VALUE_BYTES_MAX)
                break;
            end += size;
        }
        rc = push_entry(group, 'e', codec_get_u64(chunk->data + start + 8),
                        bytes_of(chunk->data + start, end - start));
    }
    return rc;
}

enum err spool_group_entries(struct spool_group *group, struct bytes head, struct bytes tail)
{
    group->entry_count = 0;
    enum err rc = push_single(group, 'l', head);
    for (size_t i = 0; rc == ERR_OK && i < group->chunk_count; i++)
        rc = push_chunk_entries(group, group->chunks[i]);
    return rc == ERR_OK ? push_single(group, 's', tail) : rc;
}

void spool_group_clear(struct spool_group *group)
{
    for (size_t i = 0; i < group->chunk_count; i++)
        spool_chunk_unref(group->chunks[i]);
    group->chunk_count = group->entry_count = 0;
    group->event_count = 0;
    group->frame_bytes = group->gathered_bytes = 0;
}

void spool_group_done(struct spool_group *group)
{
    spool_group_clear(group);
    free(group->chunks);
    free(group->entries);
    *group = (struct spool_group){0};
}
