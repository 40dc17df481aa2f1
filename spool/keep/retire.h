/* SPDX-License-Identifier: MIT
 * retire.h - takes done segments away: renames them to trash/ first, unlinks them later; keeps
 * damaged ones in quarantine/. Keeper thread only. */
#ifndef PENSTOCK_SPOOL_KEEP_RETIRE_H
#define PENSTOCK_SPOOL_KEEP_RETIRE_H

#include "spool/place/cursors_file.h"

struct spool;

/* Retires the segments that are done by the cursors as they were written (and synced). */
void spool_retire_done(struct spool *spool, const struct spool_cursor_state *written);

/* Moves unfinished segments of earlier runs (<id>.new) to the trash. */
void spool_retire_leftovers(struct spool *spool);

/* Unlinks entries of the trash; stops after some, to be called again. */
void spool_retire_trash(struct spool *spool);

#endif
