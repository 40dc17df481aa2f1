/* SPDX-License-Identifier: MIT
 * log_map.h - where every event's bytes lie in an undamaged segment's log, found without the reader under test. */
#ifndef PENSTOCK_TESTS_LOG_MAP_H
#define PENSTOCK_TESTS_LOG_MAP_H

#include "spool/spool_frame.h"

struct log_map {
    uint8_t *log;           /* the file as it was */
    size_t log_size;
    uint32_t *offsets;      /* file offset of each byte of the records, one after the other */
    uint8_t *stream;        /* those bytes */
    size_t stream_size;
    struct log_map_event {
        size_t start, size; /* in the stream */
        uint32_t index;
        uint32_t batch_first;
    } *events;
    size_t event_count;
};

/* Walks LevelDB's log and the batches in it by their lengths alone; fails the test when anything is odd. */
void log_map_read(struct log_map *map, const char *log_path);
void log_map_free(struct log_map *map);

/* Are all bytes of the event where they were, in a copy of the log of that size? */
bool log_map_untouched(const struct log_map *map, size_t event, const uint8_t *log, size_t log_size);

#endif
