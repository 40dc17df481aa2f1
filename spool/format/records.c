/* SPDX-License-Identifier: MIT
 * records.c - bodies of header, link and seal frames. */
#include "spool/format/records.h"

#include "base/codec.h"

#include <stdlib.h>

enum { HEADER_BODY_SIZE = 2 + 16 + 8 + 8, HEADER_AT_SEED = 26 };

static bool append_varint(struct buf *body, uint64_t value)
{
    uint8_t bytes[10];
    return buf_append(body, bytes, (size_t)(codec_put_varint(bytes, value) - bytes));
}

bool spool_header_put(struct buf *body, const struct spool_segment_header *header)
{
    uint8_t bytes[HEADER_BODY_SIZE], *p = codec_put_u16(bytes, header->version);
    memcpy(p, header->spool_uuid, 16);
    p = codec_put_u64(p + 16, header->nonce);
    codec_put_u64(p, header->seed);
    return buf_append(body, bytes, sizeof bytes);
}

bool spool_header_get(const struct spool_frame *frame, struct spool_segment_header *ret)
{
    if (frame->kind != SPOOL_FRAME_HEADER || frame->body.size < HEADER_BODY_SIZE)
        return false;
    struct codec_in in = codec_in_of(frame->body.data, frame->body.size);
    struct spool_segment_header header = {.version = (uint16_t)codec_in_le(&in, 2)};
    struct bytes uuid = codec_in_bytes(&in, 16);
    if (uuid.data == NULL)
        return false;
    memcpy(header.spool_uuid, uuid.data, 16);
    header.segment_id = spool_id_segment(frame->id);
    header.nonce = codec_in_le(&in, 8);
    header.seed = codec_in_le(&in, 8);
    *ret = header;
    return true;
}

bool spool_header_find(const uint8_t *p, size_t size_available, struct spool_segment_header *ret)
{
    size_t size = spool_frame_peek_size(p, size_available);
    if (size < SPOOL_FRAME_SIZE_MIN + HEADER_BODY_SIZE || size > size_available)
        return false;
    struct spool_frame frame;
    uint64_t seed = codec_get_u64(p + SPOOL_FRAME_HEAD_SIZE + HEADER_AT_SEED);
    return spool_frame_get(p, size_available, seed, &frame) && spool_header_get(&frame, ret);
}

bool spool_links_put(struct buf *body, const struct spool_link *links, size_t count)
{
    append_varint(body, count);
    for (size_t i = 0; i < count; i++) {
        append_varint(body, links[i].segment_id);
        append_varint(body, links[i].event_count == SPOOL_COUNT_UNKNOWN
                                ? 0
                                : (uint64_t)links[i].event_count + 1);
    }
    return !body->failed;
}

int spool_links_get(const struct spool_frame *frame, struct spool_link *links, size_t links_max)
{
    if (frame->kind != SPOOL_FRAME_LINK)
        return -1;
    struct codec_in in = codec_in_of(frame->body.data, frame->body.size);
    uint64_t count = codec_in_varint(&in);
    if (!in.ok || count > frame->body.size)
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        struct spool_link link = {.segment_id = codec_in_varint(&in)};
        uint64_t count_plus_1 = codec_in_varint(&in);
        if (!in.ok || link.segment_id > SPOOL_SEGMENT_ID_MAX ||
            count_plus_1 > (uint64_t)SPOOL_INDEX_MAX + 1)
            return -1;
        link.event_count = count_plus_1 == 0 ? SPOOL_COUNT_UNKNOWN : (uint32_t)(count_plus_1 - 1);
        if (i < links_max)
            links[i] = link;
    }
    return (int)count;
}

bool spool_seal_put(struct buf *body, uint32_t event_count, const struct spool_seal_topic *topics,
                    size_t topic_count)
{
    append_varint(body, event_count);
    append_varint(body, topic_count);
    for (size_t i = 0; i < topic_count; i++) {
        append_varint(body, topics[i].topic.size);
        buf_append(body, topics[i].topic.data, topics[i].topic.size);
        append_varint(body, topics[i].event_count);
    }
    for (size_t i = 0; i < topic_count; i++)
        append_varint(body, topics[i].bytes);
    return !body->failed;
}

