/* SPDX-License-Identifier: MIT
 * count.c - counts the events that earlier runs left, for the books. */
#include "spool/recover/count.h"

#include "base/priority.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/ledger/topic_share.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"
#include "spool/recover/links.h"
#include "spool/recover/losses.h"
#include "spool/recover/unreadable.h"
#include "spool/recover/vanished.h"
#include "spool/recover/whereabouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- pending --------------------------------------------------------------------------------- */

static uint64_t done_id_of(const struct spool *spool, struct bytes topic)
{
    const struct spool_cursor_state *state = &spool->at_open;
    for (size_t i = 0; i < state->lane_count; i++)
        if (bytes_equal(bytes_of_string(state->lanes[i].topic), topic))
            return state->lanes[i].done_id;
    return state->done_id;
}

static void add_pending(struct spool *spool, struct bytes name, uint64_t count, uint64_t bytes)
{
    struct spool_topic *topic;
    if (count == 0)
        return;
    if (spool_topics_get(&spool->topics, name, 0, &topic) == ERR_OK) {
        mutex_lock(&spool->lock);
        spool_topic_share_add(topic, count, bytes);
        atomic_fetch_add(&topic->accepted, count);
        mutex_unlock(&spool->lock);
    }
}

static void add_unknown_pending(struct spool *spool, uint64_t count)
{
    atomic_fetch_add(&spool->unknown_pending, (int64_t)count);
    atomic_fetch_add(&spool->unknown_accepted, count);
}

/* True when every event of the segment is pending, so that its seal tells all. */
static bool is_all_pending(const struct spool *spool, uint64_t segment_id)
{
    return segment_id > spool_id_segment(spool->at_open.done_id);
}

/* Is the segment done to its end, with its losses? Then it only waits to be moved away. */
static bool is_passed(const struct spool *spool, uint64_t segment_id)
{
    const struct spool_cursor_state *state = &spool->at_open;
    bool passed = state->done_id >= spool_position_end_of(segment_id);
    for (size_t i = 0; passed && i < state->lane_count; i++)
        passed = state->lanes[i].done_id >= spool_position_end_of(segment_id);
    return passed;
}

static bool count_by_seal(struct spool *spool, const struct spool_reader_options *options)
{
    struct spool_segment_ends ends = {0};
    uint32_t limit = SPOOL_COUNT_UNKNOWN;
    if (options->parked || !is_all_pending(spool, options->segment_id) ||
        spool_links_count_limit(spool, options->segment_id, &limit, NULL) != ERR_OK ||
        spool_segment_ends_read(options, &ends, NULL) != ERR_OK)
        return false;
    struct spool_frame frame;
    struct spool_seal seal;
    struct spool_seal_topic topic;
    bool sealed = ends.sealed &&
                  spool_frame_get_trusted(ends.seal_frame.data, ends.seal_frame.size, &frame) &&
                  spool_seal_get(&frame, &seal) &&
                  seal.event_count <= limit; /* a seal above the limit stood in a refused batch */
    while (sealed && spool_seal_next(&seal, &topic))
        add_pending(spool, topic.topic, topic.event_count, topic.bytes);
    spool_segment_ends_free(&ends);
    return sealed;
}

/* Counts the pending events by topic. Runs of one topic are the rule: look a topic up only when it
 * changes. The books change only after the whole segment was read. */
struct tally {
    struct spool *spool;
    struct spool_topic *topic;
    uint64_t done_id;
    struct topic_tally {
        uint64_t count, bytes;
    } * topics; /* by the topic's index */
    size_t capacity;
    uint64_t bytes; /* of all frames, done or not */
};

static bool tally_has_room(struct tally *tally, uint32_t index)
{
    if (index < tally->capacity)
        return true;
    size_t capacity = (size_t)index + 64;
    struct topic_tally *topics = realloc(tally->topics, capacity * sizeof *topics);
    if (topics == NULL)
        return false;
    memset(topics + tally->capacity, 0, (capacity - tally->capacity) * sizeof *topics);
    tally->topics = topics;
    tally->capacity = capacity;
    return true;
}

static enum err tally_event(struct tally *tally, const struct spool_event *event,
                            size_t frame_bytes)
{
    if (tally->topic == NULL || tally->topic->name_size != event->topic.size ||
        memcmp(tally->topic->name, event->topic.data, event->topic.size) != 0) {
        enum err rc = spool_topics_get(&tally->spool->topics, event->topic, 0, &tally->topic);
        if (rc != ERR_OK || !tally_has_room(tally, tally->topic->index))
            return ERR_NOMEM; /* a frame holds no other name than a valid one */
        tally->done_id = done_id_of(tally->spool, event->topic);
    }
    tally->bytes += frame_bytes;
    if (event->id > tally->done_id) {
        tally->topics[tally->topic->index].count++;
        tally->topics[tally->topic->index].bytes += frame_bytes;
    }
    return ERR_OK;
}

