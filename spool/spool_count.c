/* SPDX-License-Identifier: MIT
 * spool_count.c - puts what earlier runs left into the books: pending events, and losses once a reader found them. */
#include "base/priority.h"
#include "spool/spool_internal.h"
#include "spool/spool_loss_report.h"
#include "spool/spool_parker.h"
#include "spool/spool_reader.h"
#include "spool/spool_share.h"
#include "spool/spool_unread.h"
#include "spool/spool_vanished.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NAME_SIZE = 32, UNREAD_TICK_MS = 50, BACKGROUND_NICE = 10 };

static struct spool_reader_options reader_options(struct spool *spool, uint64_t segment_id, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%" PRIu64, segment_id);
    struct spool_reader_options options = {
        .name = name,
        .segment_id = segment_id,
        .seed = spool->identity.seed,
        .count_limit = SPOOL_COUNT_UNKNOWN,
    };
    options.parent_fd = spool_parked_folder(spool, segment_id, &options.parked);
    return options;
}

/* ---- links -------------------------------------------------------------------------------------------------- */

/* The old segment after segment_id; 0 when there is none. */
static uint64_t next_old_segment(struct spool *spool, uint64_t segment_id)
{
    pthread_mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_above(&spool->catalog, segment_id);
    while (entry != NULL && entry->emptied) /* what it links to isn't read any more */
        entry = spool_catalog_above(&spool->catalog, entry->id);
    uint64_t id = entry != NULL && entry->state == SPOOL_ENTRY_OLD ? entry->id : 0;
    pthread_mutex_unlock(&spool->lock);
    return id;
}

/* Its ends, wherever it lies: it may be parked meanwhile. */
static enum err read_ends(struct spool *spool, uint64_t segment_id, struct spool_ends *ret_ends, struct errmsg *msg)
{
    char name[NAME_SIZE];
    struct spool_reader_options options = reader_options(spool, segment_id, name);
    enum err rc = spool_reader_ends(&options, ret_ends, msg);
    bool parked;
    (void)spool_parked_folder(spool, segment_id, &parked);
    if (rc != ERR_OK || parked == options.parked)
        return rc;
    spool_ends_free(ret_ends);
    options = reader_options(spool, segment_id, name);
    return spool_reader_ends(&options, ret_ends, msg);
}

enum err spool_count_limit(struct spool *spool, uint64_t segment_id, uint32_t *ret_limit, struct errmsg *msg)
{
    uint64_t next = segment_id;
    bool parked;
    *ret_limit = SPOOL_COUNT_UNKNOWN;
    (void)spool_parked_folder(spool, segment_id, &parked);
    if (parked) /* only what lies below its limit was put there */
        return ERR_OK;
    while ((next = next_old_segment(spool, next)) != 0) {
        struct spool_ends ends = {0};
        enum err rc = read_ends(spool, next, &ends, msg);
        if (rc != ERR_OK)
            return rc; /* without its word, what was moved on would come a second time */
        size_t link_count = ends.link_count;
        for (size_t i = 0; i < link_count; i++)
            if (ends.links[i].segment_id == segment_id)
                *ret_limit = ends.links[i].event_count;
        spool_ends_free(&ends);
        if (link_count > 0)
            break;
    }
    return ERR_OK;
}

/* ---- pending ------------------------------------------------------------------------------------------------ */

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
        pthread_mutex_lock(&spool->lock);
        spool_share_add(topic, count, bytes);
        atomic_fetch_add(&topic->accepted, count);
        pthread_mutex_unlock(&spool->lock);
    }
}

static void add_unknown_pending(struct spool *spool, uint64_t count)
{
    atomic_fetch_add(&spool->unknown_pending, (int64_t)count);
    atomic_fetch_add(&spool->unknown_accepted, count);
}

uint32_t spool_count_done_below(const struct spool *spool, uint64_t segment_id)
{
    uint64_t done_id = spool->at_open.done_id;
    for (size_t i = 0; i < spool->at_open.unread_count; i++)
        if (spool->at_open.unread[i].segment_id == segment_id)
            return spool->at_open.unread[i].from_index;
    for (size_t i = 0; i < spool->at_open.lane_count; i++)
        if (spool->at_open.lanes[i].done_id < done_id)
            done_id = spool->at_open.lanes[i].done_id;
    if (done_id >= spool_position_end_of(segment_id))
        return SPOOL_INDEX_MAX;
    return spool_id_segment(done_id) < segment_id ? 0 : spool_id_index(done_id) + 1;
}

