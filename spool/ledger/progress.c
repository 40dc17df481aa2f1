/* SPDX-License-Identifier: MIT
 * progress.c - the cursors: from the bridge's calls to the state of the cursors file. */
#include "spool/ledger/progress.h"

#include "base/clock.h"
#include "spool/home/internal.h"
#include "spool/ledger/parking.h"
#include "spool/ledger/put_aside.h"
#include "spool/ledger/topic_share.h"
#include "spool/ledger/unreported.h"

#include <stdlib.h>

static void free_lanes(struct spool_lane_cursor *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(lanes[i].topic);
    free(lanes);
}

static enum err copy_lanes(const struct spool_lane_cursor *lanes, size_t count,
                           struct spool_lane_cursor **ret_lanes)
{
    struct spool_lane_cursor *copy = calloc(count + 1, sizeof *copy);
    bool ok = copy != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        copy[i] = (struct spool_lane_cursor){strdup(lanes[i].topic), lanes[i].done_id};
        ok = copy[i].topic != NULL;
    }
    if (!ok) {
        if (copy != NULL)
            free_lanes(copy, count);
        return ERR_NOMEM;
    }
    *ret_lanes = copy;
    return ERR_OK;
}

/* Loads the lanes, too: until the first spool_advance() they keep segments that lanes still need
 * from being retired. */
enum err spool_progress_load(struct spool *spool)
{
    const struct spool_cursor_state *at_open = &spool->at_open;
    struct spool_progress *progress = &spool->progress;
    enum err rc = copy_lanes(at_open->lanes, at_open->lane_count, &progress->lanes);
    if (rc != ERR_OK)
        return rc;
    progress->lane_count = at_open->lane_count;
    /* Mode 0: no cursors were read. Assume exactly-once: a cursor in Kafka, if there is one, then
     * tells more. */
    progress->mode = at_open->mode == 0 ? SPOOL_EXACTLY_ONCE : at_open->mode;
    progress->done_id = at_open->done_id;
    progress->dirty = true; /* so that segments that are done already get retired */
    return ERR_OK;
}

/* Looks the topics up before any change, so that spool_advance() can't fail half way. */
static enum err find_topics(struct spool *spool, const struct spool_outcome *outcomes, size_t count,
                            struct spool_topic ***ret_topics)
{
    struct spool_topic **topics = calloc(count + 1, sizeof(struct spool_topic *));
    if (topics == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        enum err rc = spool_topics_get(&spool->topics, outcomes[i].topic, 0, &topics[i]);
        if (rc != ERR_OK) {
            free(topics);
            return rc;
        }
    }
    *ret_topics = topics;
    return ERR_OK;
}

static void add_outcome(struct spool_topic *topic, const struct spool_outcome *outcome)
{
    spool_topic_share_remove(topic, outcome->delivered + outcome->dead_lettered);
    atomic_fetch_add(&topic->delivered, outcome->delivered);
    atomic_fetch_add(&topic->dead_lettered, outcome->dead_lettered);
}

enum err spool_advance(struct spool *spool, enum spool_delivery mode, uint64_t done_id,
                       const struct spool_lane_cursor *lanes, size_t lane_count,
                       const struct spool_outcome *outcomes, size_t outcome_count)
{
    struct spool_lane_cursor *lanes_copy = NULL, *lanes_before;
    struct spool_topic **topics = NULL;
    enum err rc = copy_lanes(lanes, lane_count, &lanes_copy);
    if (rc != ERR_OK)
        return rc;
    if ((rc = find_topics(spool, outcomes, outcome_count, &topics)) != ERR_OK) {
        free_lanes(lanes_copy, lane_count);
        return rc;
    }
    struct spool_progress *progress = &spool->progress;
    mutex_lock(&spool->lock);
    lanes_before = progress->lanes;
    size_t count_before = progress->lane_count;
    progress->mode = mode;
    if (done_id > progress->done_id)
        progress->done_id = done_id;
    progress->lanes = lanes_copy;
    progress->lane_count = lane_count;
    progress->dirty = true;
    for (size_t i = 0; i < outcome_count; i++)
        add_outcome(topics[i], &outcomes[i]);
    mutex_unlock(&spool->lock);
    free_lanes(lanes_before, count_before);
    for (size_t i = 0; i < outcome_count; i++)
        if (atomic_load(&topics[i]->over_share))
            (void)spool_topic_share_look(spool, topics[i]);
    free(topics);
    return ERR_OK;
}

/* Losses count from the moment the cursor passes their segment, so that they are counted once
 * whatever crashes. */
static void apply_losses(struct spool *spool, struct spool_entry *entry)
{
    if (entry->lost_applied || !entry->read_through)
        return;
    entry->lost_applied = true;
    uint64_t known = 0;
    for (size_t i = 0; i < entry->topic_loss_count; i++) {
        struct spool_topic *topic = entry->topic_losses[i].topic;
        uint64_t lost = entry->topic_losses[i].lost;
        spool_topic_share_remove(topic, lost);
        atomic_fetch_add(&topic->lost, lost);
        known += lost;
    }
    uint64_t unknown = entry->lost > known ? entry->lost - known : 0;
    atomic_fetch_sub(&spool->unknown_pending, (int64_t)unknown);
    atomic_fetch_add(&spool->unknown_lost, unknown);
    if (entry->report != NULL)
        spool->damaged_segments++;
}

