/* SPDX-License-Identifier: MIT
 * cursor_slot.c - a state of the cursors as bytes (docs/spool-format.md §6), and back.
 * Pure. */
#include "spool/format/cursor_slot.h"

#include "base/codec.h"
#include "spool/format/frame.h"

#include <stdlib.h>
#include <xxhash.h>

#define SLOT_MAGIC "PSCURSR1"

/* Offsets in a slot's head; the checksum covers all bytes after itself. */
enum {
    AT_MAGIC = 0,
    AT_CHECKSUM = 8,
    AT_UUID = 16,
    AT_SEQUENCE = 32,
    AT_BODY_SIZE = 40,
    HEAD_SIZE = 44
};

/* ---- encoding -------------------------------------------------------------------------------- */

static void put_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[10];
    buf_append(out, bytes, (size_t)(codec_put_varint(bytes, value) - bytes));
}

static void put_name(struct buf *out, const char *name)
{
    put_varint(out, strlen(name));
    buf_append_string(out, name);
}

static void put_body(struct buf *out, const struct spool_cursor_state *state)
{
    put_varint(out, state->mode);
    put_varint(out, state->segment_id_max);
    for (size_t i = 0; i < SPOOL_NEWEST_SEGMENTS; i++)
        put_varint(out, state->newest_segments[i]);
    put_varint(out, state->done_id);
    put_varint(out, state->lost_unknown_topic);
    put_varint(out, state->missed_count);
    for (size_t i = 0; i < state->missed_count; i++) {
        put_varint(out, state->missed[i].segment_id);
        put_varint(out, state->missed[i].first);
        put_varint(out, state->missed[i].last);
    }
    put_varint(out, state->unread_count);
    for (size_t i = 0; i < state->unread_count; i++) {
        put_varint(out, state->unread[i].segment_id);
        put_varint(out, state->unread[i].from_index);
    }
    put_varint(out, state->lane_count);
    for (size_t i = 0; i < state->lane_count; i++) {
        put_name(out, state->lanes[i].topic);
        put_varint(out, state->lanes[i].done_id);
    }
    put_varint(out, state->topic_count);
    for (size_t i = 0; i < state->topic_count; i++) {
        put_name(out, state->topics[i].topic);
        put_varint(out, state->topics[i].delivered);
        put_varint(out, state->topics[i].dead_lettered);
        put_varint(out, state->topics[i].lost);
    }
    put_varint(out, state->parked_count);
    for (size_t i = 0, before = 0; i < state->parked_count; before = state->parked[i++].last) {
        const struct spool_parked_item *item = &state->parked[i];
        put_varint(out, item->first - before);
        put_varint(out, item->last - item->first);
        put_varint(out, item->parked ? (uint64_t)item->event_count + 1 : 0);
    }
}

