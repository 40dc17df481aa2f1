/* SPDX-License-Identifier: MIT
 * committer.c - group commit: queue, one synced write, publish, answer. */
#include "spool/commit/committer.h"

#include "base/clock.h"
#include "spool/commit/batch.h"
#include "spool/commit/delivery_waits.h"
#include "spool/commit/live_segment.h"
#include "spool/home/internal.h"
#include "spool/home/locks.h"
#include "spool/home/say.h"
#include "spool/ledger/times.h"
#include "spool/ledger/topic_share.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_OUT_NS = 200000 }; /* about as long as a small sync */

/* ---- answering ------------------------------------------------------------------------------- */

static void answer(struct spool *spool, struct spool_batch *batch,
                   const struct spool_receipt *receipt)
{
    atomic_fetch_sub(&spool->committer.queued_bytes, (uint_fast64_t)batch->queued_bytes);
    batch->done(batch->done_arg, receipt);
    spool_batch_free(batch);
}

static void answer_all(struct spool *spool, struct spool_batch *first, enum err err)
{
    for (struct spool_batch *next; first != NULL; first = next) {
        next = first->next;
        answer(spool, first, &(struct spool_receipt){.err = err});
    }
}

static void answer_accepted(struct spool *spool, struct spool_batch *first, uint64_t group_first_id)
{
    for (struct spool_batch *next; first != NULL; first = next) {
        next = first->next;
        struct spool_receipt receipt = {.err = ERR_OK,
                                        .first_id = group_first_id + first->group_offset};
        receipt.last_id = receipt.first_id + first->event_count - 1;
        answer(spool, first, &receipt);
    }
}

/* ---- one commit ------------------------------------------------------------------------------ */

static void count_duration(struct spool_committer *committer, int64_t duration_ns)
{
    int bucket = 0;
    while (bucket < 15 && duration_ns >= (int64_t)64000 << bucket) /* 2^(i+6) us */
        bucket++;
    atomic_fetch_add(&committer->histogram[bucket], 1);
    atomic_store(&committer->last_ms, duration_ns / 1000000);
    atomic_fetch_add(&committer->us_sum, (uint64_t)duration_ns / 1000);
}

static enum err write_synced(struct spool *spool, uint32_t event_count, struct errmsg *msg)
{
    struct spool_committer *committer = &spool->committer;
    int64_t start_ns = clock_monotonic_ns();
    atomic_store(&committer->running_since_ms, start_ns / 1000000);
    enum err rc = spool_segment_write(committer->live, committer->group.entries,
                                      committer->group.entry_count, event_count, msg);
    atomic_store(&committer->running_since_ms, 0);
    count_duration(committer, clock_monotonic_ns() - start_ns);
    return rc;
}

/* Makes the events visible to the readers, now that they are on disk. */
static void publish(struct spool *spool)
{
    struct spool_committer *committer = &spool->committer;
    struct spool_segment *live = committer->live;
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, live->id);
    entry->event_count = live->event_count;
    entry->log_bytes = entry->disk_bytes = live->log_bytes;
    spool->last_event_id = spool_id_of(live->id, live->event_count - 1);
    spool_times_note(&spool->times,
                     spool_id_of(live->id, live->event_count - committer->group.event_count),
                     clock_wall_ms());
    for (size_t i = 0; i < committer->group.chunk_count; i++)
        spool_recent_chunks_push(&spool->window, spool_chunk_ref(committer->group.chunks[i]));
    /* under the lock, so that the callback isn't called after spool_set_wakeup() has removed it */
    if (spool->wakeup_armed && spool->wakeup != NULL)
        spool->wakeup(spool->wakeup_arg);
    spool->wakeup_armed = false;
    mutex_unlock(&spool->lock);
}

static enum err count_topics(struct spool *spool, const struct spool_batch *first)
{
    enum err rc = ERR_OK;
    for (const struct spool_batch *batch = first; rc == ERR_OK && batch != NULL;
         batch = batch->next)
        rc = spool_segment_count_topic(spool->committer.live, batch->topic->index,
                                       batch->event_count, batch->queued_bytes);
    return rc;
}

