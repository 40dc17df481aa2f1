/* SPDX-License-Identifier: MIT
 * lanes.c - a hash table of lanes. */
#include "bridge/lane/lanes.h"

#include <stdlib.h>

void bridge_lanes_done(struct bridge_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        bridge_lane_done(lanes->items[i]);
        free(lanes->items[i]);
    }
    free(lanes->items);
    free(lanes->slots);
    *lanes = (struct bridge_lanes){0};
}

static uint32_t bridge_lanes_hash(struct bytes topic) /* FNV-1a */
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < topic.size; i++)
        hash = (hash ^ topic.data[i]) * 16777619u;
    return hash;
}

static void bridge_lanes_place(struct bridge_lanes *lanes, const struct bridge_lane *lane)
{
    size_t slot = lane->hash & (lanes->slot_count - 1);
    while (lanes->slots[slot] != 0)
        slot = (slot + 1) & (lanes->slot_count - 1);
    lanes->slots[slot] = lane->index + 1;
}

static bool bridge_lanes_grow(struct bridge_lanes *lanes)
{
    if (lanes->count < lanes->capacity)
        return true;
    size_t capacity = lanes->capacity == 0 ? 16 : lanes->capacity * 2;
    struct bridge_lane **items = realloc(lanes->items, capacity * sizeof(struct bridge_lane *));
    if (items == NULL)
        return false;
    lanes->items = items;
    uint32_t *slots = calloc(capacity * 2, sizeof *slots); /* never more than half full */
    if (slots == NULL)
        return false;
    free(lanes->slots);
    lanes->slots = slots;
    lanes->slot_count = capacity * 2;
    lanes->capacity = capacity;
    for (size_t i = 0; i < lanes->count; i++)
        bridge_lanes_place(lanes, lanes->items[i]);
    return true;
}

static struct bridge_lane *bridge_lanes_add(struct bridge_lanes *lanes, struct bytes topic,
                                            uint32_t hash)
{
    struct bridge_lane *lane = bridge_lanes_grow(lanes) ? malloc(sizeof *lane) : NULL;
    if (lane == NULL)
        return NULL;
    bridge_lane_init(lane, (uint32_t)lanes->count);
    lane->hash = hash;
    lane->topic_size = topic.size;
    lane->topic = strndup((const char *)topic.data, topic.size);
    if (lane->topic == NULL) {
        free(lane);
        return NULL;
    }
    lanes->items[lanes->count++] = lane;
    bridge_lanes_place(lanes, lane);
    return lane;
}

struct bridge_lane *bridge_lanes_find_slow(struct bridge_lanes *lanes, struct bytes topic)
{
    uint32_t hash = bridge_lanes_hash(topic);
    struct bridge_lane *found = NULL;
    for (size_t slot = hash; lanes->slot_count > 0; slot++) {
        uint32_t index = lanes->slots[slot & (lanes->slot_count - 1)];
        if (index == 0)
            break;
        struct bridge_lane *lane = lanes->items[index - 1];
        if (lane->hash == hash && lane->topic_size == topic.size &&
            memcmp(lane->topic, topic.data, topic.size) == 0) {
            found = lane;
            break;
        }
    }
    if (found == NULL)
        found = bridge_lanes_add(lanes, topic, hash);
    if (found != NULL)
        lanes->last = found;
    return found;
}
