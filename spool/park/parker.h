/* SPDX-License-Identifier: MIT
 * parker.h - copies the events that lagging topics still need of a segment to parked/, so that it
 * needn't stay whole.
 *
 * A segment is looked at when the cursors as written have passed it, except those of lagging lanes.
 * When all of it can be read, is intact, and their pending events take at most a quarter of it,
 * these are parked; without any the segment just goes. Other segments stay as they are. As this
 * costs a reading of the segment, it is done a minute after the cursors have passed it, or at once
 * when a quarter of the spool's size is used or free space is short. */
#ifndef PENSTOCK_SPOOL_PARK_PARKER_H
#define PENSTOCK_SPOOL_PARK_PARKER_H

struct spool;

/* Parks the segments that are due. Blocks while it reads and writes; the counting thread only. */
void spool_parker_tend(struct spool *spool);

#endif