/* Writes the staged group into the live segment. */
static enum err commit_to_live(struct spool *spool, const struct spool_batch *first,
                               struct errmsg *msg)
{
    struct spool_committer *committer = &spool->committer;
    uint32_t first_index = committer->live->event_count, event_count = committer->group.event_count;
    enum err rc = count_topics(spool, first);
    if (rc == ERR_OK)
        rc = spool_live_segment_put_link_frame(spool);
    if (rc == ERR_OK) {
        spool_group_stamp(&committer->group, committer->live->id, first_index,
                          spool->identity.seed);
        rc = spool_group_entries(&committer->group, buf_bytes(&committer->link_frame), BYTES_NULL);
    }
    return rc == ERR_OK ? write_synced(spool, event_count, msg)
                        : errmsg_set(msg, rc, "%s", err_text(rc));
}

/* Never retries a write: a segment that failed one has ended, the group goes to the next. */
static enum err commit_somewhere(struct spool *spool, const struct spool_batch *first)
{
    struct spool_committer *committer = &spool->committer;
    for (int attempt = 0; attempt < 2; attempt++) {
        enum err rc = spool_live_segment_ensure(spool);
        if (rc != ERR_OK)
            return rc;
        /* No room for the indexes: this segment ends here; the link in the next one holds its
         * count. */
        if (committer->live->event_count + (uint64_t)committer->group.event_count > SPOOL_INDEX_MAX)
            spool_live_segment_end(spool, false);
        if ((rc = spool_live_segment_ensure(spool)) != ERR_OK)
            return rc;
        struct errmsg msg = {""};
        rc = commit_to_live(spool, first, &msg);
        if (rc == ERR_OK)
            return ERR_OK;
        atomic_fetch_add(&committer->failures, 1);
        atomic_fetch_add(&committer->abandoned, 1);
        spool_say(spool, true, "segment_abandoned",
                  "segment=%" PRIu64 " accepted_events=%" PRIu32 " error=\"%s\"",
                  committer->live->id, committer->live->event_count, msg.text);
        spool_spares_note_trouble(spool, &msg);
        spool_live_segment_end(spool, false);
    }
    return ERR_IO;
}

static void count_accepted(struct spool *spool, const struct spool_batch *first)
{
    mutex_lock(&spool->lock);
    for (const struct spool_batch *batch = first; batch != NULL; batch = batch->next) {
        spool_topic_share_add(batch->topic, batch->event_count, batch->queued_bytes);
        atomic_fetch_add(&batch->topic->accepted, batch->event_count);
    }
    mutex_unlock(&spool->lock);
    atomic_fetch_add(&spool->committer.commits, 1);
    atomic_fetch_add(&spool->committer.committed_bytes, spool->committer.group.frame_bytes);
}

static void register_confirms(struct spool *spool, const struct spool_batch *first,
                              uint64_t group_first_id)
{
    for (const struct spool_batch *batch = first; batch != NULL; batch = batch->next)
        if (batch->confirm != NULL)
            spool_delivery_waits_register(spool->confirms, batch->confirm,
                                          group_first_id + batch->group_offset);
}

