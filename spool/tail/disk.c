/* SPDX-License-Identifier: MIT
 * disk.c - reading a segment after a position; where events are missing, window after window. */
#include "spool/tail/disk.h"

#include "spool/recover/count.h"
#include "spool/recover/links.h"
#include "spool/recover/losses.h"

#include <inttypes.h>
#include <stdio.h>

void spool_tail_close_reader(struct spool_tail *tail)
{
    if (tail->claimed_id != 0) {
        mutex_lock(&tail->spool->lock);
        struct spool_entry *entry = spool_catalog_find(&tail->spool->catalog, tail->claimed_id);
        if (entry != NULL)
            entry->readers--;
        mutex_unlock(&tail->spool->lock);
        tail->claimed_id = 0;
    }
    spool_ordered_drop(&tail->order);
    spool_reader_close(tail->reader);
    tail->reader = NULL;
}

/* Claims the segment before its files are looked at, so that it stays where it lies. False: it has
 * been moved, or is gone. */
static bool claim(struct spool_tail *tail, const struct spool_source *source)
{
    if (tail->claimed_id == source->segment_id)
        return true;
    spool_tail_close_reader(tail);
    mutex_lock(&tail->spool->lock);
    struct spool_entry *entry = spool_catalog_find(&tail->spool->catalog, source->segment_id);
    bool there = entry != NULL && entry->parked == source->parked && !entry->emptied;
    if (there) {
        entry->readers++;
        tail->claimed_id = source->segment_id;
    }
    mutex_unlock(&tail->spool->lock);
    return there;
}

static uint32_t next_index(const struct spool_tail *tail, uint64_t segment_id)
{
    return spool_id_segment(tail->position) == segment_id ? spool_id_index(tail->position) + 1 : 0;
}

struct segment_name {
    char text[32];
};

/* Options to read on after the position. *name is what the options point to. ERR_BUSY: the segment
 * lies elsewhere now, choose again */
static enum err reader_options(struct spool_tail *tail, const struct spool_source *source,
                               struct segment_name *name, struct spool_reader_options *ret_options,
                               struct errmsg *msg)
{
    struct spool *spool = tail->spool;
    if (!claim(tail, source))
        return ERR_BUSY;
    snprintf(name->text, sizeof name->text, "%" PRIu64, source->segment_id);
    *ret_options = (struct spool_reader_options){
        .parent_fd = source->parked ? spool->parking.folder_fd : spool->segments_fd,
        .parked = source->parked,
        .name = name->text,
        .segment_id = source->segment_id,
        .seed = spool->identity.seed,
        .first_index = next_index(tail, source->segment_id),
        .count_limit = source->count_limit,
    };
    if (source->state != SPOOL_ENTRY_OLD)
        return ERR_OK;
    /* count the segment before it can be done and gone */
    enum err rc = spool_count_entry(spool, source->segment_id, msg);
    return rc == ERR_OK
               ? spool_links_count_limit(spool, source->segment_id, &ret_options->count_limit, msg)
               : rc;
}

static enum err open_reader(struct spool_tail *tail, const struct spool_source *source,
                            struct errmsg *msg)
{
    struct segment_name name;
    struct spool_reader_options options;
    enum err rc = reader_options(tail, source, &name, &options, msg);
    if (rc != ERR_OK)
        return rc;
    if (tail->reading_id != source->segment_id)
        spool_ordered_done(&tail->order);
    if (!tail->order.known)
        tail->reading_from = options.first_index;
    tail->reading_id = source->segment_id;
    tail->reading_live = source->state == SPOOL_ENTRY_LIVE;
    options.below_index = tail->order.below;
    return spool_reader_open(&options, &tail->reader, msg);
}

/* ---- damaged segments, in order -------------------------------------------------------------- */

/* Does the chunk hold every event from the position to its own last one, in order? */
static bool is_dense(const struct spool_tail *tail, const struct spool_chunk *chunk)
{
    uint64_t first_id = spool_id_of(tail->reading_id, next_index(tail, tail->reading_id));
    return chunk->first_id == first_id && chunk->last_id >= first_id && !chunk->unordered &&
           chunk->last_id - first_id + 1 == chunk->event_count;
}

static enum err find_window(struct spool_tail *tail, const struct spool_source *source,
                            struct errmsg *msg)
{
    struct segment_name name;
    struct spool_reader_options options;
    spool_tail_close_reader(tail);
    enum err rc = reader_options(tail, source, &name, &options, msg);
    return rc == ERR_OK ? spool_ordered_find(&tail->order, &options, msg) : rc;
}

/* The missing indexes below an index that is about to be passed: of the windows before, and of this
 * one. */