static void tally_apply(const struct tally *tally)
{
    for (size_t i = 0; i < tally->capacity; i++)
        if (tally->topics[i].count > 0) {
            const struct spool_topic *topic = spool_topics_at(&tally->spool->topics, i);
            add_pending(tally->spool, bytes_of(topic->name, topic->name_size),
                        tally->topics[i].count, tally->topics[i].bytes);
        }
}

static enum err tally_chunk(struct tally *tally, const struct spool_chunk *chunk)
{
    struct spool_event event;
    enum err rc = ERR_OK;
    for (size_t at = 0, before = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event);
         before = at)
        rc = tally_event(tally, &event, at - before);
    return rc;
}

/* Notes the size of a parked segment, and the number of its events if the cursors did not tell
 * it. */
static void note_parked(struct spool *spool, uint64_t segment_id, uint64_t bytes,
                        const struct spool_findings *findings)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL && entry->parked) {
        entry->parked_bytes = bytes;
        if (entry->parked_count == SPOOL_PARKED_UNKNOWN && !findings->parked_unknown)
            entry->parked_count = (uint32_t)(findings->event_count + findings->lost.total);
        spool->progress.dirty = true;
    }
    mutex_unlock(&spool->lock);
}

static enum err count_by_reading(struct spool *spool, struct spool_reader_options *options,
                                 struct errmsg *msg)
{
    struct spool_reader *reader = NULL;
    enum err rc = spool_links_count_limit(spool, options->segment_id, &options->count_limit, msg);
    if (rc == ERR_OK)
        rc = spool_reader_open(options, &reader, msg);
    if (rc != ERR_OK)
        return rc;
    struct tally tally = {.spool = spool};
    struct spool_chunk *chunk;
    while ((rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        rc = tally_chunk(&tally, chunk);
        spool_chunk_unref(chunk);
        if (rc != ERR_OK)
            break;
    }
    struct spool_ranges lost = {0}, uncertain = {0};
    if (rc == ERR_END)
        rc = spool_losses_not_delivered(
            spool, options->segment_id, spool_reader_findings(reader),
            spool_cursor_state_done_below(&spool->at_open, options->segment_id), &lost, &uncertain);
    if (rc == ERR_OK) {
        tally_apply(&tally);
        add_unknown_pending(spool,
                            lost.total + spool_losses_unnamed(spool, options->segment_id,
                                                              spool_reader_findings(reader)));
        note_parked(spool, options->segment_id, tally.bytes, spool_reader_findings(reader));
    }
    spool_ranges_free(&lost);
    spool_ranges_free(&uncertain);
    free(tally.topics);
    spool_reader_close(reader);
    return rc;
}

/* Waits while another thread counts the segment; true when this thread is to count it. */
static bool claim(struct spool *spool, uint64_t segment_id)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    while (entry != NULL && entry->counted == SPOOL_COUNTING) {
        mutex_wait(&spool->lock, &spool->counted);
        entry = spool_catalog_find(&spool->catalog, segment_id);
    }
    bool mine = entry != NULL && entry->counted == SPOOL_UNCOUNTED;
    if (mine)
        entry->counted = SPOOL_COUNTING;
    mutex_unlock(&spool->lock);
    return mine;
}

enum err spool_count_entry(struct spool *spool, uint64_t segment_id, struct errmsg *msg)
{
    if (!claim(spool, segment_id))
        return ERR_OK;
    char name[SPOOL_WHEREABOUTS_NAME_SIZE];
    struct spool_reader_options options = spool_whereabouts_reader_options(spool, segment_id, name);
    bool by_seal = !is_passed(spool, segment_id) && count_by_seal(spool, &options);
    enum err rc =
        by_seal || is_passed(spool, segment_id) ? ERR_OK : count_by_reading(spool, &options, msg);
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL) {
        entry->counted = rc == ERR_OK ? SPOOL_COUNTED : SPOOL_UNCOUNTED;
        entry->counted_by_seal = by_seal;
    }
    pthread_cond_broadcast(&spool->counted);
    mutex_unlock(&spool->lock);
    return rc;
}

void spool_count_missing(struct spool *spool, uint64_t segment_id, struct spool_ranges *missing)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL && !entry->read_through) {
        struct spool_ranges before = entry->missing;
        entry->missing = *missing;
        *missing = before;
    }
    mutex_unlock(&spool->lock);
    spool_ranges_free(missing);
}
