/* SPDX-License-Identifier: MIT
 * unreadable.c - puts unreadable segments aside, and moves their events to where they are read
 * again. */
#include "spool/recover/unreadable.h"

#include "base/clock.h"
#include "spool/commit/batch.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/ledger/put_aside.h"
#include "spool/ledger/topic_share.h"
#include "spool/read/reader.h"
#include "spool/recover/links.h"
#include "spool/recover/losses.h"
#include "spool/recover/whereabouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BACKOFF_MS_MAX = 60000, MOVE_BYTES = 1 << 20, WAIT_FOR_ROOM_US = 100000 };

/* ---- putting aside --------------------------------------------------------------------------- */

/* When only forwarding, no event can be moved: reading begins before these segments once more, and
 * some events are delivered again. */
static void read_again_from(struct spool *spool)
{
    struct spool_cursor_state *at_open = &spool->at_open;
    for (size_t i = 0; i < at_open->unread_count; i++) {
        uint64_t before = spool_id_of(at_open->unread[i].segment_id, at_open->unread[i].from_index);
        if (before > 0 && before - 1 < at_open->done_id)
            at_open->done_id = before - 1;
    }
    at_open->unread_count = 0;
}

void spool_unreadable_load(struct spool *spool)
{
    if (spool->options.forward_only) {
        read_again_from(spool);
        return;
    }
    for (size_t i = 0; i < spool->at_open.unread_count; i++) {
        const struct spool_unread_segment *unread = &spool->at_open.unread[i];
        mutex_lock(&spool->lock);
        struct spool_entry *entry = spool_catalog_find(&spool->catalog, unread->segment_id);
        if (entry != NULL) {
            entry->unread = true;
            entry->unread_from = unread->from_index;
            entry->unread_backoff_ms = SPOOL_PUT_ASIDE_MS;
        }
        mutex_unlock(&spool->lock);
    }
}

/* ---- moving ---------------------------------------------------------------------------------- */

struct mover {
    struct spool *spool;
    uint64_t segment_id;
    spool_make_room_fn *make_room;
    bool counted;              /* the events are in the books: moved ones must not count twice */
    struct spool_batch *batch; /* of one topic, being filled */
    uint64_t last_id;          /* in it */
    enum err rc;
};

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    enum err rc;
};

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct waiter *waiter = arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->rc = receipt->err;
    waiter->is_done = true;
    pthread_cond_signal(&waiter->done);
    pthread_mutex_unlock(&waiter->lock);
}

/* Submits and waits for the sync; as long as there is no room, waits for that. */
static enum err submit(struct spool *spool, struct spool_batch *batch,
                       spool_make_room_fn *make_room)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    enum err rc;
    while (((rc = spool_submit(spool, batch, on_done, &waiter)) == ERR_FULL || rc == ERR_BUSY) &&
           !atomic_load(&spool->closing)) {
        make_room(spool); /* parking is the work of this same thread */
        usleep(WAIT_FOR_ROOM_US);
    }
    if (rc != ERR_OK) {
        spool_batch_free(batch);
        return rc;
    }
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.done, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    return waiter.rc;
}

static void flush(struct mover *mover)
{
    if (mover->batch == NULL || mover->rc != ERR_OK)
        return;
    struct spool_topic *topic = mover->batch->topic;
    uint32_t count = mover->batch->event_count;
    mover->rc = submit(mover->spool, mover->batch, mover->make_room);
    mover->batch = NULL;
    if (mover->rc != ERR_OK)
        return;
    if (mover->counted) {
        mutex_lock(&mover->spool->lock);
        spool_topic_share_remove(topic, count);
        atomic_fetch_sub(&topic->accepted, count);
        mutex_unlock(&mover->spool->lock);
    }
    mutex_lock(&mover->spool->lock);
    struct spool_entry *entry = spool_catalog_find(&mover->spool->catalog, mover->segment_id);
    if (entry != NULL && spool_id_index(mover->last_id) + 1 > entry->unread_from)
        entry->unread_from = spool_id_index(mover->last_id) + 1;
    mover->spool->progress.dirty = true;
    mutex_unlock(&mover->spool->lock);
}

static void move_event(struct mover *mover, const struct spool_event *event)
{
    bool same = mover->batch != NULL &&
                bytes_equal(bytes_of(mover->batch->topic->name, mover->batch->topic->name_size),
                            event->topic);
    if (mover->batch != NULL && (!same || spool_batch_bytes(mover->batch) > MOVE_BYTES))
        flush(mover);
    if (mover->rc == ERR_OK && mover->batch == NULL)
        mover->rc = spool_batch_new(mover->spool, event->topic, &mover->batch);
    if (mover->rc == ERR_OK)
        mover->rc =
            spool_batch_add_moved(mover->batch, event->time_ms, spool_frame_original(event->frame));
    if (mover->rc == ERR_OK)
        mover->last_id = event->id;
}

