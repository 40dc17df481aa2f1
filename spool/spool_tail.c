/* SPDX-License-Identifier: MIT
 * spool_tail.c - a reading position: the next events come from the window in memory or from disk, decided under one lock. */
#include "base/clock.h"
#include "spool/spool_internal.h"
#include "spool/spool_losses.h"
#include "spool/spool_order.h"
#include "spool/spool_reader.h"
#include "spool/spool_unread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNREAD_AFTER_MS = 2000 };

struct spool_tail {
    struct spool *spool;
    uint64_t position;           /* everything up to it was returned, or doesn't exist */
    struct spool_reader *reader; /* NULL while the window serves */
    uint64_t reading_id;         /* the segment it reads */
    struct spool_order order;    /* of its events */
    uint64_t unreadable_id;      /* the segment that can't be read, and since when */
    int64_t unreadable_since_ms; /* monotonic */
    uint32_t reading_from;       /* index in it where that reading began */
    bool reading_live;           /* it was live when the reader was opened */
    uint64_t claimed_id;         /* the segment whose entry counts this tail among its readers; 0: none */
};

/* Where to read on, as decided under the lock. */
struct source {
    enum { FROM_NOTHING, FROM_WINDOW, FROM_DISK } kind;
    struct spool_chunk *chunk; /* from the window */
    uint64_t segment_id;       /* from disk */
    enum spool_entry_state state;
    uint64_t log_bytes;
    uint32_t count_limit;
    bool sealed;
    bool parked; /* from disk: in parked/ */
};

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

static void close_reader(struct spool_tail *tail)
{
    if (tail->claimed_id != 0) {
        pthread_mutex_lock(&tail->spool->lock);
        struct spool_entry *entry = spool_catalog_find(&tail->spool->catalog, tail->claimed_id);
        if (entry != NULL)
            entry->readers--;
        pthread_mutex_unlock(&tail->spool->lock);
        tail->claimed_id = 0;
    }
    spool_order_drop(&tail->order);
    spool_reader_close(tail->reader);
    tail->reader = NULL;
}

/* Before its files are looked at: it stays where it lies then. False: it has been moved, or is gone. */
static bool claim(struct spool_tail *tail, const struct source *source)
{
    if (tail->claimed_id == source->segment_id)
        return true;
    close_reader(tail);
    pthread_mutex_lock(&tail->spool->lock);
    struct spool_entry *entry = spool_catalog_find(&tail->spool->catalog, source->segment_id);
    bool there = entry != NULL && entry->parked == source->parked && !entry->emptied;
    if (there) {
        entry->readers++;
        tail->claimed_id = source->segment_id;
    }
    pthread_mutex_unlock(&tail->spool->lock);
    return there;
}

void spool_tail_close(struct spool_tail *tail)
{
    if (tail == NULL)
        return;
    close_reader(tail);
    spool_order_done(&tail->order);
    free(tail);
}

uint64_t spool_tail_position(const struct spool_tail *tail)
{
    return tail->position;
}

/* The window holds every committed event from its first on: does the entry's next event lie in it? */
static struct spool_chunk *find_in_window(struct spool *spool, const struct spool_entry *entry, uint64_t position)
{
    struct spool_chunk *chunk = spool_window_after(&spool->window, position);
    if (chunk != NULL && spool_id_segment(chunk->first_id) == entry->id)
        return chunk;
    uint64_t next_id = spool_id_segment(position) == entry->id ? position + 1 : spool_id_of(entry->id, 0);
    return spool_window_at(&spool->window, next_id);
}

static struct source choose(struct spool_tail *tail)
{
    struct spool *spool = tail->spool;
    struct source source = {.kind = FROM_NOTHING};
    pthread_mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_next(&spool->catalog, tail->position);
    if (tail->reader != NULL && (entry == NULL || entry->id != tail->reading_id)) {
        /* Retired meanwhile, or nothing new: let the reader come to its end first. */
        struct spool_entry *reading = spool_catalog_find(&spool->catalog, tail->reading_id);
        if (reading != NULL && !reading->unread && reading->state != SPOOL_ENTRY_LIVE &&
            tail->position < spool_position_end_of(reading->id))
            entry = reading;
    }
    if (entry != NULL) {
        /* What is damaged is read to its end, so that its losses are known. */
        bool damaged = tail->reading_id == entry->id &&
                       (tail->order.known || (tail->reader != NULL && !spool_reader_is_whole(tail->reader)));
        bool from_disk = entry->state == SPOOL_ENTRY_OLD || damaged;
        source.chunk = from_disk ? NULL : find_in_window(spool, entry, tail->position);
        source.kind = source.chunk != NULL ? FROM_WINDOW : FROM_DISK;
        source.segment_id = entry->id;
        source.state = entry->state;
        source.log_bytes = entry->state == SPOOL_ENTRY_LIVE ? entry->log_bytes : SPOOL_READ_TO_END;
        source.count_limit = entry->state == SPOOL_ENTRY_CLOSED ? entry->event_count : SPOOL_COUNT_UNKNOWN;
        source.sealed = entry->sealed;
        source.parked = entry->parked;
        if (source.chunk != NULL)
            spool_chunk_ref(source.chunk);
    }
    pthread_mutex_unlock(&spool->lock);
    return source;
}

