/* SPDX-License-Identifier: MIT
 * parker.h - copies what lanes that are behind still need of a segment to parked/, so that it
 * needn't stay whole.
 *
 * A segment is looked at when the cursors as written have passed it, but for lanes that are behind.
 * When all of it can be read, is intact, and their pending events take at most a quarter of it,
 * these are parked; with none at all nothing is left. What isn't so plain stays as it is. That
 * costs a reading of the segment, so it is done a minute after the cursors have passed it, or at
 * once when a quarter of the spool's size is used or free space is short. */
#ifndef PENSTOCK_SPOOL_PARK_PARKER_H
#define PENSTOCK_SPOOL_PARK_PARKER_H

struct spool;

/* Parks what is due. Blocks while it reads and writes; the counting thread only. */
void spool_parker_tend(struct spool *spool);

#endif