/* True when every event of the segment is pending, so that its seal tells all. */
static bool is_all_pending(const struct spool *spool, uint64_t segment_id)
{
    return segment_id > spool_id_segment(spool->at_open.done_id);
}

/* Done to its end, and so are its losses: it only waits to be moved away. */
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
    struct spool_ends ends = {0};
    uint32_t limit = SPOOL_COUNT_UNKNOWN;
    if (options->parked || !is_all_pending(spool, options->segment_id) ||
        spool_count_limit(spool, options->segment_id, &limit, NULL) != ERR_OK ||
        spool_reader_ends(options, &ends, NULL) != ERR_OK)
        return false;
    struct spool_frame frame;
    struct spool_seal seal;
    struct spool_seal_topic topic;
    bool sealed = ends.sealed && spool_frame_get_trusted(ends.seal_frame.data, ends.seal_frame.size, &frame) &&
                  spool_seal_get(&frame, &seal) &&
                  seal.event_count <= limit; /* else it stood in a batch that was refused */
    while (sealed && spool_seal_next(&seal, &topic))
        add_pending(spool, topic.topic, topic.event_count, topic.bytes);
    spool_ends_free(&ends);
    return sealed;
}

/* Runs of events of one topic are the rule: look a topic up only when it changes. Nothing gets into the books before the whole
 * segment was read. */
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

static enum err tally_event(struct tally *tally, const struct spool_event *event, size_t frame_bytes)
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
            add_pending(tally->spool, bytes_of(topic->name, topic->name_size), tally->topics[i].count,
                        tally->topics[i].bytes);
        }
}

static enum err tally_chunk(struct tally *tally, const struct spool_chunk *chunk)
{
    struct spool_event event;
    enum err rc = ERR_OK;
    for (size_t at = 0, before = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event); before = at)
        rc = tally_event(tally, &event, at - before);
    return rc;
}

/* What the cursors at open had passed as missing, below an index. */
static enum err passed_as_missing(const struct spool *spool, uint64_t segment_id, uint32_t below,
                                  struct spool_ranges *ret_passed)
{
    const struct spool_cursor_state *at_open = &spool->at_open;
    enum err rc = ERR_OK;
    *ret_passed = (struct spool_ranges){0};
    for (size_t i = 0; rc == ERR_OK && i < at_open->missed_count; i++) {
        const struct spool_missed_range *missed = &at_open->missed[i];
        uint32_t last = missed->last < below ? missed->last : below - 1;
        if (missed->segment_id == segment_id && below > 0 && missed->first <= last)
            rc = spool_ranges_append(ret_passed, missed->first, last);
    }
    if (rc != ERR_OK)
        spool_ranges_free(ret_passed);
    return rc;
}

/* Appends to `below` what lies at an index and above. ERR_NOMEM: `below` is freed */
static enum err append_from(struct spool_ranges *below, const struct spool_ranges *ranges, uint32_t from)
{
    struct spool_ranges above = {0};
    enum err rc = spool_ranges_from(ranges, from, &above);
    for (size_t i = 0; rc == ERR_OK && i < above.count; i++)
        rc = spool_ranges_append(below, above.items[i].first, above.items[i].last);
    spool_ranges_free(&above);
    if (rc != ERR_OK)
        spool_ranges_free(below);
    return rc;
}

/* Of the events that are gone, those that were not delivered: above the cursor, or passed by it as missing. The latter even when they
 * can be read now: the cursor doesn't go back, so they are told of. When a gap was passed, it was not known yet whether the end
 * of the segment would make it an uncertain one. */
