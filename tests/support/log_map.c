/* SPDX-License-Identifier: MIT
 * log_map.c - an independent, trusting walk over an undamaged log. */
#include "tests/support/log_map.h"

#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void read_file(struct log_map *map, const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    map->log_size = (size_t)ftell(file);
    rewind(file);
    map->log = malloc(map->log_size);
    map->stream = malloc(map->log_size);
    map->offsets = malloc(map->log_size * sizeof *map->offsets);
    assert_int_equal(fread(map->log, 1, map->log_size, file), map->log_size);
    fclose(file);
}

static void add_event(struct log_map *map, size_t start, size_t size)
{
    const uint8_t *frame = map->stream + start;
    if (frame[19] != SPOOL_FRAME_EVENT)
        return;
    map->events = realloc(map->events, (map->event_count + 1) * sizeof *map->events);
    map->events[map->event_count++] = (struct log_map_event){
        start, size, spool_id_index(codec_get_u64(frame + 8)), (uint32_t)codec_get_le(frame + 16, 3)};
}

/* A WriteBatch: sequence 8, count 4, then per entry tag 1, key, value. */
static void read_batch(struct log_map *map, size_t start, size_t end)
{
    struct codec_in in = codec_in_of(map->stream + start, end - start);
    codec_in_bytes(&in, 8);
    uint64_t count = codec_in_le(&in, 4);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(codec_in_le(&in, 1), 1);
        codec_in_bytes(&in, codec_in_varint(&in));
        struct bytes value = codec_in_bytes(&in, codec_in_varint(&in));
        assert_true(in.ok);
        for (size_t at = 0; at < value.size;) {
            size_t size = codec_get_u32(value.data + at + 4);
            add_event(map, (size_t)(value.data - map->stream) + at, size);
            at += size;
            assert_true(at <= value.size);
        }
    }
    assert_int_equal(codec_in_left(&in), 0);
}

void log_map_read(struct log_map *map, const char *log_path)
{
    *map = (struct log_map){0};
    read_file(map, log_path);
    size_t record_start = 0;
    for (size_t at = 0; at < map->log_size;) {
        size_t left = 32768 - at % 32768;
        if (left < 7) {
            at += left;
            continue;
        }
        size_t length = codec_get_u16(map->log + at + 4);
        uint8_t type = map->log[at + 6];
        assert_in_range(type, 1, 4);
        for (size_t i = 0; i < length; i++) {
            map->stream[map->stream_size] = map->log[at + 7 + i];
            map->offsets[map->stream_size++] = (uint32_t)(at + 7 + i);
        }
        at += 7 + length;
        if (type == 1 || type == 4) {
            read_batch(map, record_start, map->stream_size);
            record_start = map->stream_size;
        }
    }
}

void log_map_free(struct log_map *map)
{
    free(map->log);
    free(map->stream);
    free(map->offsets);
    free(map->events);
}

bool log_map_untouched(const struct log_map *map, size_t event, const uint8_t *log, size_t log_size)
{
    const struct log_map_event *e = &map->events[event];
    for (size_t i = e->start; i < e->start + e->size; i++)
        if (map->offsets[i] >= log_size || log[map->offsets[i]] != map->stream[i])
            return false;
    return true;
}
