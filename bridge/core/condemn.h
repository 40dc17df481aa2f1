/* SPDX-License-Identifier: MIT
 * condemn.h - marks a producer that can't go on: it is replaced in the next turn. */
#ifndef PENSTOCK_BRIDGE_CORE_CONDEMN_H
#define PENSTOCK_BRIDGE_CORE_CONDEMN_H

struct bridge;

/* Marks the producer to be replaced; the first reason counts. Bridge thread only. */
void bridge_producer_condemn(struct bridge *bridge, int code, const char *text);

#endif
