/* SPDX-License-Identifier: MIT
 * progress.h - what is done: from the bridge's word to the state of the cursors file. */
#ifndef PENSTOCK_SPOOL_LEDGER_PROGRESS_H
#define PENSTOCK_SPOOL_LEDGER_PROGRESS_H

#include "base/err.h"
#include "spool/format/cursor_state.h"

struct spool;

/* What spool_advance() was told last, owned. */
struct spool_progress {
    enum spool_delivery mode;
    uint64_t done_id;
    struct spool_lane_cursor *lanes;
    size_t lane_count;
    bool dirty; /* not yet written to the cursors file */
};

/* Goes on from where the cursors stood at open, before anybody else looks. ERR_NOMEM */
enum err spool_progress_load(struct spool *spool);

/* Builds what is to be written to the cursors file now; the caller frees it. ERR_NOMEM */
enum err spool_cursor_snapshot(struct spool *spool, struct spool_cursor_state *ret_state);

#endif
