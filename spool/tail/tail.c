/* SPDX-License-Identifier: MIT
 * tail.c - a reading position: the next events come from the window in memory or from disk,
 * decided under one lock. */
#include "spool/spool.h"

#include "base/clock.h"
#include "spool/ledger/put_aside.h"
#include "spool/tail/disk.h"

#include <stdlib.h>

enum { UNREAD_AFTER_MS = 2000 };

enum err spool_tail_open(struct spool *spool, uint64_t after_id, struct spool_tail **ret_tail)
{
    struct spool_tail *tail = calloc(1, sizeof *tail);
    if (tail == NULL)
        return ERR_NOMEM;
    tail->spool = spool;
    tail->position = after_id;
    *ret_tail = tail;
    return ERR_OK;
}

void spool_tail_close(struct spool_tail *tail)
{
    if (tail == NULL)
        return;
    spool_tail_close_reader(tail);
    spool_ordered_done(&tail->order);
    free(tail);
}

uint64_t spool_tail_position(const struct spool_tail *tail)
{
    return tail->position;
}

/* Finds the chunk with the entry's next event in the window, which holds every committed event from
 * its first on; NULL: not there. */
static struct spool_chunk *find_in_window(struct spool *spool, const struct spool_entry *entry,
                                          uint64_t position)
{
    struct spool_chunk *chunk = spool_recent_chunks_after(&spool->window, position);
    if (chunk != NULL && spool_id_segment(chunk->first_id) == entry->id)
        return chunk;
    uint64_t next_id =
        spool_id_segment(position) == entry->id ? position + 1 : spool_id_of(entry->id, 0);
    return spool_recent_chunks_at(&spool->window, next_id);
}

static struct spool_source choose(struct spool_tail *tail)
{
    struct spool *spool = tail->spool;
    struct spool_source source = {.kind = SPOOL_FROM_NOTHING};
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_next(&spool->catalog, tail->position);
    if (tail->reader != NULL && (entry == NULL || entry->id != tail->reading_id)) {
        /* The segment was retired meanwhile, or has no new event: let the reader reach the end
         * first, so that losses are found. */
        struct spool_entry *reading = spool_catalog_find(&spool->catalog, tail->reading_id);
        if (reading != NULL && !reading->unread && reading->state != SPOOL_ENTRY_LIVE &&
            tail->position < spool_position_end_of(reading->id))
            entry = reading;
    }
    if (entry != NULL) {
        /* A damaged segment is read to its end, so that its losses are known. */
        bool damaged =
            tail->reading_id == entry->id &&
            (tail->order.known || (tail->reader != NULL && !spool_reader_is_whole(tail->reader)));
        bool from_disk = entry->state == SPOOL_ENTRY_OLD || damaged;
        source.chunk = from_disk ? NULL : find_in_window(spool, entry, tail->position);
        source.kind = source.chunk != NULL ? SPOOL_FROM_WINDOW : SPOOL_FROM_DISK;
        source.segment_id = entry->id;
        source.state = entry->state;
        source.log_bytes = entry->state == SPOOL_ENTRY_LIVE ? entry->log_bytes : SPOOL_READ_TO_END;
        source.count_limit =
            entry->state == SPOOL_ENTRY_CLOSED ? entry->event_count : SPOOL_COUNT_UNKNOWN;
        source.sealed = entry->sealed;
        source.parked = entry->parked;
        if (source.chunk != NULL)
            spool_chunk_ref(source.chunk);
    }
    mutex_unlock(&spool->lock);
    return source;
}

/* Has the live segment grown, or ended, since its log had that size? */
static bool live_has_changed(struct spool *spool, uint64_t segment_id, uint64_t log_bytes)
{
    mutex_lock(&spool->lock);
    const struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool changed =
        entry == NULL || entry->state != SPOOL_ENTRY_LIVE || entry->log_bytes != log_bytes;
    mutex_unlock(&spool->lock);
    return changed;
}

/* Retries for UNREAD_AFTER_MS, since too many open files, say, is an error that passes. After that
 * it puts the segment aside, so that later segments are delivered. */
static bool put_aside(struct spool_tail *tail, const struct spool_source *source)
{
    int64_t now_ms = clock_monotonic_ms();
    if (tail->unreadable_id != source->segment_id) {
        tail->unreadable_id = source->segment_id;
        tail->unreadable_since_ms = now_ms;
    }
    if (source->state == SPOOL_ENTRY_LIVE || tail->spool->options.forward_only ||
        now_ms - tail->unreadable_since_ms < UNREAD_AFTER_MS)
        return false;
    spool_put_aside(tail->spool, source->segment_id, tail->position);
    spool_tail_close_reader(tail);
    if (tail->position < spool_position_end_of(source->segment_id))
        tail->position = spool_position_end_of(source->segment_id);
    return true;
}

enum err spool_tail_next(struct spool_tail *tail, struct spool_chunk **ret_chunk,
                         struct errmsg *msg)
{
    for (;;) {
        struct spool_source source = choose(tail);
        if (source.kind == SPOOL_FROM_NOTHING) {
            if (tail->reader == NULL)
                spool_tail_close_reader(tail);
            return ERR_END;
        }
        if (source.kind == SPOOL_FROM_WINDOW) {
            spool_tail_close_reader(tail); /* memory has the next events: the reader isn't needed */
            tail->position = source.chunk->last_id;
            *ret_chunk = source.chunk;
            return ERR_OK;
        }
        struct spool_chunk *chunk = NULL;
        enum err rc = spool_tail_next_from_disk(tail, &source, &chunk, msg);
        if (rc == ERR_BUSY || (rc == ERR_OK && chunk == NULL))
            continue;
        if (rc == ERR_OK) {
            tail->unreadable_id = 0;
            if (chunk->last_id > tail->position)
                tail->position = chunk->last_id;
            *ret_chunk = chunk;
            return ERR_OK;
        }
        if (rc == ERR_END && source.state != SPOOL_ENTRY_LIVE)
            rc = spool_tail_end_reading(tail, msg);
        else if (rc == ERR_END &&
                 live_has_changed(tail->spool, source.segment_id, source.log_bytes))
            rc = ERR_OK;
        if (rc == ERR_UNREADABLE && put_aside(tail, &source))
            rc = ERR_OK;
        if (rc != ERR_OK) {
            if (tail->reader == NULL)
                spool_tail_close_reader(tail); /* without a reader the claim isn't needed */
            return rc;
        }
    }
}

void spool_set_wakeup(struct spool *spool, void (*fn)(void *arg), void *arg)
{
    mutex_lock(&spool->lock);
    spool->wakeup = fn;
    spool->wakeup_arg = arg;
    spool->wakeup_armed = false;
    mutex_unlock(&spool->lock);
}

bool spool_tail_arm_wakeup(struct spool_tail *tail)
{
    struct spool *spool = tail->spool;
    mutex_lock(&spool->lock);
    bool readable = spool_catalog_next(&spool->catalog, tail->position) != NULL;
    spool->wakeup_armed = !readable;
    mutex_unlock(&spool->lock);
    return readable;
}