static enum err not_delivered(const struct spool *spool, uint64_t segment_id, const struct spool_findings *findings,
                              uint32_t done_below, struct spool_ranges *ret_lost, struct spool_ranges *ret_uncertain)
{
    struct spool_ranges passed, lost = {0}, uncertain = {0};
    enum err rc = passed_as_missing(spool, segment_id, done_below, &passed);
    if (rc == ERR_OK)
        rc = spool_ranges_minus(&passed, &findings->uncertain, &lost);
    if (rc == ERR_OK)
        rc = spool_ranges_and(&passed, &findings->uncertain, &uncertain);
    if (rc == ERR_OK)
        rc = append_from(&lost, &findings->lost, done_below);
    if (rc == ERR_OK)
        rc = append_from(&uncertain, &findings->uncertain, done_below);
    spool_ranges_free(&passed);
    if (rc != ERR_OK) {
        spool_ranges_free(&lost);
        spool_ranges_free(&uncertain);
        return rc;
    }
    *ret_lost = lost;
    *ret_uncertain = uncertain;
    return ERR_OK;
}

/* Lost events of a parked segment of which nothing tells any more which they were: the cursors tell how many lay there. */
static uint64_t lost_unnamed(struct spool *spool, uint64_t segment_id, const struct spool_findings *findings)
{
    if (!findings->parked_unknown)
        return 0;
    pthread_mutex_lock(&spool->lock);
    const struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    uint64_t count = entry == NULL || entry->parked_count == SPOOL_PARKED_UNKNOWN ? 0 : entry->parked_count;
    pthread_mutex_unlock(&spool->lock);
    return count > findings->event_count ? count - findings->event_count : 0;
}

/* Without cursors nobody knew how many lie there. */
static void note_parked(struct spool *spool, uint64_t segment_id, uint64_t bytes, const struct spool_findings *findings)
{
    pthread_mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL && entry->parked) {
        entry->parked_bytes = bytes;
        if (entry->parked_count == SPOOL_PARKED_UNKNOWN && !findings->parked_unknown)
            entry->parked_count = (uint32_t)(findings->event_count + findings->lost.total);
        spool->progress.dirty = true;
    }
    pthread_mutex_unlock(&spool->lock);
}

static enum err count_by_reading(struct spool *spool, struct spool_reader_options *options, struct errmsg *msg)
{
    struct spool_reader *reader = NULL;
    enum err rc = spool_count_limit(spool, options->segment_id, &options->count_limit, msg);
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
        rc = not_delivered(spool, options->segment_id, spool_reader_findings(reader),
                           spool_count_done_below(spool, options->segment_id), &lost, &uncertain);
    if (rc == ERR_OK) {
        tally_apply(&tally);
        add_unknown_pending(spool,
                            lost.total + lost_unnamed(spool, options->segment_id, spool_reader_findings(reader)));
        note_parked(spool, options->segment_id, tally.bytes, spool_reader_findings(reader));
    }
    spool_ranges_free(&lost);
    spool_ranges_free(&uncertain);
    free(tally.topics);
    spool_reader_close(reader);
    return rc;
}

/* Waits while another thread counts it; true when it is this thread's to count. */
static bool claim(struct spool *spool, uint64_t segment_id)
{
    pthread_mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    while (entry != NULL && entry->counted == SPOOL_COUNTING) {
        pthread_cond_wait(&spool->counted, &spool->lock);
        entry = spool_catalog_find(&spool->catalog, segment_id);
    }
    bool mine = entry != NULL && entry->counted == SPOOL_UNCOUNTED;
    if (mine)
        entry->counted = SPOOL_COUNTING;
    pthread_mutex_unlock(&spool->lock);
    return mine;
}

enum err spool_count_entry(struct spool *spool, uint64_t segment_id, struct errmsg *msg)
{
    if (!claim(spool, segment_id))
        return ERR_OK;
    char name[NAME_SIZE];
    struct spool_reader_options options = reader_options(spool, segment_id, name);
    bool by_seal = !is_passed(spool, segment_id) && count_by_seal(spool, &options);
    enum err rc = by_seal || is_passed(spool, segment_id) ? ERR_OK : count_by_reading(spool, &options, msg);
    pthread_mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL) {
        entry->counted = rc == ERR_OK ? SPOOL_COUNTED : SPOOL_UNCOUNTED;
        entry->counted_by_seal = by_seal;
    }
    pthread_cond_broadcast(&spool->counted);
    pthread_mutex_unlock(&spool->lock);
    return rc;
}

