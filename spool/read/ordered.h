/* SPDX-License-Identifier: MIT
 * ordered.h - reads a damaged segment in the order of its ids, though its frames don't stand in
 * that order.
 *
 * A cursor says "everything up to here". With a log torn into files, or blocks that lie in
 * another's place, a tail would hand out a later event first, and a crash at that moment would skip
 * the earlier one. So a segment in which events are missing is read in windows, ranges of indexes:
 * either frames that stand in ascending order, or as many as can be sorted in memory, whichever
 * reaches further. Each window costs two readings of the segment. Nearly always the frames stand in
 * order, and there is one window. One thread at a time. */
#ifndef PENSTOCK_SPOOL_READ_ORDERED_H
#define PENSTOCK_SPOOL_READ_ORDERED_H

#include "spool/read/reader.h"

/* Bytes of frames that are sorted in memory; a single larger frame is too. */
#define SPOOL_ORDERED_SORTED_BYTES (8u << 20)

struct spool_ordered {
    bool known;                 /* windows are used: `below` bounds the one that is being read */
    uint32_t below;             /* end of the window: its events lie below this index; 0: it is the
                                 * last */
    bool sorts;                 /* the window's frames don't ascend: keep them until all are read */
    struct spool_chunk **parts; /* if sorts: the chunks read so far */
    size_t part_count;
    struct spool_ranges gone; /* missing in the windows before */
};

void spool_ordered_done(struct spool_ordered *order); /* as before the first window again */

/* Finds the window that begins at options->first_index, by reading the whole segment.
 * Errors: as spool_reader_next(), but for ERR_END; *order is then unchanged. */
enum err spool_ordered_find(struct spool_ordered *order, const struct spool_reader_options *options,
                            struct errmsg *msg);

/* For a window that sorts. keep takes a chunk over (ERR_NOMEM: it stays the caller's). take hands
 * out all events in order after the last was read (ERR_END: none is kept; ERR_NOMEM: all are still
 * kept). drop frees the chunks. */
enum err spool_ordered_keep(struct spool_ordered *order, struct spool_chunk *chunk);
enum err spool_ordered_take(struct spool_ordered *order, struct spool_chunk **ret_chunk);
void spool_ordered_drop(struct spool_ordered *order);

struct spool_frame_size {
    uint32_t index, bytes;
};

/* Finds where the first window from an index on ends, fed with the frames as they stand. Pure but
 * for memory; zero-initialised, but for sorted_bytes. */
struct spool_ordered_end {
    struct spool_index_set seen;
    uint32_t below; /* the frames ascend below this index; 0: no end yet */
    size_t sorted_bytes;
    struct spool_frame_size *frames; /* the lowest, at most twice sorted_bytes of them */
    size_t frame_count, frame_capacity;
    uint64_t frame_bytes;
    uint32_t sorted_below; /* `frames` holds all frames below this index; 0: all frames */
};
/* ERR_NOMEM */
enum err spool_ordered_end_feed(struct spool_ordered_end *end, uint32_t index, uint32_t bytes);
/* Returns the window's end (0: none). *ret_sorts: the window's frames ascend only after sorting. */
uint32_t spool_ordered_end_find(struct spool_ordered_end *end, bool *ret_sorts);
void spool_ordered_end_done(struct spool_ordered_end *end);

#endif
