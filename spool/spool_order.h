/* SPDX-License-Identifier: MIT
 * spool_order.h - a damaged segment in the order of its ids, though its frames don't stand so.
 *
 * A cursor says "everything up to here". A log torn into files, or blocks that lie in another's place, would have a tail
 * hand out a later event first, and a crash at that moment would skip the earlier one. So a segment in which something is
 * missing is read in windows: ranges of indexes whose frames stand in ascending order. Each costs two readings of the
 * segment; where nothing stands out of order, and that is nearly always, there is one window. One thread at a time. */
#ifndef PENSTOCK_SPOOL_ORDER_H
#define PENSTOCK_SPOOL_ORDER_H

#include "spool/spool_reader.h"

/* Beyond so many windows (a log whose blocks were shuffled) the rest is read as it stands. */
#define SPOOL_ORDER_WINDOWS_MAX 64

struct spool_order {
    bool known;               /* windows are used: `below` bounds the one that is being read */
    uint32_t below;           /* its events lie below this index; 0: it is the last */
    bool as_it_stands;        /* too many windows: the position may move only once all was read */
    unsigned windows;         /* found so far */
    struct spool_ranges gone; /* missing in the windows that are behind */
};

void spool_order_done(struct spool_order *order); /* as before the first window again */

/* Finds the window that begins at options->first_index, by reading the whole segment.
 * Errors: as spool_reader_next(), but for ERR_END; nothing has changed then. */
enum err spool_order_find(struct spool_order *order, const struct spool_reader_options *options, struct errmsg *msg);

/* Where the first window from an index on ends, fed with indexes as they stand. Pure but for memory; zero-initialised. */
struct spool_window_end {
    struct spool_index_set seen;
    uint32_t below; /* 0: no end yet */
};
enum err spool_window_end_feed(struct spool_window_end *end, uint32_t index); /* ERR_NOMEM */
void spool_window_end_done(struct spool_window_end *end);

#endif
