/* SPDX-License-Identifier: MIT
 * damage_rows_log.c - damage to the bytes of a segment's log. */
#include "tests/damage/damage_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { BLOCK = 32768 };

/* The fragment nearest behind `at` that has that type, or the one there. */
static const struct segment_fragment *fragment_of_type(const struct segment_map *map, size_t from,
                                                       uint8_t type)
{
    for (size_t i = from; i < map->fragment_count; i++)
        if (map->fragments[i].type == type)
            return &map->fragments[i];
    return &map->fragments[from];
}

static size_t written_size(const struct segment_map *map)
{
    const struct segment_fragment *last = &map->fragments[map->fragment_count - 1];
    return last->at + last->size;
}

/* ---- cut ------------------------------------------------------------------------------------- */

static void cut(struct patient *p, size_t segment, uint32_t variant)
{
    struct damage *d = patient_log(p, segment);
    const struct segment_map *map = d->map;
    const struct segment_fragment *f = &map->fragments[map->fragment_count / 2];
    size_t boundary = map->size / 2 / BLOCK * BLOCK, end = written_size(map);
    size_t sizes[] = {1,
                      6,
                      7,
                      50,
                      map->fragments[1].at - 1,
                      map->fragments[1].at,
                      map->fragments[1].at + 3,
                      f->at,
                      f->at + 1,
                      f->at + 6,
                      f->at + 7,
                      f->at + 8,
                      f->at + f->size / 2,
                      f->at + f->size - 1,
                      boundary - 7,
                      boundary - 6,
                      boundary - 1,
                      boundary,
                      boundary + 1,
                      boundary + 7,
                      boundary + 100,
                      end - 1,
                      end - 100,
                      end - 4096};
    assert_true(variant < sizeof sizes / sizeof sizes[0]);
    patient_note(p, "log cut to %zu of %zu bytes", sizes[variant], map->size);
    damage_cut(d, sizes[variant]);
    d->expect = sizes[variant] >= map->fragments[1].at
                    ? DAMAGE_NONE
                    : DAMAGE_SOME; /* the header was synced before the first event came */
}

/* ---- flipped --------------------------------------------------------------------------------- */

static void flip(struct patient *p, size_t segment, size_t at, uint8_t bits)
{
    struct damage *d = patient_log(p, segment);
    patient_note(p, "byte %zu of the log changed by 0x%02x", at, bits);
    damage_flip(d, at, bits);
    p->has_flip = true;
    if (d->map->owner[at] != SEGMENT_OWNER_SEAL && at < written_size(d->map) &&
        (!d->map->fragments[segment_map_fragment_at(d->map, at)].last_record || d->map->sealed))
        d->expect = DAMAGE_SOME;
}

static const struct segment_fragment *some_fragment(const struct segment_map *map, uint32_t variant)
{
    static const uint8_t types[] = {1, 2, 3, 4};
    switch (variant % 6) {
    case 4: return &map->fragments[map->fragment_count - 1];
    case 5: return &map->fragments[1];
    default: return fragment_of_type(map, map->fragment_count / 3, types[variant % 6]);
    }
}

static void flip_checksum(struct patient *p, size_t segment, uint32_t variant)
{
    const struct segment_map *map = patient_log(p, segment)->map;
    flip(p, segment, some_fragment(map, variant)->at + variant % 4, (uint8_t)(1u << variant % 8));
}

static void flip_length(struct patient *p, size_t segment, uint32_t variant)
{
    const struct segment_map *map = patient_log(p, segment)->map;
    flip(p, segment, some_fragment(map, variant)->at + 4 + variant / 6 % 2,
         (uint8_t)(1u << (variant / 6 + variant) % 8));
}

static void flip_type(struct patient *p, size_t segment, uint32_t variant)
{
    const struct segment_map *map = patient_log(p, segment)->map;
    flip(p, segment, some_fragment(map, variant)->at + 6, (uint8_t)(1u << variant / 6 % 8));
}