static enum err read_all(struct spool *spool, struct spool_reader_options *options,
                         struct mover *mover, struct spool_reader **ret_reader, struct errmsg *msg)
{
    struct spool_chunk *chunk;
    enum err rc = spool_reader_open(options, ret_reader, msg);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(*ret_reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; mover != NULL && spool_chunk_next(chunk, &at, &event);)
            move_event(mover, &event);
        spool_chunk_unref(chunk);
        if (mover != NULL && mover->rc != ERR_OK)
            rc = mover->rc;
        if (atomic_load(&spool->closing))
            rc = ERR_CLOSED;
    }
    if (rc == ERR_END && mover != NULL) {
        flush(mover);
        rc = mover->rc == ERR_OK ? ERR_END : mover->rc;
    }
    if (mover != NULL)
        spool_batch_free(mover->batch);
    return rc;
}

/* Marks a segment as done when all its events were moved. */
static enum err settle(struct spool *spool, uint64_t segment_id, uint32_t from, bool counted,
                       const struct spool_findings *findings)
{
    enum err rc = spool_losses_note(spool, segment_id, from, findings);
    if (rc != ERR_OK)
        return rc;
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL) {
        entry->unread = false;
        entry->last_found_id = 0; /* no event is to be read here */
        entry->state = SPOOL_ENTRY_OLD;
        if (!counted) {
            atomic_fetch_add(&spool->unknown_pending, (int64_t)entry->lost);
            atomic_fetch_add(&spool->unknown_accepted, entry->lost);
        }
        entry->counted = SPOOL_COUNTED;
        spool->progress.dirty = true;
    }
    mutex_unlock(&spool->lock);
    spool_say(spool, false, "segment_read_again", "segment=%" PRIu64 " events_found=%" PRIu64,
              segment_id, findings->event_count);
    return ERR_END;
}

static enum err try_again(struct spool *spool, uint64_t segment_id, uint32_t from,
                          uint32_t count_limit, bool counted, spool_make_room_fn *make_room,
                          struct errmsg *msg)
{
    char name[SPOOL_WHEREABOUTS_NAME_SIZE];
    struct spool_reader_options options = spool_whereabouts_reader_options(spool, segment_id, name);
    options.first_index = from;
    options.count_limit = count_limit;
    struct spool_reader *reader = NULL;
    /* Once to see that all of it can be read, so that nothing is moved twice. */
    enum err rc = read_all(spool, &options, NULL, &reader, msg);
    if (rc == ERR_END) {
        struct mover mover = {
            .spool = spool, .segment_id = segment_id, .make_room = make_room, .counted = counted};
        spool_reader_close(reader);
        reader = NULL;
        rc = read_all(spool, &options, &mover, &reader, msg);
    }
    if (rc == ERR_END)
        rc = settle(spool, segment_id, from, counted, spool_reader_findings(reader));
    spool_reader_close(reader);
    return rc;
}

/* Takes a segment that is due; 0: none. */
static uint64_t take_due(struct spool *spool, struct spool_entry *ret_entry)
{
    uint64_t id = 0;
    mutex_lock(&spool->lock);
    for (size_t i = 0; id == 0 && i < spool->catalog.count; i++) {
        struct spool_entry *entry = &spool->catalog.entries[i];
        if (!entry->unread || clock_monotonic_ms() < entry->unread_due_ms)
            continue;
        id = entry->id;
        *ret_entry = *entry;
        entry->unread_due_ms = clock_monotonic_ms() + entry->unread_backoff_ms;
        entry->unread_backoff_ms = entry->unread_backoff_ms * 2 > BACKOFF_MS_MAX
                                       ? BACKOFF_MS_MAX
                                       : entry->unread_backoff_ms * 2;
    }
    mutex_unlock(&spool->lock);
    return id;
}

void spool_unreadable_tend(struct spool *spool, spool_make_room_fn *make_room)
{
    struct spool_entry entry;
    for (uint64_t id; !atomic_load(&spool->closing) && (id = take_due(spool, &entry)) != 0;) {
        struct errmsg msg = {""};
        uint32_t limit = entry.event_count;
        if (entry.state == SPOOL_ENTRY_OLD &&
            spool_links_count_limit(spool, id, &limit, &msg) != ERR_OK)
            continue;
        /* on an error later */
        (void)try_again(spool, id, entry.unread_from, limit, entry.counted == SPOOL_COUNTED,
                        make_room, &msg);
    }
}
