/* SPDX-License-Identifier: MIT
 * segment_map.h - which byte of an undamaged log belongs to which frame, found out by the
 * documented formats alone and without the reader, so that a test can say what a damage must
 * cost. */
#ifndef PENSTOCK_TESTS_SEGMENT_MAP_H
#define PENSTOCK_TESTS_SEGMENT_MAP_H

#include "tests/support/segment_writer.h"

enum segment_owner { /* values below are indexes of events */
                     SEGMENT_OWNER_SEAL = 0xfffffffc,
                     SEGMENT_OWNER_LINK,
                     SEGMENT_OWNER_HEADER,
                     SEGMENT_OWNER_NONE,
};

struct segment_fragment {
    size_t at;   /* of its 7-byte header */
    size_t size; /* with it */
    uint8_t type;
    bool last_record; /* belongs to the last record of the log */
};

struct segment_map {
    uint8_t *data; /* the undamaged log */
    size_t size;
    uint32_t *owner; /* of each byte */
    struct segment_fragment *fragments;
    size_t fragment_count;
    uint32_t event_count;
    bool sealed;
};

/* also checks every frame against w */
void segment_map_make(struct segment_map *map, const struct segment_writer *w);
void segment_map_free(struct segment_map *map);

/* Offset of the first byte of an event's frame. */
size_t segment_map_offset(const struct segment_map *map, uint32_t event_index);
/* Index of the fragment that holds the byte. */
size_t segment_map_fragment_at(const struct segment_map *map, size_t offset);

#endif