/* Sequence number, count, tag, key, length of the value: between the fragment's header and the
 * first event. */
static void flip_batch_header(struct patient *p, size_t segment, uint32_t variant)
{
    const struct segment_map *map = patient_log(p, segment)->map;
    flip(p, segment, fragment_of_type(map, map->fragment_count / 2, 1)->at + 7 + variant, 0xff);
}

/* Magic, size, id, first of batch, kind, time, flags, topic: every byte up to there, then some of
 * the rest, the checksum too. */
static void flip_frame(struct patient *p, size_t segment, uint32_t variant)
{
    struct damage *d = patient_log(p, segment);
    uint32_t index = variant % 3 == 0   ? d->map->event_count / 2
                     : variant % 3 == 1 ? d->map->event_count - 1
                                        : 0;
    size_t part = variant / 3, size = d->writer->events[index].size,
           at = segment_map_offset(d->map, index);
    part = part < 34 ? part : size - 1 - (part - 34) * 3 % (size - 1);
    while (at < d->map->size && (d->map->owner[at] != index || part > 0)) {
        part -= d->map->owner[at] == index;
        at++;
    }
    flip(p, segment, at, (uint8_t)(1u << variant % 8));
}

static void flip_around_boundary(struct patient *p, size_t segment, uint32_t variant)
{
    size_t boundary = patient_log(p, segment)->map->size / 3 / BLOCK * BLOCK;
    flip(p, segment, boundary + variant - 9, 0x41);
}

static void flip_header_frame(struct patient *p, size_t segment, uint32_t variant)
{
    flip(p, segment, 7 + variant * 3, 0x10);
    patient_log(p, segment)->expect = DAMAGE_SOME;
}

static size_t owned_at(const struct damage *d, uint32_t owner)
{
    size_t at = 0;
    while (at < d->map->size && d->map->owner[at] != owner)
        at++;
    return at;
}

static void flip_link(struct patient *p, size_t segment, uint32_t variant)
{
    struct damage *d = patient_log(p, segment);
    flip(p, segment, owned_at(d, SEGMENT_OWNER_LINK) + variant * 7, 4);
}

static void flip_seal(struct patient *p, size_t segment, uint32_t variant)
{
    struct damage *d = patient_log(p, segment);
    size_t at = d->map->sealed ? owned_at(d, SEGMENT_OWNER_SEAL) : written_size(d->map) - 60;
    flip(p, segment, at + variant * 7, 4);
}

/* ---- overwritten ----------------------------------------------------------------------------- */

static void overwrite(struct patient *p, size_t segment, uint32_t variant, int byte)
{
    struct damage *d = patient_log(p, segment);
    size_t size = 512u << variant % 8, end = written_size(d->map);
    size_t starts[] = {
        end / 3 / BLOCK * BLOCK, end / 3 / BLOCK * BLOCK + BLOCK - size / 2, end / 3, end - size, 0,
        end / 2 / 512 * 512};
    size_t at = starts[variant / 8];
    patient_note(p, "%zu bytes of %s at %zu of the log", size, byte == 0 ? "zeros" : "garbage", at);
    patient_fill(p, d, at, size, byte);
}

static void zeros(struct patient *p, size_t segment, uint32_t variant)
{
    overwrite(p, segment, variant, 0);
}

static void garbage(struct patient *p, size_t segment, uint32_t variant)
{
    overwrite(p, segment, variant, -1);
}

static void stale_block(struct patient *p, size_t segment, uint32_t variant)
{
    struct damage *d = patient_log(p, segment);
    size_t blocks = written_size(d->map) / BLOCK, block = 1 + variant * 5 % (blocks - 1);
    size_t older = variant % 2 == 0 ? block - 1 : patient_below(p, block);
    patient_note(p, "block %zu replaced by block %zu", block, older);
    memcpy(d->data + block * BLOCK, d->map->data + older * BLOCK, BLOCK);
    d->expect = DAMAGE_SOME;
}