/* Raises done_id to the end of each segment that holds no further events. */
static uint64_t raise_done_id(struct spool *spool)
{
    struct spool_progress *progress = &spool->progress;
    uint64_t done_id = progress->done_id;
    for (size_t i = 0; i < spool->catalog.count; i++) {
        struct spool_entry *entry = &spool->catalog.entries[i];
        if (entry->unread)
            continue; /* the cursors name such a segment separately */
        if (!spool_entry_is_done(entry, done_id, progress->lanes, progress->lane_count))
            break;
        apply_losses(spool, entry);
        if (done_id < spool_position_end_of(entry->id))
            done_id = spool_position_end_of(entry->id);
    }
    progress->done_id = done_id;
    return done_id;
}

/* Copies items; not NULL for zero bytes either, so NULL means that memory is short. */
static void *copy_of(const void *items, size_t size_bytes)
{
    void *copy = malloc(size_bytes + 1);
    if (copy != NULL && size_bytes > 0)
        memcpy(copy, items, size_bytes);
    return copy;
}

/* Copies the state as it was when the spool was opened. */
static enum err copy_at_open(struct spool *spool, struct spool_cursor_state *state)
{
    const struct spool_cursor_state *at_open = &spool->at_open;
    state->done_id = at_open->done_id;
    state->lost_unknown_topic = at_open->lost_unknown_topic;
    state->missed = copy_of(at_open->missed, at_open->missed_count * sizeof *state->missed);
    state->unread = copy_of(at_open->unread, at_open->unread_count * sizeof *state->unread);
    state->parked = copy_of(at_open->parked, at_open->parked_count * sizeof *state->parked);
    if (state->unread == NULL || state->missed == NULL || state->parked == NULL)
        return ERR_NOMEM;
    state->parked_count = at_open->parked_count;
    state->missed_count = at_open->missed_count;
    state->unread_count = at_open->unread_count;
    enum err rc = copy_lanes(at_open->lanes, at_open->lane_count, &state->lanes);
    if (rc != ERR_OK)
        return rc;
    state->lane_count = at_open->lane_count;
    state->topics = calloc(at_open->topic_count + 1, sizeof *state->topics);
    for (size_t i = 0; state->topics != NULL && i < at_open->topic_count; i++) {
        state->topics[i] = at_open->topics[i];
        if ((state->topics[i].topic = strdup(at_open->topics[i].topic)) == NULL)
            return ERR_NOMEM;
        state->topic_count++;
    }
    return state->topics == NULL ? ERR_NOMEM : ERR_OK;
}

static enum err copy_topics(struct spool *spool, struct spool_cursor_state *state)
{
    size_t count = spool_topics_count(&spool->topics);
    state->topics = calloc(count + 1, sizeof *state->topics);
    if (state->topics == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        struct spool_topic *topic = spool_topics_at(&spool->topics, i);
        struct spool_topic_totals totals = {NULL, atomic_load(&topic->delivered),
                                            atomic_load(&topic->dead_lettered),
                                            atomic_load(&topic->lost)};
        if (totals.delivered + totals.dead_lettered + totals.lost == 0)
            continue;
        if ((totals.topic = strdup(topic->name)) == NULL)
            return ERR_NOMEM;
        state->topics[state->topic_count++] = totals;
    }
    return ERR_OK;
}

static enum err copy_now(struct spool *spool, struct spool_cursor_state *state)
{
    state->done_id = raise_done_id(spool);
    state->lost_unknown_topic = atomic_load(&spool->unknown_lost);
    enum err rc = spool_unreported_list(spool, state);
    if (rc == ERR_OK)
        rc = spool_put_aside_list(spool, state);
    if (rc == ERR_OK)
        rc = copy_lanes(spool->progress.lanes, spool->progress.lane_count, &state->lanes);
    if (rc == ERR_OK) {
        state->lane_count = spool->progress.lane_count;
        rc = spool_parking_list(spool, state);
    }
    if (rc == ERR_OK) {
        rc = copy_topics(spool, state);
    }
    spool->progress.dirty = false;
    return rc;
}

enum err spool_cursor_snapshot(struct spool *spool, struct spool_cursor_state *ret_state)
{
    struct spool_cursor_state state = {0};
    mutex_lock(&spool->lock);
    state.mode = spool->progress.mode;
    state.segment_id_max = spool->segment_id_max;
    memcpy(state.newest_segments, spool->newest_segments, sizeof state.newest_segments);
    enum err rc = spool->vanished_found ? copy_now(spool, &state) : copy_at_open(spool, &state);
    mutex_unlock(&spool->lock);
    if (rc != ERR_OK) {
        spool_cursor_state_free(&state);
        return rc;
    }
    *ret_state = state;
    return ERR_OK;
}
