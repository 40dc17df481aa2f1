/* SPDX-License-Identifier: MIT
 * progress.h - the cursors: from the bridge's calls to the state of the cursors file. */
#ifndef PENSTOCK_SPOOL_LEDGER_PROGRESS_H
#define PENSTOCK_SPOOL_LEDGER_PROGRESS_H

#include "base/err.h"
#include "spool/format/cursor_state.h"

struct spool;

/* The state that spool_advance() was given last, owned. */
struct spool_progress {
    enum spool_delivery mode;
    uint64_t done_id;
    struct spool_lane_cursor *lanes;
    size_t lane_count;
    bool dirty; /* not yet written to the cursors file */
};

/* Starts with the cursors at open, before another thread looks. ERR_NOMEM */
enum err spool_progress_load(struct spool *spool);

/* Builds the state to write to the cursors file now; the caller frees it. ERR_NOMEM */
enum err spool_cursor_snapshot(struct spool *spool, struct spool_cursor_state *ret_state);

#endif
