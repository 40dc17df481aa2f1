/* SPDX-License-Identifier: MIT
 * advance.c - from delivery reports to the spool's cursors, and back from them at start. */
#include "bridge/forward/advance.h"

#include "bridge/core/condemn.h"
#include "bridge/core/internal.h"
#include "bridge/forward/head.h"

#include <stdlib.h>

/* delivered events kept while the watermark is pinned, per event allowed in flight */
#define ENTRIES_PER_FLIGHT 4

enum err bridge_cursor_open(struct bridge *bridge)
{
    const struct spool_cursor_state *state = spool_cursor_at_open(bridge->spool);
    bridge->watermark_id = bridge->all_done_id = state->done_id;
    for (size_t i = 0; i < state->lane_count; i++) {
        struct bridge_lane *lane =
            bridge_lanes_find(&bridge->lanes, bytes_of_string(state->lanes[i].topic));
        if (lane == NULL)
            return ERR_NOMEM;
        if (state->lanes[i].done_id >= state->done_id)
            continue;
        lane->mode = BRIDGE_LANE_MODE_CATCHING_UP;
        lane->own_cursor = true;
        lane->read_id = lane->cursor_id = state->lanes[i].done_id;
        bridge->unsettled = true;
    }
    return bridge_reader_open(&bridge->head, bridge->spool, state->done_id);
}

static bool make_room(struct bridge *bridge)
{
    size_t need = bridge->lanes.count;
    if (need <= bridge->cursor_capacity)
        return true;
    size_t capacity = need + need / 2 + 16;
    struct spool_lane_cursor *cursors = realloc(bridge->cursors, capacity * sizeof *cursors);
    if (cursors != NULL)
        bridge->cursors = cursors;
    struct spool_outcome *outcomes = realloc(bridge->outcomes, capacity * sizeof *outcomes);
    if (outcomes != NULL)
        bridge->outcomes = outcomes;
    if (cursors == NULL || outcomes == NULL)
        return false;
    bridge->cursor_capacity = capacity;
    return true;
}

/* Gives a cursor of its own to a lane that doesn't move: such a lane must not pin the common
 * cursor, nor the entries of other lanes' events that were delivered after its own. */
static void unpin(struct bridge *bridge, uint64_t entries)
{
    if (!bridge->link.up || entries <= bridge->budget.events)
        return; /* no delivered event is pinned, or Kafka is away */
    bool full = entries > (uint64_t)ENTRIES_PER_FLIGHT * bridge->options->in_flight_events_max;
    struct bridge_lane *lowest = NULL;
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        const struct bridge_in_flight_entry *open =
            lane->own_cursor ? NULL : bridge_in_flight_open(&lane->window);
        if (open == NULL)
            continue;
        /* A partition without a leader holds its event while the topic's others go on. */
        bool slow = (int32_t)((uint32_t)bridge->now_ms - open->taken_ms) >= BRIDGE_LANE_SLOW_MS;
        if (slow || bridge->now_ms - lane->good_ms >= BRIDGE_LANE_PIN_MS)
            lane->own_cursor = true;
        else if (lowest == NULL || open->id < bridge_in_flight_open(&lowest->window)->id)
            lowest = lane;
    }
    if (full && lowest != NULL)
        lowest->own_cursor = true;
}

static uint64_t find_watermark(struct bridge *bridge)
{
    uint64_t watermark_id = bridge_reader_position(&bridge->head);
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (!lane->own_cursor)
            watermark_id = bridge_in_flight_floor(&lane->window, watermark_id);
    }
    return watermark_id > bridge->watermark_id ? watermark_id : bridge->watermark_id;
}

/* Replaces the producer when events of lanes without a good report for long fill most of it and
 * leave too little room for the other lanes. */
static void check_stuck(struct bridge *bridge, uint64_t stuck)
{
    if (!bridge->link.up || stuck <= bridge->budget.events_max / 4 * 3 || bridge->sink == NULL ||
        bridge->now_ms - bridge->sink_made_ms < 6 * BRIDGE_STUCK_MS)
        return;
    bridge_producer_condemn(bridge, 0, "topics that don't move fill the producer's queue");
}

/* Tells the spool that events up to watermark_id are done, except those of lagging lanes. */
static void tell(struct bridge *bridge, uint64_t watermark_id, enum spool_delivery mode)
{
    uint64_t all_done_id = watermark_id;
    size_t cursor_count = 0, outcome_count = 0;
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (bridge_lane_advance(lane, watermark_id)) {
            bridge->cursors[cursor_count++] =
                (struct spool_lane_cursor){lane->topic, lane->cursor_id};
            all_done_id = lane->cursor_id < all_done_id ? lane->cursor_id : all_done_id;
        }
        if (lane->delivered_new + lane->dead_new > 0)
            bridge->outcomes[outcome_count++] =
                (struct spool_outcome){{(const uint8_t *)lane->topic, lane->topic_size},
                                       lane->delivered_new,
                                       lane->dead_new};
    }
    if (spool_advance(bridge->spool, mode, watermark_id, bridge->cursors, cursor_count,
                      bridge->outcomes, outcome_count) != ERR_OK)
        return; /* the counts are kept for the next time */
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        bridge->copies.failed += lane->uncopied_new;
        lane->delivered_new = lane->dead_new = lane->uncopied_new = 0;
    }
    bridge->watermark_id = watermark_id;
    bridge->all_done_id = all_done_id;
    bridge->behind_count = cursor_count;
    bridge->dirty = false;
    bridge->advanced_ms = bridge->now_ms;
}

void bridge_cursor_committed(struct bridge *bridge, uint64_t position_id)
{
    if (bridge->head.tail == NULL || !make_room(bridge))
        return;
    for (size_t i = 0; i < bridge->lanes.count; i++)
        bridge_head_say(bridge, bridge->lanes.items[i]);
    tell(bridge, position_id, SPOOL_EXACTLY_ONCE);
}

void bridge_cursor_advance(struct bridge *bridge)
{
    if (bridge->head.tail == NULL || !make_room(bridge))
        return;
    uint64_t entries = 0, stuck = 0;
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        bridge_head_say(bridge, lane);
        entries += bridge_in_flight_count(&lane->window);
        if (bridge->now_ms - lane->good_ms > BRIDGE_STUCK_MS)
            stuck += lane->window.in_flight;
    }
    unpin(bridge, entries);
    check_stuck(bridge, stuck);

    tell(bridge, find_watermark(bridge), SPOOL_AT_LEAST_ONCE);
}
