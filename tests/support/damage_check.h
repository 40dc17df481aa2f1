/* SPDX-License-Identifier: MIT
 * damage_check.h - damages a copy of a segment's log, reads it back, and compares with what the
 * damage must cost: exactly the events that own a byte that changed.
 *
 * Everything fails the running test when it is otherwise. */
#ifndef PENSTOCK_TESTS_DAMAGE_CHECK_H
#define PENSTOCK_TESTS_DAMAGE_CHECK_H

#include "tests/support/segment_map.h"

/* A copy of the log to be damaged: bytes at [0, map->size) stand where they stood, unless told
 * otherwise by moved(). */
struct damage {
    const struct segment_writer *writer;
    const struct segment_map *map;
    char what[200]; /* for messages */
    uint8_t *data;
    size_t size;
    bool *gone;           /* by event; then link, header, seal: set by hand, or found out by
                           * comparing */
    bool compare;         /* bytes stand where they stood */
    uint32_t first_index; /* as in the reader's options */
    uint32_t count_limit;
    bool keep_rest; /* leave LevelDB's other files beside the log */
    enum {
        DAMAGE_EITHER,
        DAMAGE_NONE,
        DAMAGE_SOME
    } expect; /* findings.damaged; with losses it is always DAMAGE_SOME */
};

void damage_start(struct damage *d, const struct segment_writer *w, const struct segment_map *map,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Writes it, reads it, checks it, frees it. */
void damage_check(struct damage *d);

void damage_fill(struct damage *d, size_t at, size_t size, int byte); /* byte -1: garbage */
void damage_flip(struct damage *d, size_t at, uint8_t bits);
void damage_cut(struct damage *d, size_t size);
void damage_append(struct damage *d, size_t size, int byte);

/* Finds out by comparing what is gone; not for what was shifted. */
void damage_find_gone(struct damage *d);

/* What a reader must conclude, from `gone` and `count_limit`. */
struct damage_expected {
    uint32_t must, found; /* below `must` all was acknowledged; `found`: highest intact index + 1 */
    uint64_t intact, lost, uncertain;
    bool sealed, header;
};
struct damage_expected damage_expect(const struct damage *d);

/* Takes [at, at + size) out, so that everything behind is shifted: what owns a byte of it is
 * gone. */
void damage_take_out(struct damage *d, size_t at, size_t size);

/* Everything that a reader hands out, checked frame by frame against the writer: each event at most
 * once, byte for byte. */
struct damage_seen {
    bool *events;
    uint32_t count;
    uint32_t salvaged;
    bool ordered; /* by index */
};
void damage_read(struct spool_reader *reader, const struct segment_writer *w, uint64_t log_bytes,
                 struct damage_seen *seen);

#endif
