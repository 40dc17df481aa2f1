/* SPDX-License-Identifier: MIT
 * letters.h - events that Kafka can never take: found, written to dead-letter/, passed.
 *
 * Kafka refuses a batch as a whole, so only an event that fails alone, by an error of the class
 * "event", is at fault. After trouble a lane goes on with one event in flight; the one that fails
 * then is the poison. The lane goes back, and gives the poison up when it comes to that event
 * again. The letter is synced before any cursor passes the event. All on the bridge's thread. */
#ifndef PENSTOCK_BRIDGE_FORWARD_LETTERS_H
#define PENSTOCK_BRIDGE_FORWARD_LETTERS_H

#include "bridge/lane/lane.h"

struct bridge;

/* Loads which letters earlier runs left; tries again now and then until that has worked. */
void bridge_letters_tend(struct bridge *bridge);

/* An event of the lane failed, or was refused: is it the event's own fault? */
void bridge_letters_suspect(struct bridge *bridge, struct bridge_lane *lane, uint64_t id, int code);

/* exactly_once: an event of the lane went through. */
void bridge_letters_good(struct bridge_lane *lane);

/* Is the event to be given up (or was it, before a crash)? */
bool bridge_letters_is_one(struct bridge *bridge, const struct bridge_lane *lane,
                           const struct spool_event *event);

/* Gives up an event that the lane, reading by itself, has come to. True: the event is in
 * dead-letter/ (its copy is under way or couldn't be made) and can be passed. False: not now. */
bool bridge_letters_give_up(struct bridge *bridge, struct bridge_lane *lane,
                            const struct spool_event *event);

/* Does the lane search an event that fails by its own fault? Such a search doesn't wait between
 * tries. */
bool bridge_letters_searches(const struct bridge_lane *lane);

#endif