void spool_count_missing(struct spool *spool, uint64_t segment_id, struct spool_ranges *missing)
{
    pthread_mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL && !entry->read_through) {
        struct spool_ranges before = entry->missing;
        entry->missing = *missing;
        *missing = before;
    }
    pthread_mutex_unlock(&spool->lock);
    spool_ranges_free(missing);
}

/* Until the next tick, or the spool's end. */
static void wait_a_tick(struct spool *spool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += UNREAD_TICK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&spool->lock);
    for (int rc = 0; rc == 0 && !atomic_load(&spool->closing);)
        rc = pthread_cond_timedwait(&spool->counted, &spool->lock, &until);
    pthread_mutex_unlock(&spool->lock);
}

void *spool_counter_main(void *arg)
{
    struct spool *spool = arg;
    uint64_t position = 0;
    priority_lower(BACKGROUND_NICE);
    spool_vanished_find(spool);
    while (!atomic_load(&spool->closing)) {
        pthread_mutex_lock(&spool->lock);
        struct spool_entry *entry = spool_catalog_next(&spool->catalog, position);
        uint64_t id = entry != NULL && entry->state == SPOOL_ENTRY_OLD ? entry->id : 0;
        pthread_mutex_unlock(&spool->lock);
        if (id == 0)
            break;
        position = spool_position_end_of(id);
        struct errmsg msg = {""};
        if (spool_count_entry(spool, id, &msg) != ERR_OK)
            spool_say(spool, true, "segment_not_counted", "segment=%" PRIu64 " error=\"%s\"", id, msg.text);
    }
    atomic_store(&spool->counting, false);
    while (!atomic_load(&spool->closing)) {
        spool_parker_tend(spool);
        spool_unread_tend(spool);
        wait_a_tick(spool);
    }
    return NULL;
}

/* ---- losses ------------------------------------------------------------------------------------------------- */

/* The topics in a segment's seal with their counts. ERR_OK with 0 of them: it has none. */
static enum err topics_of_seal(struct spool *spool, const struct spool_reader_options *options,
                               struct spool_topic_loss **ret_topics, size_t *ret_count)
{
    struct spool_ends ends = {0};
    struct spool_frame frame;
    struct spool_seal seal;
    struct spool_seal_topic topic;
    enum err rc = spool_reader_ends(options, &ends, NULL);
    if (rc != ERR_OK)
        return rc;
    if (ends.sealed && spool_frame_get_trusted(ends.seal_frame.data, ends.seal_frame.size, &frame) &&
        spool_seal_get(&frame, &seal)) {
        struct spool_topic_loss *topics = calloc((size_t)seal.topic_count + 1, sizeof *topics);
        size_t count = 0;
        while (topics != NULL && spool_seal_next(&seal, &topic))
            if (spool_topics_get(&spool->topics, topic.topic, 0, &topics[count].topic) == ERR_OK)
                topics[count++].lost = topic.event_count;
        *ret_topics = topics;
        *ret_count = count;
        rc = topics == NULL ? ERR_NOMEM : ERR_OK;
    }
    spool_ends_free(&ends);
    return rc;
}

/* What the seal says a topic has, less what can be found of it. The caller frees *ret_losses. */
static enum err losses_by_topic(struct spool *spool, uint64_t segment_id, struct spool_topic_loss **ret_losses,
                                size_t *ret_count)
{
    char name[NAME_SIZE];
    struct spool_reader_options options = reader_options(spool, segment_id, name);
    struct spool_topic_loss *losses = NULL;
    size_t count = 0;
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    enum err rc = topics_of_seal(spool, &options, &losses, &count);
    if (rc == ERR_OK && count > 0)
        rc = spool_reader_open(&options, &reader, NULL);
    while (rc == ERR_OK && count > 0 && (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL)) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);)
            for (size_t i = 0; i < count; i++)
                if (bytes_equal(bytes_of(losses[i].topic->name, losses[i].topic->name_size), event.topic))
                    losses[i].lost -= losses[i].lost > 0;
        spool_chunk_unref(chunk);
    }
    spool_reader_close(reader);
    if (rc != ERR_OK && rc != ERR_END) { /* half a reading would make the rest look lost */
        free(losses);
        return rc;
    }
    *ret_losses = losses;
    *ret_count = count;
    return ERR_OK;
}