static void block_of_another_segment(struct patient *p, size_t segment, uint32_t variant)
{
    struct damage *d = patient_log(p, segment);
    size_t other = segment == 0 ? 1 : 0;
    const struct segment_map *from = &p->field->segments[other].map;
    size_t block = 1 + variant * 3 % (written_size(d->map) / BLOCK - 1);
    patient_note(p, "block %zu replaced by that of segment %zu", block, other);
    memcpy(d->data + block * BLOCK, from->data + (block < from->size / BLOCK ? block : 1) * BLOCK,
           BLOCK);
    d->expect = DAMAGE_SOME;
}

/* ---- at the end ------------------------------------------------------------------------------ */

static void appended(struct patient *p, size_t segment, uint32_t variant)
{
    static const size_t sizes[] = {1, 6, 7, 100, 5000, 65536, 200000};
    struct damage *d = patient_log(p, segment);
    size_t size = sizes[variant / 2], at = d->size;
    bool is_garbage = variant % 2 == 1, room_behind = d->size > written_size(d->map);
    patient_note(p, "%zu bytes of %s appended", size, is_garbage ? "garbage" : "zeros");
    damage_append(d, size, 0);
    if (is_garbage)
        patient_fill(p, d, at, size, -1);
    d->expect = !is_garbage || !d->map->sealed ? DAMAGE_NONE
                : size > 6                     ? DAMAGE_SOME
                                               : DAMAGE_EITHER;
    if (is_garbage && room_behind)
        d->expect = DAMAGE_EITHER;
}

void damage_short_write(struct patient *p, size_t segment, size_t fragment, size_t kept)
{
    struct damage *d = patient_log(p, segment);
    const struct segment_map *map = d->map;
    size_t first = fragment, last;
    while (first + 1 < map->fragment_count && map->fragments[first].type > 2)
        first++;
    if (map->fragments[first].type > 2)
        first = 0;
    for (last = first; map->fragments[last].type == 2 || map->fragments[last].type == 3;)
        last++;
    size_t start = map->fragments[first].at,
           end = map->fragments[last].at + map->fragments[last].size;
    size_t at = start + 1 + kept % (end - start - 1);
    patient_note(p, "segment %zu: %zu bytes missing at %zu of the log, which went on", segment,
                 end - at, at);
    damage_take_out(d, at, end - at);
    d->expect = map->fragments[last].last_record ? DAMAGE_EITHER : DAMAGE_SOME;
}

static void short_write(struct patient *p, size_t segment, uint32_t variant)
{
    static const size_t kept[] = {0, 5, 6, 60, 131};
    const struct segment_map *map = patient_log(p, segment)->map;
    damage_short_write(p, segment, 10 + variant / 5 * (map->fragment_count / 8), kept[variant % 5]);
}

const struct damage_row damage_rows_log[] = {
    {"log cut short", 24, false, cut},
    {"bit flipped: fragment checksum", 24, false, flip_checksum},
    {"bit flipped: fragment length", 48, false, flip_length},
    {"bit flipped: fragment type", 48, false, flip_type},
    {"byte flipped: LevelDB's batch header, key, value length", 25, false, flip_batch_header},
    {"bit flipped: any field of an event's frame, payload, checksum", 3 * 50, false, flip_frame},
    {"byte flipped: around a block boundary", 21, false, flip_around_boundary},
    {"bit flipped: segment header", 28, false, flip_header_frame},
    {"bit flipped: link to the segment before", 5, false, flip_link},
    {"bit flipped: seal", 6, false, flip_seal},
    {"512 B to 64 KiB of zeros", 48, false, zeros},
    {"512 B to 64 KiB of garbage", 48, false, garbage},
    {"32 KiB block replaced by an older one", 8, false, stale_block},
    {"32 KiB block replaced by one of another segment", 6, false, block_of_another_segment},
    {"zeros or garbage appended", 14, false, appended},
    {"write cut short, then continued", 35, false, short_write},
    {0},
};
