/* SPDX-License-Identifier: MIT
 * segment.h - a segment that is being written: making one, writing synced groups, ending it.
 *
 * A segment is made under the name `<id>.new`, with a synced header in it, and renamed to `<id>`
 * through the descriptor of the segments directory: the rename fails if the path led to another
 * filesystem. One thread at a time per segment. */
#ifndef PENSTOCK_SPOOL_WRITE_SEGMENT_H
#define PENSTOCK_SPOOL_WRITE_SEGMENT_H

#include "spool/format/records.h"
#include "spool/write/store.h"

struct spool_segment {
    uint64_t id;
    uint64_t nonce;
    struct spool_store *store;
    int log_fd;              /* the write-ahead log, to look at its size and to reserve room */
    uint64_t log_bytes;      /* after the last good write; reserved room may make the file longer */
    uint64_t reserved_bytes; /* the file was filled with zeros up to here; 0: no reserve */
    bool failed;             /* a write failed: the segment is not touched any more */
    uint32_t event_count;    /* acknowledged */
    uint32_t *topic_counts;  /* by topic index; the group being written included */
    uint64_t *topic_bytes;   /* likewise: of their frames */
    size_t topic_capacity;
};

struct spool_segment_place {
    const char *segments_path; /* for messages, and for LevelDB where there is no /proc */
    int segments_fd;           /* the same directory; all other access goes through it */
    const uint8_t *spool_uuid;
    uint64_t seed;
    uint64_t nonce;     /* for a parked segment that of the original; 0: a new nonce */
    uint64_t bytes_max; /* upper bound of the bytes written to the segment */
};

/* Makes a segment with a synced header. Errors: ERR_IO, ERR_UNREADABLE, ERR_NOMEM; its files are
 * then removed as far as possible */
enum err spool_segment_make(const struct spool_segment_place *place, uint64_t id,
                            struct spool_segment **ret_segment, struct errmsg *msg);

/* Adds to the counts that its seal will hold. ERR_NOMEM */
enum err spool_segment_count_topic(struct spool_segment *segment, uint32_t topic_index,
                                   uint32_t event_count, uint64_t bytes);

/* Writes the entries, synced. On ERR_OK the events count as acknowledged; on an error the segment
 * must not be written again.
 * Errors: ERR_IO */
enum err spool_segment_write(struct spool_segment *segment, const struct spool_store_entry *entries,
                             size_t entry_count, uint32_t event_count, struct errmsg *msg);

/* Gives back reserved room that was not used, and closes the store; takes milliseconds. NULL is
 * fine */
void spool_segment_free(struct spool_segment *segment);

#endif
