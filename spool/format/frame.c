/* SPDX-License-Identifier: MIT
 * frame.c - encoding, stamping and verifying frames (docs/spool-format.md §3). */
#include "spool/format/frame.h"

#include "base/codec.h"

#include <assert.h>
#include <xxhash.h>

/* Offsets in the head. */
enum {
    AT_SIZE = 4,
    AT_ID = 8,
    AT_BATCH_FIRST = 16,
    AT_KIND = 19,
    AT_TIME = 20,
    AT_FLAGS = 26,
    AT_TOPIC_SIZE = 27
};

static uint64_t checksum(const uint8_t *frame, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(frame, size - SPOOL_FRAME_TAIL_SIZE, seed);
}

static uint8_t *put_head(uint8_t *p, size_t size, enum spool_frame_kind kind, int64_t time_ms,
                         uint8_t flags, uint8_t topic_size)
{
    memcpy(p, SPOOL_FRAME_MAGIC, SPOOL_FRAME_MAGIC_SIZE);
    codec_put_u32(p + AT_SIZE, (uint32_t)size);
    memset(p + AT_ID, 0, AT_KIND - AT_ID); /* the committer fills these in */
    p[AT_KIND] = (uint8_t)kind;
    codec_put_le(p + AT_TIME, (uint64_t)time_ms, 6);
    p[AT_FLAGS] = flags;
    p[AT_TOPIC_SIZE] = topic_size;
    return p + SPOOL_FRAME_HEAD_SIZE;
}

static uint8_t flags_of(const struct spool_event *event)
{
    return (uint8_t)((event->key.data != NULL ? SPOOL_FLAG_KEY : 0) |
                     (event->header_count > 0 ? SPOOL_FLAG_HEADERS : 0) |
                     (event->partition >= 0 ? SPOOL_FLAG_PARTITION : 0) |
                     (event->value.data == NULL ? SPOOL_FLAG_NULL_VALUE : 0) |
                     (event->client_time ? SPOOL_FLAG_CLIENT_TIME : 0));
}

size_t spool_frame_size(const struct spool_event *event)
{
    if (event->topic.size == 0 || event->topic.size > SPOOL_TOPIC_SIZE_MAX || event->time_ms < 0 ||
        event->time_ms > SPOOL_EVENT_TIME_MS_MAX || event->key.size > SPOOL_FRAME_SIZE_MAX ||
        event->value.size > SPOOL_FRAME_SIZE_MAX || event->headers.size > SPOOL_FRAME_SIZE_MAX)
        return 0;
    size_t size = SPOOL_FRAME_SIZE_MIN + event->topic.size + event->value.size;
    if (event->partition >= 0)
        size += 4;
    if (event->key.data != NULL)
        size += codec_varint_size(event->key.size) + event->key.size;
    if (event->header_count > 0)
        size += codec_varint_size(event->header_count) + codec_varint_size(event->headers.size) +
                event->headers.size;
    return size <= SPOOL_FRAME_SIZE_MAX ? size : 0;
}

uint8_t *spool_frame_put(uint8_t *p, const struct spool_event *event)
{
    uint8_t *frame = p;
    size_t size = spool_frame_size(event);
    assert(size != 0);
    p = put_head(p, size, SPOOL_FRAME_EVENT, event->time_ms, flags_of(event),
                 (uint8_t)event->topic.size);
    p = codec_put_bytes(p, event->topic);
    if (event->partition >= 0)
        p = codec_put_u32(p, (uint32_t)event->partition);
    if (event->key.data != NULL)
        p = codec_put_bytes(codec_put_varint(p, event->key.size), event->key);
    if (event->header_count > 0) {
        p = codec_put_varint(p, event->header_count);
        p = codec_put_bytes(codec_put_varint(p, event->headers.size), event->headers);
    }
    p = codec_put_bytes(p, event->value) + SPOOL_FRAME_TAIL_SIZE;
    assert((size_t)(p - frame) == size);
    (void)frame;
    return p;
}

uint8_t *spool_frame_put_other(uint8_t *p, enum spool_frame_kind kind, int64_t time_ms,
                               struct bytes body)
{
    p = put_head(p, SPOOL_FRAME_SIZE_MIN + body.size, kind, time_ms, 0, 0);
    return codec_put_bytes(p, body) + SPOOL_FRAME_TAIL_SIZE;
}

void spool_frame_stamp(uint8_t *frame, uint64_t id, uint32_t batch_first, uint64_t seed)
{
    size_t size = codec_get_u32(frame + AT_SIZE);
    codec_put_u64(frame + AT_ID, id);
    codec_put_le(frame + AT_BATCH_FIRST, batch_first, 3);
    codec_put_u64(frame + size - SPOOL_FRAME_TAIL_SIZE, checksum(frame, size, seed));
}

