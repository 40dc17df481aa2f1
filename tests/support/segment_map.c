/* SPDX-License-Identifier: MIT
 * segment_map.c - an undamaged log, taken apart by the book. */
#include "tests/support/segment_map.h"

#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct stream { /* payload of one record, and where each of its bytes lies in the file */
    uint8_t *bytes;
    uint32_t *offsets;
    size_t size;
};

static uint32_t owner_of(const uint8_t *frame, uint32_t *next_index)
{
    switch (frame[19]) {
    case SPOOL_FRAME_EVENT: return (*next_index)++;
    case SPOOL_FRAME_HEADER: return SEGMENT_OWNER_HEADER;
    case SPOOL_FRAME_LINK: return SEGMENT_OWNER_LINK;
    case SPOOL_FRAME_SEAL: return SEGMENT_OWNER_SEAL;
    default: fail_msg("a frame of kind %d", frame[19]);
    }
    return 0;
}

static void map_value(struct segment_map *map, const struct segment_writer *w,
                      const struct stream *s, size_t at, size_t size)
{
    for (size_t end = at + size; at < end;) {
        assert_memory_equal(s->bytes + at, SPOOL_FRAME_MAGIC, 4);
        size_t frame_size = codec_get_u32(s->bytes + at + 4);
        assert_true(frame_size <= end - at);
        uint32_t owner = owner_of(s->bytes + at, &map->event_count);
        if (owner < SEGMENT_OWNER_SEAL) {
            assert_int_equal(w->events[owner].size, frame_size);
            assert_memory_equal(w->events[owner].frame, s->bytes + at, frame_size);
        }
        map->sealed = map->sealed || owner == SEGMENT_OWNER_SEAL;
        for (size_t i = 0; i < frame_size; i++)
            map->owner[s->offsets[at + i]] = owner;
        at += frame_size;
    }
}

static void map_record(struct segment_map *map, const struct segment_writer *w,
                       const struct stream *s)
{
    struct codec_in in = codec_in_of(s->bytes, s->size);
    codec_in_le(&in, 8);
    for (uint32_t left = (uint32_t)codec_in_le(&in, 4); left > 0; left--) {
        assert_int_equal(codec_in_le(&in, 1), 1);
        codec_in_bytes(&in, codec_in_varint(&in));
        uint64_t size = codec_in_varint(&in);
        struct bytes value = codec_in_bytes(&in, size);
        assert_true(in.ok);
        map_value(map, w, s, (size_t)(value.data - s->bytes), value.size);
    }
    assert_int_equal(codec_in_left(&in), 0);
}

static void push_fragment(struct segment_map *map, size_t at, size_t size, uint8_t type)
{
    if (map->fragment_count % 1024 == 0) {
        map->fragments =
            realloc(map->fragments, (map->fragment_count + 1024) * sizeof *map->fragments);
        assert_non_null(map->fragments);
    }
    map->fragments[map->fragment_count++] =
        (struct segment_fragment){.at = at, .size = size, .type = type};
}

/* Room that was reserved ahead of the writes, when nobody was left to give it back. */
static bool only_zeros(const struct segment_map *map, size_t at)
{
    while (at < map->size && map->data[at] == 0)
        at++;
    return at == map->size;
}

static void walk(struct segment_map *map, const struct segment_writer *w, struct stream *s)
{
    for (size_t at = 0; at < map->size && !only_zeros(map, at);) {
        size_t in_block = 32768 - at % 32768;
        if (in_block < 7) {
            at += in_block;
            continue;
        }
        size_t size = 7 + codec_get_u16(map->data + at + 4);
        uint8_t type = map->data[at + 6];
        assert_true(size <= in_block && at + size <= map->size && type >= 1 && type <= 4);
        push_fragment(map, at, size, type);
        if (type == 1 || type == 2)
            s->size = 0;
        for (size_t i = 7; i < size; i++) {
            s->bytes[s->size] = map->data[at + i];
            s->offsets[s->size++] = (uint32_t)(at + i);
        }
        if (type == 1 || type == 4)
            map_record(map, w, s);
        at += size;
    }
}

void segment_map_make(struct segment_map *map, const struct segment_writer *w)
{
    *map = (struct segment_map){0};
    map->data = segment_read_file(w->log_path, &map->size);
    map->owner = malloc((map->size + 1) * sizeof *map->owner);
    struct stream s = {.bytes = malloc(map->size + 1),
                       .offsets = malloc((map->size + 1) * sizeof *s.offsets)};
    assert_true(map->owner != NULL && s.bytes != NULL && s.offsets != NULL);
    for (size_t i = 0; i < map->size; i++)
        map->owner[i] = SEGMENT_OWNER_NONE;
    walk(map, w, &s);
    assert_int_equal(map->event_count, w->event_count);
    for (size_t i = map->fragment_count; i-- > 0;) {
        map->fragments[i].last_record = true;
        if (map->fragments[i].type == 1 || map->fragments[i].type == 2)
            break;
    }
    free(s.bytes);
    free(s.offsets);
}

void segment_map_free(struct segment_map *map)
{
    free(map->data);
    free(map->owner);
    free(map->fragments);
}

size_t segment_map_offset(const struct segment_map *map, uint32_t event_index)
{
    for (size_t i = 0; i < map->size; i++)
        if (map->owner[i] == event_index)
            return i;
    fail_msg("no event %u", event_index);
    return 0;
}

size_t segment_map_fragment_at(const struct segment_map *map, size_t offset)
{
    for (size_t i = 0; i < map->fragment_count; i++)
        if (offset < map->fragments[i].at + map->fragments[i].size)
            return i;
    fail_msg("no fragment at %zu", offset);
    return 0;
}