static enum err missing_below(const struct spool_tail *tail, uint32_t below,
                              struct spool_ranges *ret_missing)
{
    struct spool_ranges here = {0};
    enum err rc = spool_reader_missing(tail->reader, below, &here);
    *ret_missing = (struct spool_ranges){0};
    if (rc == ERR_OK)
        rc = spool_ranges_from(&tail->order.gone, 0, ret_missing);
    for (size_t i = 0; rc == ERR_OK && i < here.count; i++)
        rc = spool_ranges_append(ret_missing, here.items[i].first, here.items[i].last);
    spool_ranges_free(&here);
    if (rc != ERR_OK)
        spool_ranges_free(ret_missing);
    return rc;
}

/* Notes the missing indexes before a cursor can pass them. */
static void note_missing(const struct spool_tail *tail, uint32_t below)
{
    struct spool_ranges missing;
    if (missing_below(tail, below, &missing) == ERR_OK && missing.count > 0)
        spool_count_missing(tail->spool, tail->reading_id, &missing);
}

/* Ends a window when the reader is at the end of the files and later windows follow. */
static enum err end_window(struct spool_tail *tail, const struct spool_source *source,
                           struct errmsg *msg)
{
    struct spool_ranges gone;
    uint32_t below = tail->order.below;
    enum err rc = missing_below(tail, below, &gone);
    if (rc != ERR_OK)
        return errmsg_set(msg, rc, "out of memory");
    note_missing(tail, below);
    spool_ranges_free(&tail->order.gone);
    tail->order.gone = gone;
    if (tail->position < spool_id_of(tail->reading_id, below - 1))
        tail->position = spool_id_of(tail->reading_id, below - 1);
    return find_window(tail, source, msg);
}

/* ---- reading on ------------------------------------------------------------------------------ */

enum err spool_tail_end_reading(struct spool_tail *tail, struct errmsg *msg)
{
    enum err rc = spool_losses_note(tail->spool, tail->reading_id, tail->reading_from,
                                    spool_reader_findings(tail->reader));
    if (rc != ERR_OK)
        return errmsg_set(msg, rc, "segment '%" PRIu64 "': %s", tail->reading_id, err_text(rc));
    spool_tail_close_reader(tail);
    if (tail->position < spool_position_end_of(tail->reading_id))
        tail->position = spool_position_end_of(tail->reading_id);
    return ERR_OK;
}

/* Drops a chunk for which memory is out, so that it is read again. */
static enum err read_again(struct spool_tail *tail, struct spool_chunk **ret_chunk)
{
    spool_chunk_unref(*ret_chunk);
    *ret_chunk = NULL;
    spool_tail_close_reader(tail);
    return ERR_NOMEM;
}

static enum err sort_chunk(struct spool_tail *tail, struct spool_chunk **ret_chunk)
{
    struct spool_chunk *sorted = spool_chunk_sorted(ret_chunk, 1);
    if (sorted == NULL)
        return read_again(tail, ret_chunk);
    spool_chunk_unref(*ret_chunk);
    *ret_chunk = sorted;
    return ERR_OK;
}

/* Takes a chunk, or the end (rc), of a window whose frames are out of order: *ret_chunk stays NULL
 * until the whole window was read. */
static enum err sort_window(struct spool_tail *tail, enum err rc, struct spool_chunk **ret_chunk)
{
    if (rc == ERR_END)
        return spool_ordered_take(&tail->order, ret_chunk);
    if (rc != ERR_OK)
        return rc;
    if (spool_ordered_keep(&tail->order, *ret_chunk) != ERR_OK)
        return read_again(tail, ret_chunk);
    *ret_chunk = NULL;
    return ERR_OK;
}

enum err spool_tail_next_from_disk(struct spool_tail *tail, const struct spool_source *source,
                                   struct spool_chunk **ret_chunk, struct errmsg *msg)
{
    /* A segment that ended by a write error may hold frames beyond the accepted ones: read it with
     * that limit. */
    bool abandoned = tail->reading_live && source->state != SPOOL_ENTRY_LIVE && !source->sealed;
    if (tail->reader != NULL && (tail->reading_id != source->segment_id || abandoned))
        spool_tail_close_reader(tail);
    enum err rc = tail->reader == NULL ? open_reader(tail, source, msg) : ERR_OK;
    if (rc == ERR_OK)
        rc = spool_reader_next(tail->reader, source->log_bytes, ret_chunk, msg);
    if (tail->order.sorts)
        rc = sort_window(tail, rc, ret_chunk);
    if (rc == ERR_END && tail->order.below != 0)
        return end_window(tail, source, msg);
    if (rc != ERR_OK || *ret_chunk == NULL)
        return rc;
    if (source->state != SPOOL_ENTRY_LIVE && !tail->order.known && !is_dense(tail, *ret_chunk)) {
        spool_chunk_unref(*ret_chunk);
        *ret_chunk = NULL;
        return find_window(tail, source, msg);
    }
    if ((*ret_chunk)->unordered) /* a foreign write into the live segment's file */
        rc = sort_chunk(tail, ret_chunk);
    if (rc == ERR_OK)
        note_missing(tail, spool_id_index((*ret_chunk)->last_id));
    return rc;
}
