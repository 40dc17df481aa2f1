/* SPDX-License-Identifier: MIT
 * live_segment.c - the segment that is being written: its beginning with a link, its end with a
 * seal. */
#include "spool/commit/live_segment.h"

#include "base/clock.h"
#include "spool/home/internal.h"

#include <stdlib.h>
#include <string.h>

/* LevelDB starts a new log and a table when 1 GiB of write buffer is full: a segment ends before
 * that. */
#define SEGMENT_BYTES_HARD_MAX ((1ull << 30) - (96ull << 20))

void spool_live_segment_add_link(struct spool_committer *committer, uint64_t segment_id,
                                 uint32_t event_count)
{
    if (committer->link_count == SPOOL_LINKS_MAX) {
        memmove(committer->links, committer->links + 1,
                (SPOOL_LINKS_MAX - 1) * sizeof committer->links[0]);
        committer->link_count--;
    }
    committer->links[committer->link_count++] = (struct spool_link){segment_id, event_count};
}

void spool_live_segment_end(struct spool *spool, bool sealed)
{
    struct spool_committer *committer = &spool->committer;
    struct spool_segment *live = committer->live;
    if (live == NULL)
        return;
    if (committer->live_acknowledged)
        committer->link_count = 0;
    spool_live_segment_add_link(committer, live->id, live->event_count);
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, live->id);
    if (entry != NULL) {
        entry->state = SPOOL_ENTRY_CLOSED;
        entry->sealed = sealed;
    }
    spool->progress.dirty = true;
    mutex_unlock(&spool->lock);
    committer->live = NULL;
    spool_spares_close_later(spool, live);
}

enum err spool_live_segment_begin(struct spool *spool, struct spool_segment *segment)
{
    struct spool_entry entry = {
        .id = segment->id,
        .state = SPOOL_ENTRY_LIVE,
        .log_bytes = segment->log_bytes,
        .disk_bytes = segment->log_bytes,
        .counted = SPOOL_COUNTED,
    };
    mutex_lock(&spool->lock);
    enum err rc = spool_catalog_add(&spool->catalog, &entry);
    mutex_unlock(&spool->lock);
    if (rc != ERR_OK) {
        spool_spares_close_later(spool, segment); /* an empty segment does no harm */
        return rc;
    }
    spool->committer.live = segment;
    spool->committer.live_acknowledged = false;
    return ERR_OK;
}

enum err spool_live_segment_ensure(struct spool *spool)
{
    if (spool->committer.live != NULL)
        return ERR_OK;
    /* making a segment can hang, too */
    atomic_store(&spool->committer.running_since_ms, clock_monotonic_ms());
    struct spool_segment *segment = spool_spares_take(spool);
    atomic_store(&spool->committer.running_since_ms, 0);
    return segment == NULL ? ERR_UNAVAILABLE : spool_live_segment_begin(spool, segment);
}

/* ---- its frames ------------------------------------------------------------------------------ */

enum err spool_live_segment_put_link_frame(struct spool *spool)
{
    struct spool_committer *committer = &spool->committer;
    buf_clear(&committer->link_frame);
    if (committer->live_acknowledged)
        return ERR_OK;
    struct buf body = {0};
    if (!spool_links_put(&body, committer->links, committer->link_count) ||
        !buf_reserve(&committer->link_frame, SPOOL_FRAME_SIZE_MIN + body.size)) {
        buf_free(&body);
        return ERR_NOMEM;
    }
    uint8_t *frame = committer->link_frame.data;
    committer->link_frame.size =
        (size_t)(spool_frame_put_other(frame, SPOOL_FRAME_LINK, clock_wall_ms(), buf_bytes(&body)) -
                 frame);
    spool_frame_stamp(frame, spool_id_of(committer->live->id, 0), 0, spool->identity.seed);
    buf_free(&body);
    return ERR_OK;
}

static bool put_seal_topics(struct spool *spool, struct buf *body, uint32_t event_count)
{
    struct spool_segment *live = spool->committer.live;
    struct spool_seal_topic *topics = calloc(live->topic_capacity + 1, sizeof *topics);
    size_t count = 0;
    for (size_t i = 0; topics != NULL && i < live->topic_capacity; i++) {
        if (live->topic_counts[i] == 0)
            continue;
        const struct spool_topic *topic = spool_topics_at(&spool->topics, i);
        topics[count++] = (struct spool_seal_topic){bytes_of(topic->name, topic->name_size),
                                                    live->topic_counts[i], live->topic_bytes[i]};
    }
    bool ok = topics != NULL && spool_seal_put(body, event_count, topics, count);
    free(topics);
    return ok;
}

enum err spool_live_segment_put_seal_frame(struct spool *spool, uint32_t batch_first,
                                           uint32_t event_count)
{
    struct spool_committer *committer = &spool->committer;
    struct buf body = {0};
    buf_clear(&committer->seal_frame);
    if (!put_seal_topics(spool, &body, event_count) ||
        !buf_reserve(&committer->seal_frame, SPOOL_FRAME_SIZE_MIN + body.size)) {
        buf_free(&body);
        return ERR_NOMEM;
    }
    uint8_t *frame = committer->seal_frame.data;
    committer->seal_frame.size =
        (size_t)(spool_frame_put_other(frame, SPOOL_FRAME_SEAL, clock_wall_ms(), buf_bytes(&body)) -
                 frame);
    spool_frame_stamp(frame, spool_id_of(committer->live->id, event_count), batch_first,
                      spool->identity.seed);
    buf_free(&body);
    return ERR_OK;
}

bool spool_live_segment_is_full(const struct spool *spool)
{
    const struct spool_segment *live = spool->committer.live;
    uint64_t bytes_max = spool->options.segment_bytes < SEGMENT_BYTES_HARD_MAX
                             ? spool->options.segment_bytes
                             : SEGMENT_BYTES_HARD_MAX;
    return live != NULL &&
           (live->log_bytes >= bytes_max || live->event_count >= SPOOL_INDEX_MAX - 1);
}
