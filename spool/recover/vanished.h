/* SPDX-License-Identifier: MIT
 * vanished.h - segments that are gone as a whole: named by a link or by the cursors, not
 * done, and not on the disk. */
#ifndef PENSTOCK_SPOOL_RECOVER_VANISHED_H
#define PENSTOCK_SPOOL_RECOVER_VANISHED_H

struct spool;

/* Puts each vanished segment into the catalog as an entry with no events and a report. Reads both
 * ends of every old segment, so not for the thread that opens. Until it has run the cursors don't
 * move (spool_cursor_snapshot()): otherwise they could pass a vanished segment before it is
 * noticed. */
void spool_vanished_find(struct spool *spool);

#endif