size_t spool_frame_peek_size(const uint8_t *p, size_t size_available)
{
    if (size_available < AT_ID || memcmp(p, SPOOL_FRAME_MAGIC, SPOOL_FRAME_MAGIC_SIZE) != 0)
        return 0;
    size_t size = codec_get_u32(p + AT_SIZE);
    return size >= SPOOL_FRAME_SIZE_MIN && size <= SPOOL_FRAME_SIZE_MAX ? size : 0;
}

/* Clears field by field: clearing and copying the whole struct takes longer than all the rest. */
static void clear_event(struct spool_event *event, const uint8_t *p)
{
    event->id = codec_get_u64(p + AT_ID);
    event->time_ms = (int64_t)codec_get_u48(p + AT_TIME);
    event->topic = event->key = event->value = event->headers = event->frame = BYTES_NULL;
    event->header_count = 0;
    event->partition = SPOOL_PARTITION_ANY;
    event->client_time = event->salvaged = false;
    event->origin_id = 0;
}

static bool get_event(struct codec_in *in, uint8_t flags, uint8_t topic_size,
                      struct spool_event *event)
{
    event->topic = codec_in_bytes(in, topic_size);
    if (flags & SPOOL_FLAG_PARTITION)
        event->partition = (int32_t)codec_in_le(in, 4);
    if (flags & SPOOL_FLAG_KEY)
        event->key = codec_in_bytes(in, codec_in_varint(in));
    if (flags & SPOOL_FLAG_HEADERS) {
        uint64_t count = codec_in_varint(in);
        event->headers = codec_in_bytes(in, codec_in_varint(in));
        in->ok = in->ok && count > 0 && count <= event->headers.size;
        event->header_count = (uint32_t)count;
    }
    size_t left = in->ok ? codec_in_left(in) : 0;
    if (flags & SPOOL_FLAG_NULL_VALUE)
        in->ok = in->ok && left == 0;
    else
        event->value = codec_in_bytes(in, left);
    event->client_time = (flags & SPOOL_FLAG_CLIENT_TIME) != 0;
    return in->ok && topic_size > 0 && event->partition >= SPOOL_PARTITION_ANY;
}

/* Takes the event out of a moved frame; the outer checksum covers it. */
static bool get_moved(struct bytes body, struct spool_event *event)
{
    struct spool_frame inner;
    uint64_t id = event->id;
    bool is_event = body.size > AT_KIND && body.data[AT_KIND] == SPOOL_FRAME_EVENT;
    if (!is_event || !spool_frame_get_trusted(body.data, body.size, &inner) ||
        inner.size != body.size)
        return false;
    *event = inner.event;
    event->id = id;
    event->origin_id = inner.id;
    return true;
}

bool spool_frame_get_trusted(const uint8_t *p, size_t size_available, struct spool_frame *ret)
{
    size_t size = spool_frame_peek_size(p, size_available);
    if (size == 0 || size > size_available)
        return false;
    struct codec_in in = codec_in_of(p + SPOOL_FRAME_HEAD_SIZE, size - SPOOL_FRAME_SIZE_MIN);
    ret->kind = (enum spool_frame_kind)p[AT_KIND];
    ret->batch_first = codec_get_u24(p + AT_BATCH_FIRST);
    ret->size = (uint32_t)size;
    ret->body = BYTES_NULL;
    clear_event(&ret->event, p);
    ret->id = ret->event.id;
    if (ret->kind == SPOOL_FRAME_EVENT)
        return get_event(&in, p[AT_FLAGS], p[AT_TOPIC_SIZE], &ret->event);
    ret->body = bytes_of(in.p, codec_in_left(&in));
    return ret->kind != SPOOL_FRAME_MOVED || get_moved(ret->body, &ret->event);
}

bool spool_frame_get(const uint8_t *p, size_t size_available, uint64_t seed,
                     struct spool_frame *ret)
{
    size_t size = spool_frame_peek_size(p, size_available);
    if (size == 0 || size > size_available)
        return false;
    if (codec_get_u64(p + size - SPOOL_FRAME_TAIL_SIZE) != checksum(p, size, seed))
        return false;
    return spool_frame_get_trusted(p, size_available, ret);
}

struct bytes spool_frame_original(struct bytes bytes)
{
    struct spool_frame frame;
    return spool_frame_get_trusted(bytes.data, bytes.size, &frame) &&
                   frame.kind == SPOOL_FRAME_MOVED
               ? frame.body
               : bytes;
}