/* Of the events found, how many lie below an index? */
static uint64_t found_below(const struct spool_findings *findings, uint32_t below)
{
    if (findings->event_count == 0 || below > findings->highest_index)
        return findings->event_count;
    uint64_t missing = 0;
    const struct spool_ranges *gaps[] = {&findings->lost, &findings->uncertain};
    for (int g = 0; g < 2; g++)
        for (size_t i = 0; i < gaps[g]->count && gaps[g]->items[i].first < below; i++) {
            struct spool_range gap = gaps[g]->items[i];
            missing += (gap.last < below ? gap.last + 1 : below) - gap.first;
        }
    return below - missing;
}

struct spool_loss_report *spool_count_report(const struct spool *spool, uint64_t segment_id,
                                             const struct spool_findings *findings, uint32_t done_below)
{
    struct spool_loss_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return NULL;
    uint64_t before = found_below(findings, done_below);
    report->segment_id = segment_id;
    report->first_time_ms = findings->first_time_ms;
    report->last_time_ms = findings->last_time_ms;
    report->count_known = true;
    report->delivered_before = before;
    report->recovered = findings->event_count - before;
    report->damaged_bytes = findings->damaged_bytes;
    if (not_delivered(spool, segment_id, findings, done_below, &report->lost, &report->uncertain) != ERR_OK) {
        spool_loss_report_free(report);
        return NULL;
    }
    return report;
}

enum err spool_count_findings(struct spool *spool, uint64_t segment_id, uint32_t first_index,
                              const struct spool_findings *findings)
{
    pthread_mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool first_time = entry != NULL && !entry->read_through;
    bool by_seal = first_time && (entry->counted_by_seal || entry->state == SPOOL_ENTRY_CLOSED);
    /* What lies below was handed out from memory, or was done by an earlier run: it isn't missed. */
    uint32_t done_below =
        first_time && entry->state == SPOOL_ENTRY_OLD ? spool_count_done_below(spool, segment_id) : first_index;
    pthread_mutex_unlock(&spool->lock);
    if (!first_time)
        return ERR_OK;
    struct spool_loss_report *report = spool_count_report(spool, segment_id, findings, done_below);
    if (report == NULL)
        return ERR_NOMEM;
    report->lost_unnamed = lost_unnamed(spool, segment_id, findings);
    uint64_t lost = report->lost.total + report->lost_unnamed, uncertain = report->uncertain.total;
    bool keep = findings->damaged || findings->uncertain.total > 0 || lost > 0;
    if (!keep) {
        spool_loss_report_free(report);
        report = NULL;
    }
    struct spool_topic_loss *losses = NULL;
    size_t loss_count = 0;
    enum err rc = by_seal && lost > 0 ? losses_by_topic(spool, segment_id, &losses, &loss_count) : ERR_OK;
    if (rc != ERR_OK) {
        spool_loss_report_free(report);
        return rc;
    }

    pthread_mutex_lock(&spool->lock);
    entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL && !entry->read_through) {
        entry->read_through = true;
        entry->last_found_id = findings->event_count == 0 ? 0 : spool_id_of(segment_id, findings->highest_index);
        entry->lost = lost;
        entry->report = report;
        spool_ranges_free(&entry->missing); /* the report has them */
        entry->topic_losses = losses;
        entry->topic_loss_count = loss_count;
        spool->progress.dirty = true;
        losses = NULL;
        report = NULL;
    }
    pthread_mutex_unlock(&spool->lock);
    free(losses);
    spool_loss_report_free(report);
    if (keep)
        spool_say(spool, true, "segment_damaged",
                  "segment=%" PRIu64 " events_found=%" PRIu64 " events_lost=%" PRIu64 " events_uncertain=%" PRIu64
                  " damaged_bytes=%" PRIu64 " action=delivering_the_rest",
                  segment_id, findings->event_count, lost, uncertain, findings->damaged_bytes);
    return ERR_OK;
}
