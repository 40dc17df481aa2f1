/* SPDX-License-Identifier: MIT
 * retire.h - segments that are done go away: renamed to trash/ first, unlinked later; damaged
 * ones are kept in quarantine/. Keeper thread only. */
#ifndef PENSTOCK_SPOOL_KEEP_RETIRE_H
#define PENSTOCK_SPOOL_KEEP_RETIRE_H

#include "spool/place/cursors_file.h"

struct spool;

/* Retires every segment that is done according to the cursors as they were written (and synced). */
void spool_retire_done(struct spool *spool, const struct spool_cursor_state *written);

/* Moves what an earlier run left unfinished (<id>.new) to the trash. */
void spool_retire_leftovers(struct spool *spool);

/* Unlinks what lies in the trash; stops after some entries, to be called again. */
void spool_retire_trash(struct spool *spool);

#endif
