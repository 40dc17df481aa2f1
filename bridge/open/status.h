/* SPDX-License-Identifier: MIT
 * status.h - what other threads may know of the bridge: copied out by its own thread. */
#ifndef PENSTOCK_BRIDGE_OPEN_STATUS_H
#define PENSTOCK_BRIDGE_OPEN_STATUS_H

#include <stdbool.h>

struct bridge;

void bridge_find_bootstrap(struct bridge *bridge); /* from the mock cluster or the options */
void bridge_status_publish(struct bridge *bridge, bool idle, unsigned ticket);

#endif