static void commit(struct spool *spool, struct spool_batch *first)
{
    struct spool_committer *committer = &spool->committer;
    enum err rc = commit_somewhere(spool, first);
    if (rc != ERR_OK) {
        spool_spares_commit_failed(spool);
        answer_all(spool, first, rc);
        return;
    }
    atomic_store(&committer->unavailable, false);
    committer->live_acknowledged = true;
    count_accepted(spool, first);
    uint64_t first_id = spool_id_of(committer->live->id,
                                    committer->live->event_count - committer->group.event_count);
    register_confirms(spool, first, first_id); /* before the bridge can see the events */
    publish(spool);
    spool_usage_committed(spool, committer->group.frame_bytes);
    spool_spares_want(spool, committer->live->log_bytes);
    answer_accepted(spool, first, first_id);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* A client with one request in flight sends the next one before this thread would be asleep and
 * awake again: such clients get a sixth more requests done (docs/benchmarks.md). Spin for up to
 * LOOK_OUT_NS, yielding to other threads, but only if the previous wait was that short. */
static void look_out(struct spool_committer *committer, int64_t since_ns)
{
    while (committer->quick && atomic_load(&committer->queued_bytes) == 0 &&
           clock_monotonic_ns() - since_ns < LOOK_OUT_NS)
        sched_yield();
}

/* Takes as many batches from the queue as go into one commit; NULL when stopping and the queue is
 * empty. */
static struct spool_batch *take_group(struct spool *spool)
{
    struct spool_committer *committer = &spool->committer;
    int64_t since_ns = clock_monotonic_ns();
    look_out(committer, since_ns);
    mutex_lock(&committer->lock);
    while (committer->first == NULL && !committer->stopping)
        mutex_wait(&committer->lock, &committer->wake);
    committer->quick = clock_monotonic_ns() - since_ns < LOOK_OUT_NS;
    struct spool_batch *first = committer->first, **end = &committer->first;
    size_t bytes = 0;
    uint64_t events = 0;
    for (struct spool_batch *batch; (batch = *end) != NULL; end = &batch->next) {
        if (bytes > 0 && (bytes + batch->frames.size > SPOOL_COMMIT_BYTES_MAX ||
                          events + batch->event_count > SPOOL_BATCH_EVENTS_MAX))
            break;
        bytes += batch->frames.size;
        events += batch->event_count;
    }
    committer->first = *end;
    *end = NULL;
    if (committer->first == NULL)
        committer->last = &committer->first;
    mutex_unlock(&committer->lock);
    return first;
}

/* Moves the frames of the batches into the group; batches for which there is no memory are answered
 * ERR_NOMEM. Returns the others. */
static struct spool_batch *stage(struct spool *spool, struct spool_batch *first)
{
    struct spool_group *group = &spool->committer.group;
    struct spool_batch **at = &first;
    while (*at != NULL) {
        struct spool_batch *batch = *at;
        batch->group_offset = group->event_count;
        if (spool_group_add(group, &batch->frames, batch->event_count) == ERR_OK) {
            at = &batch->next;
        } else {
            *at = batch->next;
            batch->next = NULL;
            answer_all(spool, batch, ERR_NOMEM);
        }
    }
    return first;
}

/* Writes the seal on its own, after the last events. If it shared a write with events and a power
 * cut tore that write, the seal would count events that were never acknowledged. */
static bool seal_live(struct spool *spool)
{
    struct spool_committer *committer = &spool->committer;
    if (committer->live == NULL || !committer->live_acknowledged)
        return false;
    uint32_t event_count = committer->live->event_count;
    struct errmsg msg = {""};
    enum err rc = spool_live_segment_put_seal_frame(spool, event_count, event_count);
    if (rc == ERR_OK)
        rc = spool_group_entries(&committer->group, BYTES_NULL, buf_bytes(&committer->seal_frame));
    if (rc == ERR_OK)
        rc = write_synced(spool, 0, &msg);
    if (rc != ERR_OK)
        spool_say(spool, true, "seal_failed", "segment=%" PRIu64 " error=\"%s\"",
                  committer->live->id, msg.text);
    return rc == ERR_OK;
}

static void *committer_main(void *arg)
{
    struct spool *spool = arg;
    for (struct spool_batch *first; (first = take_group(spool)) != NULL;) {
        first = stage(spool, first);
        if (first != NULL)
            commit(spool, first);
        spool_group_clear(&spool->committer.group);
        if (spool_live_segment_is_full(spool))
            spool_live_segment_end(spool, seal_live(spool));
    }
    spool_live_segment_end(spool, seal_live(spool));
    return NULL;
}

void spool_committer_refuse_all(struct spool *spool)
{
    mutex_init(&spool->committer.lock, SPOOL_LOCK_COMMITTER);
    spool->committer.stopping = true;
}

enum err spool_committer_start(struct spool *spool, struct spool_segment *live,
                               const struct spool_link *links, size_t link_count,
                               struct errmsg *msg)
{
    struct spool_committer *committer = &spool->committer;
    mutex_init(&committer->lock, SPOOL_LOCK_COMMITTER);
    pthread_cond_init(&committer->wake, NULL);
    committer->last = &committer->first;
    for (size_t i = 0; i < link_count; i++)
        spool_live_segment_add_link(committer, links[i].segment_id, links[i].event_count);
    enum err rc = live == NULL ? ERR_OK : spool_live_segment_begin(spool, live);
    atomic_store(&committer->unavailable, live == NULL);
    if (rc != ERR_OK)
        return errmsg_set(msg, rc, "%s", err_text(rc));
    int error = pthread_create(&committer->thread, NULL, committer_main, spool);
    if (error != 0)
        return errmsg_set(msg, ERR_NOMEM, "start the committer thread: %s", strerror(error));
    committer->started = true;
    return ERR_OK;
}

void spool_committer_stop(struct spool *spool)
{
    struct spool_committer *committer = &spool->committer;
    if (!committer->started)
        return;
    mutex_lock(&committer->lock);
    committer->stopping = true;
    pthread_cond_signal(&committer->wake);
    mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    committer->started = false;
    spool_group_done(&committer->group);
    buf_free(&committer->link_frame);
    buf_free(&committer->seal_frame);
}
