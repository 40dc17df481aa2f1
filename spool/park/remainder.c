/* SPDX-License-Identifier: MIT
 * remainder.c - the pending events of a segment, from one folder to another. */
#include "spool/park/remainder.h"

#include "base/clock.h"
#include "spool/write/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 32 };

void spool_remainder_free(struct spool_remainder *remains)
{
    free(remains->lanes);
    spool_ranges_free(&remains->indexes);
    buf_free(&remains->frames);
    buf_free(&remains->link);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The lane for which it is pending; NULL: for none. Runs of events of one topic are the rule. */
static struct spool_remainder_lane *find_lane(struct spool_remainder *remains,
                                              const struct spool_event *event, size_t *last)
{
    if (event->topic.size > SPOOL_TOPIC_SIZE_MAX)
        return NULL;
    for (size_t n = 0; n < remains->lane_count; n++) {
        size_t i = (*last + n) % remains->lane_count;
        struct spool_remainder_lane *lane = &remains->lanes[i];
        if (!bytes_equal(bytes_of(lane->topic, lane->topic_size), event->topic))
            continue;
        *last = i;
        return event->id > lane->done_id ? lane : NULL;
    }
    return NULL;
}

static enum err take_event(struct spool_remainder *remains, const struct spool_event *event,
                           size_t *last_lane)
{
    struct spool_remainder_lane *lane = find_lane(remains, event, last_lane);
    const struct spool_ranges *indexes = &remains->indexes;
    uint32_t index = spool_id_index(event->id);
    if (lane == NULL)
        /* an event that is not done has a lane: the caller made sure */
        return event->id <= remains->done_id ? ERR_OK : ERR_DAMAGED;
    if (indexes->count > 0 && indexes->items[indexes->count - 1].last >= index)
        return ERR_DAMAGED;
    if (remains->frames.size + event->frame.size > remains->bytes_max)
        return ERR_TOO_LARGE;
    lane->count++;
    lane->bytes += event->frame.size;
    if (!buf_append(&remains->frames, event->frame.data, event->frame.size))
        return ERR_NOMEM;
    return spool_ranges_append(&remains->indexes, index, index);
}

static enum err take_chunk(struct spool_remainder *remains, const struct spool_chunk *chunk,
                           size_t *last_lane)
{
    struct spool_event event;
    enum err rc = chunk->salvaged ? ERR_DAMAGED : ERR_OK;
    for (size_t at = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event);)
        rc = take_event(remains, &event, last_lane);
    return rc;
}

enum err spool_remainder_read(struct spool_remainder *remains,
                              const struct spool_reader_options *options,
                              const atomic_bool *closing, struct errmsg *msg)
{
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    size_t last_lane = 0;
    enum err rc = spool_reader_open(options, &reader, msg);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        rc = take_chunk(remains, chunk, &last_lane);
        spool_chunk_unref(chunk);
        if (rc == ERR_OK && atomic_load(closing))
            rc = ERR_CLOSED;
    }
    if (rc == ERR_END) {
        const struct spool_findings *findings = spool_reader_findings(reader);
        rc = spool_findings_tell(findings) ? ERR_DAMAGED : ERR_OK;
        remains->nonce = findings->header.nonce;
    }
    spool_reader_close(reader);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool put_frame(struct buf *out, enum spool_frame_kind kind, struct bytes body, uint64_t id,
                      uint64_t seed)
{
    if (!buf_reserve(out, SPOOL_FRAME_SIZE_MIN + body.size))
        return false;
    spool_frame_put_other(out->data, kind, clock_wall_ms(), body);
    spool_frame_stamp(out->data, id, 0, seed);
    out->size = SPOOL_FRAME_SIZE_MIN + body.size;
    return true;
}

static bool put_table(const struct spool_remainder *remains, uint64_t seed, struct buf *out)
{
    struct buf body = {0};
    bool ok = spool_parked_put(&body, &remains->indexes) &&
              put_frame(out, SPOOL_FRAME_PARKED, buf_bytes(&body),
                        spool_id_of(remains->segment_id, 0), seed);
    buf_free(&body);
    return ok;
}

static bool put_seal(const struct spool_remainder *remains, uint64_t seed, struct buf *out)
{
    struct buf body = {0};
    size_t count = 0;
    struct spool_seal_topic *topics = calloc(remains->lane_count + 1, sizeof *topics);
    for (size_t i = 0; topics != NULL && i < remains->lane_count; i++) {
        const struct spool_remainder_lane *lane = &remains->lanes[i];
        if (lane->count > 0)
            topics[count++] = (struct spool_seal_topic){bytes_of(lane->topic, lane->topic_size),
                                                        (uint32_t)lane->count, lane->bytes};
    }
    bool ok = topics != NULL &&
              spool_seal_put(&body, (uint32_t)remains->indexes.total, topics, count) &&
              put_frame(out, SPOOL_FRAME_SEAL, buf_bytes(&body),
                        spool_id_of(remains->segment_id, 0), seed);
    buf_free(&body);
    free(topics);
    return ok;
}

