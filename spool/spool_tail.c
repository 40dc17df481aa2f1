/* SPDX-License-Identifier: MIT
 * spool_tail.c - a reading position: the next events come from the window in memory or from disk, decided under one lock. */
#include "base/clock.h"
#include "spool/spool_internal.h"
#include "spool/spool_reader.h"
#include "spool/spool_unread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNREAD_AFTER_MS = 2000 };

struct spool_tail {
    struct spool *spool;
    uint64_t position;            /* everything up to it was returned, or doesn't exist */
    struct spool_reader *reader;  /* NULL while the window serves */
    uint64_t reading_id;          /* the segment it reads */
    uint64_t unreadable_id;       /* the segment that can't be read, and since when */
    int64_t unreadable_since_ms;  /* monotonic */
    uint32_t reading_from;        /* index in it where that reading began */
    bool reading_live;            /* it was live when the reader was opened */
};

/* Where to read on, as decided under the lock. */
struct source {
    enum { FROM_NOTHING, FROM_WINDOW, FROM_DISK } kind;
    struct spool_chunk *chunk;    /* from the window */
    uint64_t segment_id;          /* from disk */
    enum spool_entry_state state;
    uint64_t log_bytes;
    uint32_t count_limit;
    bool sealed;
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

void spool_tail_close(struct spool_tail *tail)
{
    if (tail == NULL)
        return;
    spool_reader_close(tail->reader);
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
        if (reading != NULL && !reading->unread && reading->state != SPOOL_ENTRY_LIVE && tail->position < spool_position_end_of(reading->id))
            entry = reading;
    }
    if (entry != NULL) {
        source.chunk = entry->state == SPOOL_ENTRY_OLD ? NULL : find_in_window(spool, entry, tail->position);
        source.kind = source.chunk != NULL ? FROM_WINDOW : FROM_DISK;
        source.segment_id = entry->id;
        source.state = entry->state;
        source.log_bytes = entry->state == SPOOL_ENTRY_LIVE ? entry->log_bytes : SPOOL_READ_TO_END;
        source.count_limit = entry->state == SPOOL_ENTRY_CLOSED ? entry->event_count : SPOOL_COUNT_UNKNOWN;
        source.sealed = entry->sealed;
        if (source.chunk != NULL)
            spool_chunk_ref(source.chunk);
    }
    pthread_mutex_unlock(&spool->lock);
    return source;
}

static enum err open_reader(struct spool_tail *tail, const struct source *source, struct errmsg *msg)
{
    struct spool *spool = tail->spool;
    char name[32];
    snprintf(name, sizeof name, "%" PRIu64, source->segment_id);
    struct spool_reader_options options = {
        .parent_fd = spool->segments_fd, .name = name, .segment_id = source->segment_id, .seed = spool->identity.seed,
        .first_index = spool_id_segment(tail->position) == source->segment_id ? spool_id_index(tail->position) + 1 : 0,
        .count_limit = source->count_limit,
    };
    if (source->state == SPOOL_ENTRY_OLD) {
        enum err rc = spool_count_entry(spool, source->segment_id, msg); /* before it can be done and gone */
        if (rc == ERR_OK)
            rc = spool_count_limit(spool, source->segment_id, &options.count_limit, msg);
        if (rc != ERR_OK)
            return rc;
    }
    tail->reading_id = source->segment_id;
    tail->reading_from = options.first_index;
    tail->reading_live = source->state == SPOOL_ENTRY_LIVE;
    return spool_reader_open(&options, &tail->reader, msg);
}

static enum err end_reading(struct spool_tail *tail, struct errmsg *msg)
{
    enum err rc = spool_count_findings(tail->spool, tail->reading_id, tail->reading_from, spool_reader_findings(tail->reader));
    if (rc != ERR_OK)
        return errmsg_set(msg, rc, "segment '%" PRIu64 "': %s", tail->reading_id, err_text(rc));
    spool_reader_close(tail->reader);
    tail->reader = NULL;
    if (tail->position < spool_position_end_of(tail->reading_id))
        tail->position = spool_position_end_of(tail->reading_id);
    return ERR_OK;
}

static enum err next_from_disk(struct spool_tail *tail, const struct source *source, struct spool_chunk **ret_chunk,
                               struct errmsg *msg)
{
    /* A segment that ended by a write error may hold frames beyond what was accepted: read it with that limit. */
    bool abandoned = tail->reading_live && source->state != SPOOL_ENTRY_LIVE && !source->sealed;
    if (tail->reader != NULL && (tail->reading_id != source->segment_id || abandoned)) {
        spool_reader_close(tail->reader);
        tail->reader = NULL;
    }
    enum err rc = tail->reader == NULL ? open_reader(tail, source, msg) : ERR_OK;
    if (rc == ERR_OK)
        rc = spool_reader_next(tail->reader, source->log_bytes, ret_chunk, msg);
    struct spool_ranges missing = {0};
    if (rc == ERR_OK && source->state != SPOOL_ENTRY_LIVE && spool_reader_missing(tail->reader, &missing) == ERR_OK &&
        missing.count > 0)
        spool_count_missing(tail->spool, source->segment_id, &missing);
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
    if (source->state == SPOOL_ENTRY_LIVE || tail->spool->options.forward_only || now_ms - tail->unreadable_since_ms < UNREAD_AFTER_MS)
        return false;
    spool_unread_put_aside(tail->spool, source->segment_id, tail->position);
    spool_reader_close(tail->reader);
    tail->reader = NULL;
    if (tail->position < spool_position_end_of(source->segment_id))
        tail->position = spool_position_end_of(source->segment_id);
    return true;
}

enum err spool_tail_next(struct spool_tail *tail, struct spool_chunk **ret_chunk, struct errmsg *msg)
{
    for (;;) {
        struct source source = choose(tail);
        if (source.kind == FROM_NOTHING)
            return ERR_END;
        if (source.kind == FROM_WINDOW) {
            spool_reader_close(tail->reader); /* the window has caught up with it */
            tail->reader = NULL;
            tail->position = source.chunk->last_id;
            *ret_chunk = source.chunk;
            return ERR_OK;
        }
        struct spool_chunk *chunk = NULL;
        enum err rc = next_from_disk(tail, &source, &chunk, msg);
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
        if (rc != ERR_OK)
            return rc;
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
