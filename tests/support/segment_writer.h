/* SPDX-License-Identifier: MIT
 * segment_writer.h - writes a real segment, with LevelDB and the committer's own grouping, and
 * remembers its frames.
 *
 * Everything fails the running test when it can't. */
#ifndef PENSTOCK_TESTS_SEGMENT_WRITER_H
#define PENSTOCK_TESTS_SEGMENT_WRITER_H

#include "spool/write/group.h"
#include "spool/read/reader.h"

#define SEGMENT_ID   109843750000ull
#define SEGMENT_SEED 0x5eed0fa11c0ffee5ull
#define SEGMENT_NAME "109843750000"

struct segment_event {
    uint8_t *frame;
    uint32_t size;
    uint32_t batch_first;
};

struct segment_writer {
    char dir[256]; /* holds the segment's directory, SEGMENT_NAME; in memory where there is such a
                    * filesystem */
    int dir_fd;
    char log_path[400];
    uint64_t random;           /* state; the same seed writes the same events */
    struct spool_store *store; /* NULL: ended */
    struct spool_group group;
    struct segment_event *events;
    uint32_t event_count, event_capacity;
    bool linked;
};

uint64_t segment_random(uint64_t *state); /* splitmix64 */

void segment_start(struct segment_writer *w, uint64_t random_seed);

/* One synced batch of events whose values have about value_bytes; hostile: some hold what could
 * pass as part of the format. */
struct segment_shape {
    uint32_t value_bytes;
    bool hostile;
    bool seal; /* the seal goes into this batch */
};
void segment_write(struct segment_writer *w, uint32_t event_count, struct segment_shape shape);
void segment_write_seal(struct segment_writer *w); /* alone in its batch */
void segment_end(struct segment_writer *w);        /* closes LevelDB */
void segment_remove(struct segment_writer *w);     /* everything, also on disk */

/* `batches` batches of events_per_batch: small ones mostly, a few that take several blocks. */
void segment_write_many(struct segment_writer *w, uint32_t batches, uint32_t events_per_batch,
                        bool hostile, bool seal);

/* Options to read it. */
struct spool_reader_options segment_options(const struct segment_writer *w);

/* Whole files. The caller frees. */
uint8_t *segment_read_file(const char *path, size_t *ret_size);
void segment_write_file(const char *path, const void *data, size_t size);
uint64_t segment_log_bytes(const struct segment_writer *w);

#endif