static uint32_t next_index(const struct spool_tail *tail, uint64_t segment_id)
{
    return spool_id_segment(tail->position) == segment_id ? spool_id_index(tail->position) + 1 : 0;
}

struct segment_name {
    char text[32];
};

/* Reading on behind the position. *name is what the options point to. ERR_BUSY: it lies elsewhere now, choose again */
static enum err reader_options(struct spool_tail *tail, const struct source *source, struct segment_name *name,
                               struct spool_reader_options *ret_options, struct errmsg *msg)
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
    enum err rc = spool_count_entry(spool, source->segment_id, msg); /* before it can be done and gone */
    return rc == ERR_OK ? spool_count_limit(spool, source->segment_id, &ret_options->count_limit, msg) : rc;
}

static enum err open_reader(struct spool_tail *tail, const struct source *source, struct errmsg *msg)
{
    struct segment_name name;
    struct spool_reader_options options;
    enum err rc = reader_options(tail, source, &name, &options, msg);
    if (rc != ERR_OK)
        return rc;
    if (tail->reading_id != source->segment_id)
        spool_order_done(&tail->order);
    if (!tail->order.known)
        tail->reading_from = options.first_index;
    tail->reading_id = source->segment_id;
    tail->reading_live = source->state == SPOOL_ENTRY_LIVE;
    options.below_index = tail->order.below;
    return spool_reader_open(&options, &tail->reader, msg);
}

/* ---- damaged segments, in order ------------------------------------------------------------------------------------ */

/* All that lies between the position and its last event, and nothing else. */
static bool is_dense(const struct spool_tail *tail, const struct spool_chunk *chunk)
{
    uint64_t first_id = spool_id_of(tail->reading_id, next_index(tail, tail->reading_id));
    return chunk->first_id == first_id && chunk->last_id >= first_id && !chunk->unordered &&
           chunk->last_id - first_id + 1 == chunk->event_count;
}

static enum err find_window(struct spool_tail *tail, const struct source *source, struct errmsg *msg)
{
    struct segment_name name;
    struct spool_reader_options options;
    close_reader(tail);
    enum err rc = reader_options(tail, source, &name, &options, msg);
    return rc == ERR_OK ? spool_order_find(&tail->order, &options, msg) : rc;
}

/* What isn't there, below an index that is about to be passed: in the windows behind, and in this one. */
static enum err missing_below(const struct spool_tail *tail, uint32_t below, struct spool_ranges *ret_missing)
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

/* Before a cursor can pass it. */
static void note_missing(const struct spool_tail *tail, uint32_t below)
{
    struct spool_ranges missing;
    if (missing_below(tail, below, &missing) == ERR_OK && missing.count > 0)
        spool_count_missing(tail->spool, tail->reading_id, &missing);
}

/* The reader has come to the end of the files, and other events of theirs come after this window's. */
static enum err end_window(struct spool_tail *tail, const struct source *source, struct errmsg *msg)
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

/* ---- reading on ---------------------------------------------------------------------------------------------------- */

static enum err end_reading(struct spool_tail *tail, struct errmsg *msg)
{
    enum err rc =
        spool_losses_note(tail->spool, tail->reading_id, tail->reading_from, spool_reader_findings(tail->reader));
    if (rc != ERR_OK)
        return errmsg_set(msg, rc, "segment '%" PRIu64 "': %s", tail->reading_id, err_text(rc));
    close_reader(tail);
    if (tail->position < spool_position_end_of(tail->reading_id))
        tail->position = spool_position_end_of(tail->reading_id);
    return ERR_OK;
}

