/* SPDX-License-Identifier: MIT
 * batch.c - building a batch on an ingest thread, and handing it to the committer. */
#include "spool/commit/batch.h"

#include "base/clock.h"
#include "spool/home/internal.h"
#include "spool/ledger/topic_share.h"
#include "spool/spool_event.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum err spool_batch_new(struct spool *spool, struct bytes topic, struct spool_batch **ret_batch)
{
    struct spool_topic *found;
    if (!spool_topic_name_valid(topic))
        return ERR_INVALID;
    enum err rc = spool_topics_get(&spool->topics, topic, spool->limits->topics_max, &found);
    if (rc != ERR_OK)
        return rc;
    struct spool_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return ERR_NOMEM;
    batch->spool = spool;
    batch->topic = found;
    *ret_batch = batch;
    return ERR_OK;
}

enum err spool_batch_add(struct spool_batch *batch, const struct spool_event *event)
{
    struct spool_event own = *event;
    own.topic = bytes_of(batch->topic->name, batch->topic->name_size);
    if (event->key.size + event->value.size + event->headers.size >
        batch->spool->limits->event_bytes_max)
        return ERR_TOO_LARGE;
    if (batch->event_count == SPOOL_BATCH_EVENTS_MAX)
        return ERR_FULL;
    size_t size = spool_frame_size(&own);
    if (size == 0)
        return ERR_INVALID;
    if (!buf_reserve(&batch->frames, size))
        return ERR_NOMEM;
    spool_frame_put(batch->frames.data + batch->frames.size, &own);
    batch->frames.size += size;
    batch->event_count++;
    return ERR_OK;
}

enum err spool_batch_add_moved(struct spool_batch *batch, int64_t time_ms, struct bytes frame)
{
    size_t size = SPOOL_FRAME_SIZE_MIN + frame.size;
    if (batch->event_count == SPOOL_BATCH_EVENTS_MAX)
        return ERR_FULL;
    if (size > SPOOL_FRAME_SIZE_MAX)
        return ERR_TOO_LARGE;
    if (!buf_reserve(&batch->frames, size))
        return ERR_NOMEM;
    spool_frame_put_other(batch->frames.data + batch->frames.size, SPOOL_FRAME_MOVED, time_ms,
                          frame);
    batch->frames.size += size;
    batch->event_count++;
    batch->moved = true;
    return ERR_OK;
}

uint32_t spool_batch_event_count(const struct spool_batch *batch)
{
    return batch->event_count;
}

size_t spool_batch_bytes(const struct spool_batch *batch)
{
    return batch->frames.size;
}

void spool_batch_free(struct spool_batch *batch)
{
    if (batch == NULL)
        return;
    buf_free(&batch->frames);
    free(batch);
}

static enum err no_segment(struct spool *spool, struct errmsg *msg)
{
    struct errmsg why = {""};
    if (msg != NULL)
        spool_spares_trouble(spool, &why);
    return errmsg_set(msg, ERR_UNAVAILABLE,
                      "no segment can be written now, it is being tried again%s%s",
                      why.text[0] == '\0' ? "" : ": ", why.text);
}

/* Checks all reasons to refuse that need no look at the queue. Space comes before `unavailable`:
 * when writes fail because the disk is full, the answer names the full disk. */
static enum err refuse(struct spool *spool, size_t batch_bytes, struct errmsg *msg)
{
    struct spool_committer *committer = &spool->committer;
    uint64_t queued = atomic_load(&committer->queued_bytes);
    if (queued > 0 && queued + batch_bytes > spool->limits->queued_bytes_max)
        return errmsg_set(msg, ERR_BUSY, "%" PRIu64 " bytes wait for the disk already", queued);
    enum err rc = spool_usage_check(spool, queued, batch_bytes, msg);
    return rc == ERR_OK && atomic_load(&committer->unavailable) ? no_segment(spool, msg) : rc;
}

enum err spool_submit(struct spool *spool, struct spool_batch *batch, spool_done_fn *done,
                      void *done_arg)
{
    assert(batch->event_count > 0);
    struct spool_committer *committer = &spool->committer;
    enum err rc = refuse(spool, batch->frames.size, NULL);
    if (rc != ERR_OK)
        return rc;
    if (!batch->moved && spool_topic_share_look(spool, batch->topic))
        return ERR_TOPIC_FULL;
    batch->done = done;
    batch->done_arg = done_arg;
    batch->queued_bytes = batch->frames.size;
    batch->next = NULL;
    mutex_lock(&committer->lock);
    if (committer->stopping) {
        mutex_unlock(&committer->lock);
        return ERR_CLOSED;
    }
    atomic_fetch_add(&committer->queued_bytes, batch->queued_bytes);
    bool was_empty = committer->first == NULL;
    *committer->last = batch;
    committer->last = &batch->next;
    mutex_unlock(&committer->lock);
    if (was_empty)
        pthread_cond_signal(&committer->wake); /* after unlocking: the thread would only wake up to
                                                * wait for the lock */
    return ERR_OK;
}

enum err spool_accepts(struct spool *spool, struct errmsg *msg)
{
    struct spool_committer *committer = &spool->committer;
    mutex_lock(&committer->lock);
    bool stopping = committer->stopping;
    mutex_unlock(&committer->lock);
    if (stopping)
        return errmsg_set(msg, ERR_CLOSED, "shutting down");
    int64_t since_ms = atomic_load(&committer->running_since_ms);
    int64_t running_ms = since_ms == 0 ? 0 : clock_monotonic_ms() - since_ms;
    if (running_ms > spool->limits->commit_timeout_ms)
        return errmsg_set(msg, ERR_TIMEOUT, "the disk has not answered for %" PRId64 " ms",
                          running_ms);
    return refuse(spool, 1, msg);
}
