/* SPDX-License-Identifier: MIT
 * unreadable.h - segments that can't be read now (EIO, EACCES, too many open files): not lost, put
 * aside, tried again.
 *
 * The readers go on after such a segment; the cursors name it, so that its events are still pending
 * after a restart. Once it can be read to its end, its pending events are moved into the live
 * segment, as frames that keep their old ids inside. */
#ifndef PENSTOCK_SPOOL_RECOVER_UNREADABLE_H
#define PENSTOCK_SPOOL_RECOVER_UNREADABLE_H

#include <stdint.h>

struct spool;
struct spool_cursor_state;

/* Marks the segments that an earlier run had put aside; when only forwarding, lets reading begin
 * there. While opening. */
void spool_unreadable_load(struct spool *spool);

/* Called again and again while there is no room for moved events. */
typedef void spool_make_room_fn(struct spool *spool);

/* Tries the segments that are due. Blocks while it reads and moves; the background thread only. */
void spool_unreadable_tend(struct spool *spool, spool_make_room_fn *make_room);

#endif
