/* SPDX-License-Identifier: MIT
 * catch_up.h - lagging lanes read the spool by themselves. Bridge thread only. */
#ifndef PENSTOCK_BRIDGE_FORWARD_CATCH_UP_H
#define PENSTOCK_BRIDGE_FORWARD_CATCH_UP_H

#include <stdbool.h>

struct bridge;

/* Passes at most events_max events of lagging lanes in all. True: an event was passed. */
bool bridge_catch_up(struct bridge *bridge, unsigned events_max);

#endif
