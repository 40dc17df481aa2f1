/* SPDX-License-Identifier: MIT
 * letters.h - events that Kafka can never take: found, written to dead-letter/, passed.
 *
 * Kafka refuses a batch as a whole, so only an event that fails alone, by an error of the class
 * "event", is at fault. After trouble a lane goes on with one event in flight; the one that fails
 * then is the poison, and is given up when the lane, having gone back, comes to it again. It is
 * synced before any cursor passes it. All on the bridge's thread. */
#ifndef PENSTOCK_BRIDGE_FORWARD_LETTERS_H
#define PENSTOCK_BRIDGE_FORWARD_LETTERS_H

#include "bridge/lane/lane.h"

struct bridge;

/* Reads which letters an earlier run left; now and then until that has worked. */
void bridge_letters_tend(struct bridge *bridge);

/* An event of the lane failed, or was refused: is it the event's own fault? */
void bridge_letters_suspect(struct bridge *bridge, struct bridge_lane *lane, uint64_t id, int code);

/* exactly_once: an event of the lane went through. */
void bridge_letters_good(struct bridge_lane *lane);

/* Is it to be given up (or was it, before a crash)? */
bool bridge_letters_is_one(struct bridge *bridge, const struct bridge_lane *lane,
                           const struct spool_event *event);

/* The lane, reading by itself, has come to one. True: it is in dead-letter/ (its copy is under way
 * or couldn't be made), and can be passed. False: not now. */
bool bridge_letters_give_up(struct bridge *bridge, struct bridge_lane *lane,
                            const struct spool_event *event);

/* An event that fails by its own fault is looked for at once, without waits. */
bool bridge_letters_searches(const struct bridge_lane *lane);

#endif