enum err spool_cursor_slot_put(struct buf *slot, const uint8_t uuid[16], uint64_t seed,
                               uint64_t sequence, const struct spool_cursor_state *state)
{
    uint8_t head[HEAD_SIZE] = SLOT_MAGIC;
    buf_clear(slot);
    buf_append(slot, head, sizeof head);
    put_body(slot, state);
    if (slot->failed)
        return ERR_NOMEM;
    if (slot->size > SPOOL_CURSORS_SLOT_SIZE)
        return ERR_TOO_LARGE;
    memcpy(slot->data + AT_UUID, uuid, 16);
    codec_put_u64(slot->data + AT_SEQUENCE, sequence);
    codec_put_u32(slot->data + AT_BODY_SIZE, (uint32_t)(slot->size - HEAD_SIZE));
    codec_put_u64(slot->data + AT_CHECKSUM,
                  XXH3_64bits_withSeed(slot->data + AT_UUID, slot->size - AT_UUID, seed));
    return ERR_OK;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static char *get_name(struct codec_in *in)
{
    struct bytes name = codec_in_bytes(in, codec_in_varint(in));
    if (!in->ok || name.size == 0 || name.size > SPOOL_TOPIC_SIZE_MAX ||
        memchr(name.data, 0, name.size) != NULL) {
        in->ok = false;
        return NULL;
    }
    char *copy = strndup((const char *)name.data, name.size);
    in->ok = copy != NULL;
    return copy;
}

/* A list's length, checked against the bytes left, so that a damaged one can't ask for much
 * memory. */
static size_t get_count(struct codec_in *in)
{
    uint64_t count = codec_in_varint(in);
    if (count > codec_in_left(in))
        in->ok = false;
    return in->ok ? (size_t)count : 0;
}

/* The parked segments; early versions did not write them. */
static bool get_parked(struct codec_in *in, struct spool_cursor_state *state)
{
    size_t count = codec_in_left(in) > 0 ? get_count(in) : 0;
    uint64_t before = 0;
    state->parked = calloc(count + 1, sizeof *state->parked);
    for (size_t i = 0; in->ok && state->parked != NULL && i < count; i++) {
        struct spool_parked_item item = {.first = before + codec_in_varint(in)};
        before = item.last = item.first + codec_in_varint(in);
        uint64_t count_plus_1 = codec_in_varint(in);
        item.parked = count_plus_1 > 0;
        item.event_count = item.parked ? (uint32_t)(count_plus_1 - 1) : 0;
        state->parked[state->parked_count++] = item;
    }
    return in->ok && state->parked != NULL;
}

static bool decode_body(struct codec_in *in, struct spool_cursor_state *state)
{
    state->mode = (enum spool_delivery)codec_in_varint(in);
    state->segment_id_max = codec_in_varint(in);
    for (size_t i = 0; i < SPOOL_NEWEST_SEGMENTS; i++)
        state->newest_segments[i] = codec_in_varint(in);
    state->done_id = codec_in_varint(in);
    state->lost_unknown_topic = codec_in_varint(in);
    size_t missed_count = get_count(in);
    state->missed = calloc(missed_count + 1, sizeof *state->missed);
    for (size_t i = 0; in->ok && state->missed != NULL && i < missed_count; i++) {
        state->missed[i].segment_id = codec_in_varint(in);
        state->missed[i].first = (uint32_t)codec_in_varint(in);
        state->missed[i].last = (uint32_t)codec_in_varint(in);
        state->missed_count++;
    }
    size_t unread_count = get_count(in);
    state->unread = calloc(unread_count + 1, sizeof *state->unread);
    for (size_t i = 0; in->ok && state->unread != NULL && i < unread_count; i++) {
        state->unread[i].segment_id = codec_in_varint(in);
        state->unread[i].from_index = (uint32_t)codec_in_varint(in);
        state->unread_count++;
    }
    size_t lane_count = get_count(in);
    state->lanes = calloc(lane_count + 1, sizeof *state->lanes);
    for (size_t i = 0; in->ok && state->lanes != NULL && i < lane_count; i++) {
        struct spool_lane_cursor lane = {.topic = get_name(in)};
        lane.done_id = codec_in_varint(in);
        state->lanes[state->lane_count++] = lane;
    }
    size_t topic_count = get_count(in);
    state->topics = calloc(topic_count + 1, sizeof *state->topics);
    for (size_t i = 0; in->ok && state->topics != NULL && i < topic_count; i++) {
        struct spool_topic_totals totals = {.topic = get_name(in)};
        totals.delivered = codec_in_varint(in);
        totals.dead_lettered = codec_in_varint(in);
        totals.lost = codec_in_varint(in);
        state->topics[state->topic_count++] = totals;
    }
    return in->ok && state->missed != NULL && state->unread != NULL && state->lanes != NULL &&
           state->topics != NULL && get_parked(in, state) &&
           state->segment_id_max <= SPOOL_SEGMENT_ID_MAX;
}

bool spool_cursor_slot_get(struct bytes slot, const uint8_t uuid[16], uint64_t seed,
                           uint64_t *ret_sequence, struct spool_cursor_state *ret_state)
{
    if (slot.size < HEAD_SIZE || memcmp(slot.data, SLOT_MAGIC, 8) != 0)
        return false;
    size_t body_size = codec_get_u32(slot.data + AT_BODY_SIZE);
    if (body_size > slot.size - HEAD_SIZE || memcmp(slot.data + AT_UUID, uuid, 16) != 0 ||
        codec_get_u64(slot.data + AT_CHECKSUM) !=
            XXH3_64bits_withSeed(slot.data + AT_UUID, HEAD_SIZE - AT_UUID + body_size, seed))
        return false;
    struct spool_cursor_state state = {0};
    struct codec_in in = codec_in_of(slot.data + HEAD_SIZE, body_size);
    if (!decode_body(&in, &state)) {
        spool_cursor_state_free(&state);
        return false;
    }
    *ret_sequence = codec_get_u64(slot.data + AT_SEQUENCE);
    *ret_state = state;
    return true;
}
