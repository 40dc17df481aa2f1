/* SPDX-License-Identifier: MIT
 * put_aside.h - which segments can't be read now and are passed over: marked in the catalog,
 * listed for the cursors. */
#ifndef PENSTOCK_SPOOL_LEDGER_PUT_ASIDE_H
#define PENSTOCK_SPOOL_LEDGER_PUT_ASIDE_H

#include "base/err.h"
#include "spool/format/cursor_state.h"

struct spool;

#define SPOOL_PUT_ASIDE_MS 1000 /* before the first new try */

/* Puts a segment aside after a reader at `position` has tried for a while. Any thread. */
void spool_put_aside(struct spool *spool, uint64_t segment_id, uint64_t position);

/* Fills the list of the state, as of now. With the spool's lock held. ERR_NOMEM */
enum err spool_put_aside_list(struct spool *spool, struct spool_cursor_state *state);

#endif