/* Memory is out, and a chunk with it: it is read again. */
static enum err read_again(struct spool_tail *tail, struct spool_chunk **ret_chunk)
{
    spool_chunk_unref(*ret_chunk);
    *ret_chunk = NULL;
    close_reader(tail);
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

/* What was read (rc) of a window whose frames are out of order: *ret_chunk stays NULL until it is all there. */
static enum err sort_window(struct spool_tail *tail, enum err rc, struct spool_chunk **ret_chunk)
{
    if (rc == ERR_END)
        return spool_order_take(&tail->order, ret_chunk);
    if (rc != ERR_OK)
        return rc;
    if (spool_order_keep(&tail->order, *ret_chunk) != ERR_OK)
        return read_again(tail, ret_chunk);
    *ret_chunk = NULL;
    return ERR_OK;
}

/* *ret_chunk may stay NULL: then there is something else to be read now. */
static enum err next_from_disk(struct spool_tail *tail, const struct source *source, struct spool_chunk **ret_chunk,
                               struct errmsg *msg)
{
    /* A segment that ended by a write error may hold frames beyond what was accepted: read it with that limit. */
    bool abandoned = tail->reading_live && source->state != SPOOL_ENTRY_LIVE && !source->sealed;
    if (tail->reader != NULL && (tail->reading_id != source->segment_id || abandoned))
        close_reader(tail);
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
    if ((*ret_chunk)->unordered) /* somebody has written into the live segment's file */
        rc = sort_chunk(tail, ret_chunk);
    if (rc == ERR_OK)
        note_missing(tail, spool_id_index((*ret_chunk)->last_id));
    return rc;
}

/* Has more been committed to the live segment, or has it ended, since it had that size? */
static bool live_has_changed(struct spool *spool, uint64_t segment_id, uint64_t log_bytes)
{
    pthread_mutex_lock(&spool->lock);
    const struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool changed = entry == NULL || entry->state != SPOOL_ENTRY_LIVE || entry->log_bytes != log_bytes;
    pthread_mutex_unlock(&spool->lock);
    return changed;
}

/* Some tries are for what passes by itself (too many open files); then others needn't wait for it. */
static bool put_aside(struct spool_tail *tail, const struct source *source)
{
    int64_t now_ms = clock_monotonic_ms();
    if (tail->unreadable_id != source->segment_id) {
        tail->unreadable_id = source->segment_id;
        tail->unreadable_since_ms = now_ms;
    }
    if (source->state == SPOOL_ENTRY_LIVE || tail->spool->options.forward_only ||
        now_ms - tail->unreadable_since_ms < UNREAD_AFTER_MS)
        return false;
    spool_unread_put_aside(tail->spool, source->segment_id, tail->position);
    close_reader(tail);
    if (tail->position < spool_position_end_of(source->segment_id))
        tail->position = spool_position_end_of(source->segment_id);
    return true;
}

enum err spool_tail_next(struct spool_tail *tail, struct spool_chunk **ret_chunk, struct errmsg *msg)
{
    for (;;) {
        struct source source = choose(tail);
        if (source.kind == FROM_NOTHING) {
            if (tail->reader == NULL)
                close_reader(tail);
            return ERR_END;
        }
        if (source.kind == FROM_WINDOW) {
            close_reader(tail); /* the window has caught up with it */
            tail->position = source.chunk->last_id;
            *ret_chunk = source.chunk;
            return ERR_OK;
        }
        struct spool_chunk *chunk = NULL;
        enum err rc = next_from_disk(tail, &source, &chunk, msg);
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
            rc = end_reading(tail, msg);
        else if (rc == ERR_END && live_has_changed(tail->spool, source.segment_id, source.log_bytes))
            rc = ERR_OK;
        if (rc == ERR_UNREADABLE && put_aside(tail, &source))
            rc = ERR_OK;
        if (rc != ERR_OK) {
            if (tail->reader == NULL)
                close_reader(tail); /* nobody waits for it */
            return rc;
        }
    }
}

void spool_set_wakeup(struct spool *spool, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&spool->lock);
    spool->wakeup = fn;
    spool->wakeup_arg = arg;
    spool->wakeup_armed = false;
    pthread_mutex_unlock(&spool->lock);
}

bool spool_tail_arm_wakeup(struct spool_tail *tail)
{
    struct spool *spool = tail->spool;
    pthread_mutex_lock(&spool->lock);
    bool readable = spool_catalog_next(&spool->catalog, tail->position) != NULL;
    spool->wakeup_armed = !readable;
    pthread_mutex_unlock(&spool->lock);
    return readable;
}