/* The frames as they are: their ids, places in a batch and checksums stay true. */
static enum err write_frames(const struct spool_remainder *remains, struct spool_segment *segment,
                             struct bytes table, struct errmsg *msg)
{
    struct spool_group group = {0};
    struct buf frames = {0};
    bool ok = buf_append(&frames, remains->frames.data, remains->frames.size) ||
              remains->frames.size == 0;
    enum err rc = ok ? ERR_OK : ERR_NOMEM;
    if (rc == ERR_OK && frames.size > 0)
        rc = spool_group_add(&group, &frames, (uint32_t)remains->indexes.total);
    if (rc == ERR_OK)
        rc = spool_group_entries(&group, BYTES_NULL, table);
    if (rc == ERR_OK)
        rc = spool_segment_write(segment, group.entries, group.entry_count,
                                 (uint32_t)remains->indexes.total, msg);
    spool_group_done(&group);
    buf_free(&frames);
    return rc;
}

/* Writes the list of indexes before the events and again after them, so that damage in one place
 * leaves the other. */
static enum err write_all(const struct spool_remainder *remains, struct spool_segment *segment,
                          struct bytes table, struct bytes seal, struct errmsg *msg)
{
    const struct spool_store_entry link = {.key = "l", .value = buf_bytes(&remains->link)};
    const struct spool_store_entry first = {.key = "p", .value = table};
    const struct spool_store_entry last = {.key = "s", .value = seal};
    bool has_link = remains->link.size > 0;
    enum err rc = spool_segment_write(segment, has_link ? &link : &first, 1, 0, msg);
    if (rc == ERR_OK && has_link)
        rc = spool_segment_write(segment, &first, 1, 0, msg);
    if (rc == ERR_OK)
        rc = write_frames(remains, segment, table, msg);
    return rc == ERR_OK ? spool_segment_write(segment, &last, 1, 0, msg) : rc;
}

enum err spool_remainder_write(const struct spool_remainder *remains,
                               const struct spool_segment_place *where, struct errmsg *msg)
{
    struct spool_segment_place place = *where;
    struct spool_segment *segment = NULL;
    struct buf table = {0}, seal = {0};
    bool ok = put_table(remains, place.seed, &table) && put_seal(remains, place.seed, &seal);
    enum err rc = ok ? ERR_OK : errmsg_set(msg, ERR_NOMEM, "out of memory");
    place.nonce = remains->nonce;
    place.bytes_max =
        2 * (remains->frames.size + remains->link.size + 2 * table.size + seal.size) + 65536;
    if (rc == ERR_OK)
        rc = spool_segment_make(&place, remains->segment_id, &segment, msg);
    if (rc == ERR_OK)
        rc = write_all(remains, segment, buf_bytes(&table), buf_bytes(&seal), msg);
    spool_segment_free(segment);
    buf_free(&table);
    buf_free(&seal);
    return rc;
}

/* ---- reading back ---------------------------------------------------------------------------- */

static bool same_frames(const struct spool_remainder *remains, const struct spool_chunk *chunk,
                        size_t *at)
{
    bool same = chunk->size <= remains->frames.size - *at &&
                memcmp(chunk->data, remains->frames.data + *at, chunk->size) == 0;
    *at += chunk->size;
    return same;
}

enum err spool_remainder_check(const struct spool_remainder *remains,
                               const struct spool_segment_place *place, struct errmsg *msg)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%" PRIu64, remains->segment_id);
    const struct spool_reader_options options = {
        .parent_fd = place->segments_fd,
        .name = name,
        .segment_id = remains->segment_id,
        .seed = place->seed,
        .count_limit = SPOOL_COUNT_UNKNOWN,
        .parked = true,
    };
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    size_t at = 0;
    enum err rc = spool_reader_open(&options, &reader, msg);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        if (!same_frames(remains, chunk, &at))
            rc = ERR_IO;
        spool_chunk_unref(chunk);
    }
    const struct spool_findings *findings = rc == ERR_END ? spool_reader_findings(reader) : NULL;
    bool whole = findings != NULL && !findings->damaged &&
                 findings->event_count == remains->indexes.total &&
                 findings->header.nonce == remains->nonce && at == remains->frames.size;
    spool_reader_close(reader);
    if (rc == ERR_END || rc == ERR_IO)
        rc = whole ? ERR_OK : errmsg_set(msg, ERR_IO, "what was parked doesn't read back");
    return rc;
}
