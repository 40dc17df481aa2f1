/* SPDX-License-Identifier: MIT
 * ordered.h - a damaged segment in the order of its ids, though its frames don't stand so.
 *
 * A cursor says "everything up to here". A log torn into files, or blocks that lie in another's
 * place, would have a tail hand out a later event first, and a crash at that moment would skip the
 * earlier one. So a segment in which something is missing is read in windows, ranges of indexes:
 * either frames that stand in ascending order, or so many that they can be sorted in memory,
 * whichever reaches further. Each costs two readings of the segment; where nothing stands out of
 * order, and that is nearly always, there is one window. One thread at a time. */
#ifndef PENSTOCK_SPOOL_READ_ORDERED_H
#define PENSTOCK_SPOOL_READ_ORDERED_H

#include "spool/read/reader.h"

/* So many bytes of frames are sorted in memory, or one frame that is larger. */
#define SPOOL_ORDERED_SORTED_BYTES (8u << 20)

struct spool_ordered {
    bool known;                 /* windows are used: `below` bounds the one that is being read */
    uint32_t below;             /* its events lie below this index; 0: it is the last */
    bool sorts;                 /* its frames don't ascend: they are kept until all are read */
    struct spool_chunk **parts; /* then: these so far */
    size_t part_count;
    struct spool_ranges gone; /* missing in the windows that are behind */
};

void spool_ordered_done(struct spool_ordered *order); /* as before the first window again */

/* Finds the window that begins at options->first_index, by reading the whole segment.
 * Errors: as spool_reader_next(), but for ERR_END; nothing has changed then. */
enum err spool_ordered_find(struct spool_ordered *order, const struct spool_reader_options *options,
                            struct errmsg *msg);

/* Of a window that sorts: takes over what was read of it (ERR_NOMEM: the chunk is the caller's
 * still), and hands it out in order when all was read (ERR_END: there is nothing kept; ERR_NOMEM:
 * it is kept on), or lets it go. */
enum err spool_ordered_keep(struct spool_ordered *order, struct spool_chunk *chunk);
enum err spool_ordered_take(struct spool_ordered *order, struct spool_chunk **ret_chunk);
void spool_ordered_drop(struct spool_ordered *order);

struct spool_frame_size {
    uint32_t index, bytes;
};

/* Where the first window from an index on ends, fed with the frames as they stand. Pure but for
 * memory; zero-initialised, but for sorted_bytes. */
struct spool_ordered_end {
    struct spool_index_set seen;
    uint32_t below; /* the frames ascend up to here; 0: no end yet */
    size_t sorted_bytes;
    struct spool_frame_size *frames; /* the lowest, at most twice sorted_bytes of them */
    size_t frame_count, frame_capacity;
    uint64_t frame_bytes;
    uint32_t sorted_below; /* what was kept in `frames` lies below this; 0: nothing was left out */
};
/* ERR_NOMEM */
enum err spool_ordered_end_feed(struct spool_ordered_end *end, uint32_t index, uint32_t bytes);
/* *ret_sorts: only sorted do the window's frames ascend. */
uint32_t spool_ordered_end_find(struct spool_ordered_end *end, bool *ret_sorts);
void spool_ordered_end_done(struct spool_ordered_end *end);

#endif
