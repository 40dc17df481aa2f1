/* SPDX-License-Identifier: MIT
 * parked.h - segments that only lagging topics still need: their pending events lie in parked/, or
 * none is left.
 *
 * A parked segment is its segment with fewer events: the same id and nonce, and the pending events'
 * frames as they stood. So cursors, receipts, order, and all that names an event by its id stay
 * valid; only the folder differs, and the list of its indexes is written in it
 * (docs/spool-format.md §4).
 *
 *   parked/<id> is written and synced --> the catalog has it (tails read there)
 *   --> the cursors name it, synced --> segments/<id> goes
 *
 * A segment in which no event is left has no directory; the cursors name it (as a range with its
 * neighbours) until all up to it is done, so that it isn't taken for vanished. Deciding and
 * copying: spool/park/parker.h. */
#ifndef PENSTOCK_SPOOL_PARK_PARKED_H
#define PENSTOCK_SPOOL_PARK_PARKED_H

#include "base/err.h"

#include <stdint.h>

struct spool;
struct spool_cursor_state;

#define SPOOL_PARKED_FOLDER "parked"

/* While opening, once cursors and segments/ are known. A segment in parked/ counts when the cursors
 * name it, or when it is nowhere else; another was not finished. Errors: ERR_UNREADABLE, ERR_NOMEM,
 * … */
enum err spool_parked_load(struct spool *spool, struct errmsg *msg);

/* Moves what lies in parked/ to the trash. Errors: as spool_dir_move() */
enum err spool_parked_trash(struct spool *spool, uint64_t segment_id, struct errmsg *msg);

/* The state was written and synced: segments that it says are parked leave segments/. Keeper thread
 * only. */
void spool_parked_retire_originals(struct spool *spool, const struct spool_cursor_state *written);

#endif
