/* SPDX-License-Identifier: MIT
 * advance.h - from delivery reports to the cursors of the spool, and back at start. Bridge
 * thread only. */
#ifndef PENSTOCK_BRIDGE_FORWARD_ADVANCE_H
#define PENSTOCK_BRIDGE_FORWARD_ADVANCE_H

#include "base/err.h"

#include <stdint.h>

struct bridge;

/* Sets lanes and head from the cursors of the spool. ERR_NOMEM */
enum err bridge_cursor_open(struct bridge *bridge);

/* at_least_once: reports lanes that are stuck or flow again, and tells the spool what is done. */
void bridge_cursor_advance(struct bridge *bridge);

/* exactly_once: the events in the windows are committed, and so are all up to position_id, except
 * those of lagging lanes. */
void bridge_cursor_committed(struct bridge *bridge, uint64_t position_id);

#endif
