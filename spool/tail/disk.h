/* SPDX-License-Identifier: MIT
 * disk.h - a tail while it reads a segment from disk, damaged or not: the events after its
 * position, in the order of their ids.
 *
 * Inside spool/ only; one thread at a time per tail. */
#ifndef PENSTOCK_SPOOL_TAIL_DISK_H
#define PENSTOCK_SPOOL_TAIL_DISK_H

#include "spool/home/internal.h"
#include "spool/read/ordered.h"
#include "spool/read/reader.h"

struct spool_tail {
    struct spool *spool;
    uint64_t position;           /* events up to this id were returned, or don't exist */
    struct spool_reader *reader; /* NULL while the window serves */
    uint64_t reading_id;         /* the segment that the reader reads */
    struct spool_ordered order;  /* the windows of that segment */
    uint64_t unreadable_id;      /* the segment that can't be read, and since when */
    int64_t unreadable_since_ms; /* monotonic */
    uint32_t reading_from;       /* index at which reading that segment began */
    bool reading_live;           /* the segment was live when the reader was opened */
    uint64_t claimed_id;         /* the segment whose entry counts this tail among its readers; 0:
                                  * none */
};

/* The place where to read on, as decided under the lock. */
struct spool_source {
    enum { SPOOL_FROM_NOTHING, SPOOL_FROM_WINDOW, SPOOL_FROM_DISK } kind;
    struct spool_chunk *chunk; /* from the window */
    uint64_t segment_id;       /* from disk */
    enum spool_entry_state state;
    uint64_t log_bytes;
    uint32_t count_limit;
    bool sealed;
    bool parked; /* from disk: in parked/ */
};

/* Lets the segment go. Events that were read but not handed out are read again later. */
void spool_tail_close_reader(struct spool_tail *tail);

/* The next events of source->segment_id. *ret_chunk may stay NULL: choose again then.
 * Errors: ERR_BUSY: the segment lies elsewhere now, choose again; ERR_END: no further event below
 * source->log_bytes; else as spool_reader_next() */
enum err spool_tail_next_from_disk(struct spool_tail *tail, const struct spool_source *source,
                                   struct spool_chunk **ret_chunk, struct errmsg *msg);

/* Ends a segment that was read to its end: notes the findings, and moves the position after it.
 * Errors: as spool_losses_note(); call it again then */
enum err spool_tail_end_reading(struct spool_tail *tail, struct errmsg *msg);

#endif
