/* SPDX-License-Identifier: MIT
 * head.h - the head: reading the spool in order, handing events over, taking in reports.
 * Bridge thread only. */
#ifndef PENSTOCK_BRIDGE_FORWARD_HEAD_H
#define PENSTOCK_BRIDGE_FORWARD_HEAD_H

#include "base/err.h"
#include "bridge/lane/lane.h"
#include "spool/spool.h"

struct bridge;

/* Passes events from the reader of the head to their lanes. True: an event was passed. */
bool bridge_head_flow(struct bridge *bridge);

/* Hands an event of the lane over; the reader's chunk stays until its report, unless the client
 * copies the event. False: the event can't be taken now. */
bool bridge_head_take(struct bridge *bridge, struct bridge_lane *lane,
                      struct bridge_chunk_pin *hold, const struct spool_event *event);
/* Reports that the spool can't be read, at most once a minute. */
void bridge_head_unreadable(struct bridge *bridge, enum err rc, const struct errmsg *msg);
void bridge_head_report(void *bridge, uint64_t token, int code, int32_t partition,
                        int64_t offset);      /* for struct bridge_sink_handler */
void bridge_head_tend(struct bridge *bridge); /* rewinds and wakes lanes whose time has come */

/* Reports that a lane is stuck, or flows again. */
void bridge_head_say(struct bridge *bridge, struct bridge_lane *lane);
void bridge_head_say_wait(struct bridge *bridge, struct bridge_lane *lane, int64_t wait_ms);
/* When the event was accepted, in ms; the time that a client gave it says nothing about that. */
int64_t bridge_head_accepted_ms(const struct spool_event *event);

#endif