bool spool_seal_get(const struct spool_frame *frame, struct spool_seal *ret)
{
    if (frame->kind != SPOOL_FRAME_SEAL)
        return false;
    struct codec_in in = codec_in_of(frame->body.data, frame->body.size);
    uint64_t event_count = codec_in_varint(&in), topic_count = codec_in_varint(&in);
    if (!in.ok || event_count > SPOOL_INDEX_MAX + 1u || topic_count > frame->body.size)
        return false;
    *ret = (struct spool_seal){(uint32_t)event_count, (uint32_t)topic_count,
                               bytes_of(in.p, codec_in_left(&in)), BYTES_NULL};
    struct spool_seal walk = *ret;
    struct spool_seal_topic topic;
    while (spool_seal_next(&walk, &topic))
        ;
    if (walk.topic_count == 0)
        ret->sizes = walk.rest;
    return true;
}

bool spool_seal_next(struct spool_seal *seal, struct spool_seal_topic *ret)
{
    if (seal->topic_count == 0)
        return false;
    struct codec_in in = codec_in_of(seal->rest.data, seal->rest.size);
    struct spool_seal_topic topic = {.topic = codec_in_bytes(&in, codec_in_varint(&in))};
    uint64_t count = codec_in_varint(&in);
    if (!in.ok || topic.topic.size == 0 || topic.topic.size > SPOOL_TOPIC_SIZE_MAX ||
        count > SPOOL_INDEX_MAX + 1u)
        return false;
    topic.event_count = (uint32_t)count;
    seal->rest = bytes_of(in.p, codec_in_left(&in));
    struct codec_in sizes = codec_in_of(seal->sizes.data, seal->sizes.size);
    topic.bytes = codec_in_varint(&sizes);
    if (sizes.ok)
        seal->sizes = bytes_of(sizes.p, codec_in_left(&sizes));
    else
        topic.bytes = 0;
    seal->topic_count--;
    *ret = topic;
    return true;
}

bool spool_parked_put(struct buf *body, const struct spool_ranges *indexes)
{
    append_varint(body, indexes->count);
    for (size_t i = 0, next = 0; i < indexes->count; next = (size_t)indexes->items[i++].last + 1) {
        append_varint(body, indexes->items[i].first - next);
        append_varint(body, indexes->items[i].last - indexes->items[i].first);
    }
    return !body->failed;
}

enum err spool_parked_get(const struct spool_frame *frame, struct spool_ranges *ret_indexes)
{
    struct codec_in in = codec_in_of(frame->body.data, frame->body.size);
    struct spool_ranges indexes = {0};
    uint64_t count = frame->kind == SPOOL_FRAME_PARKED ? codec_in_varint(&in) : UINT64_MAX,
             next = 0;
    if (!in.ok || count >= frame->body.size) /* the body also holds the count itself, hence >= */
        return ERR_DAMAGED;
    indexes.items = malloc((size_t)(count + 1) * sizeof *indexes.items);
    if (indexes.items == NULL)
        return ERR_NOMEM;
    for (uint64_t i = 0; in.ok && i < count; i++) {
        uint64_t skipped = codec_in_varint(&in), more = codec_in_varint(&in);
        in.ok = in.ok && skipped <= SPOOL_INDEX_MAX && more <= SPOOL_INDEX_MAX &&
                next + skipped + more <= SPOOL_INDEX_MAX;
        if (!in.ok)
            break;
        indexes.items[indexes.count++] =
            (struct spool_range){(uint32_t)(next + skipped), (uint32_t)(next + skipped + more)};
        indexes.total += more + 1;
        next += skipped + more + 1;
    }
    if (!in.ok) {
        spool_ranges_free(&indexes);
        return ERR_DAMAGED;
    }
    *ret_indexes = indexes;
    return ERR_OK;
}
