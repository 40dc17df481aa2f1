/* SPDX-License-Identifier: MIT
 * lanes.h - all lanes: found by topic, numbered from 0; a lane stays as long as the bridge.
 * Pure but for memory. */
#ifndef PENSTOCK_BRIDGE_LANE_LANES_H
#define PENSTOCK_BRIDGE_LANE_LANES_H

#include "bridge/lane/lane.h"

struct bridge_lanes {
    struct bridge_lane **items; /* by index */
    size_t count, capacity;
    uint32_t *slots;          /* hash table: index + 1, 0 is free */
    size_t slot_count;        /* a power of two, or 0 */
    struct bridge_lane *last; /* found last: events come in runs of a topic */
};

void bridge_lanes_done(struct bridge_lanes *lanes);

/* The topic's lane, made when there is none. NULL when memory is out. */
struct bridge_lane *bridge_lanes_find_slow(struct bridge_lanes *lanes, struct bytes topic);

static inline struct bridge_lane *bridge_lanes_find(struct bridge_lanes *lanes, struct bytes topic)
{
    struct bridge_lane *last = lanes->last;
    if (last != NULL && last->topic_size == topic.size &&
        memcmp(last->topic, topic.data, topic.size) == 0)
        return last;
    return bridge_lanes_find_slow(lanes, topic);
}

#endif
