/* SPDX-License-Identifier: MIT
 * ordered.c - windows of ascending indexes. */
#include "spool/read/ordered.h"

#include <stdlib.h>

/* ---- where a window ends --------------------------------------------------------------------- */

void spool_ordered_end_done(struct spool_ordered_end *end)
{
    spool_index_set_free(&end->seen);
    free(end->frames);
}

/* Ends the window before the lowest index that was seen and lies above this one: up to there the
 * frames ascend as they stand. */
static void note_late(struct spool_ordered_end *end, uint32_t index)
{
    uint32_t next;
    bool late =
        spool_index_set_next(&end->seen, index, &next) && (end->below == 0 || next < end->below);
    if (late) /* frames that stood before this one and have higher indexes belong to later
               * windows */
        end->below = next;
}

static int compare_indexes(const void *left, const void *right)
{
    uint32_t a = ((const struct spool_frame_size *)left)->index,
             b = ((const struct spool_frame_size *)right)->index;
    return a < b ? -1 : a > b;
}

/* Keeps the lowest frames, up to the bytes that may be sorted. */
static void cut(struct spool_ordered_end *end)
{
    uint64_t bytes = 0;
    size_t count = 0;
    qsort(end->frames, end->frame_count, sizeof *end->frames, compare_indexes);
    while (count < end->frame_count &&
           (count == 0 || bytes + end->frames[count].bytes <= end->sorted_bytes))
        bytes += end->frames[count++].bytes;
    if (count < end->frame_count)
        end->sorted_below = end->frames[count].index;
    end->frame_count = count;
    end->frame_bytes = bytes;
}

static enum err reserve_frame(struct spool_ordered_end *end)
{
    if (end->frame_count < end->frame_capacity)
        return ERR_OK;
    size_t capacity = end->frame_capacity == 0 ? 1024 : end->frame_capacity * 2;
    struct spool_frame_size *frames = realloc(end->frames, capacity * sizeof *frames);
    if (frames == NULL)
        return ERR_NOMEM;
    end->frames = frames;
    end->frame_capacity = capacity;
    return ERR_OK;
}

static void keep_frame(struct spool_ordered_end *end, uint32_t index, uint32_t bytes)
{
    if (end->sorted_below != 0 && index >= end->sorted_below)
        return;
    end->frames[end->frame_count++] = (struct spool_frame_size){index, bytes};
    end->frame_bytes += bytes;
    if (end->frame_bytes > 2 * (uint64_t)end->sorted_bytes)
        cut(end);
}

enum err spool_ordered_end_feed(struct spool_ordered_end *end, uint32_t index, uint32_t bytes)
{
    bool is_new;
    enum err rc = reserve_frame(end);
    if (rc == ERR_OK)
        rc = spool_index_set_reserve(&end->seen, index, &is_new);
    if (rc != ERR_OK || !is_new)
        return rc;
    if (end->below == 0 || index < end->below)
        note_late(end, index);
    spool_index_set_add(&end->seen, index);
    keep_frame(end, index, bytes);
    return ERR_OK;
}

uint32_t spool_ordered_end_find(struct spool_ordered_end *end, bool *ret_sorts)
{
    if (end->frame_bytes > end->sorted_bytes)
        cut(end);
    *ret_sorts = end->below != 0 && (end->sorted_below == 0 || end->sorted_below > end->below);
    return *ret_sorts ? end->sorted_below : end->below;
}

/* ---- the window of a segment ----------------------------------------------------------------- */

void spool_ordered_drop(struct spool_ordered *order)
{
    for (size_t i = 0; i < order->part_count; i++)
        spool_chunk_unref(order->parts[i]);
    free(order->parts);
    order->parts = NULL;
    order->part_count = 0;
}

void spool_ordered_done(struct spool_ordered *order)
{
    spool_ordered_drop(order);
    spool_ranges_free(&order->gone);
    *order = (struct spool_ordered){0};
}

enum err spool_ordered_keep(struct spool_ordered *order, struct spool_chunk *chunk)
{
    struct spool_chunk **parts = realloc(order->parts, (order->part_count + 1) * sizeof *parts);
    if (parts == NULL)
        return ERR_NOMEM;
    order->parts = parts;
    order->parts[order->part_count++] = chunk;
    return ERR_OK;
}

enum err spool_ordered_take(struct spool_ordered *order, struct spool_chunk **ret_chunk)
{
    if (order->part_count == 0)
        return ERR_END;
    *ret_chunk = spool_chunk_sorted(order->parts, order->part_count);
    if (*ret_chunk == NULL)
        return ERR_NOMEM;
    spool_ordered_drop(order);
    return ERR_OK;
}

static enum err feed_chunk(struct spool_ordered_end *end, const struct spool_chunk *chunk)
{
    struct spool_event event;
    enum err rc = ERR_OK;
    for (size_t at = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event);)
        rc = spool_ordered_end_feed(end, spool_id_index(event.id), (uint32_t)event.frame.size);
    return rc;
}

enum err spool_ordered_find(struct spool_ordered *order, const struct spool_reader_options *options,
                            struct errmsg *msg)
{
    struct spool_ordered_end end = {.sorted_bytes = SPOOL_ORDERED_SORTED_BYTES};
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    enum err rc = spool_reader_open(options, &reader, msg);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        rc = feed_chunk(&end, chunk);
        spool_chunk_unref(chunk);
    }
    spool_reader_close(reader);
    if (rc == ERR_END) {
        order->known = true;
        order->below = spool_ordered_end_find(&end, &order->sorts);
        rc = ERR_OK;
    }
    spool_ordered_end_done(&end);
    return rc;
}
