/* SPDX-License-Identifier: MIT
 * status.c - what other threads may read: copied out by the bridge thread, read under its lock. */
#include "bridge/open/status.h"

#include "base/clock.h"
#include "bridge/client/mock.h"
#include "bridge/core/internal.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t oldest_pending_ms(struct bridge *bridge)
{
    int64_t oldest = 0;
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        int64_t time_ms = bridge_lane_oldest_ms(bridge->lanes.items[i]);
        if (time_ms != 0 && (oldest == 0 || time_ms < oldest))
            oldest = time_ms;
    }
    if (oldest == 0 && bridge->head.has_event) {
        const struct spool_event *event = &bridge->head.event;
        oldest = event->client_time ? spool_segment_id_time_ms(spool_id_segment(event->id))
                                    : event->time_ms;
    }
    return oldest;
}

static void fill_lane(const struct bridge *bridge, const struct bridge_lane *lane,
                      struct bridge_lane_stats *ret)
{
    static const enum bridge_lane_state states[] = {
        [BRIDGE_LANE_MODE_FLOWING] = BRIDGE_LANE_FLOWING,
        [BRIDGE_LANE_MODE_DRAINING] = BRIDGE_LANE_BACKING_OFF,
        [BRIDGE_LANE_MODE_BACKING_OFF] = BRIDGE_LANE_BACKING_OFF,
        [BRIDGE_LANE_MODE_CATCHING_UP] = BRIDGE_LANE_CATCHING_UP,
    };
    snprintf(ret->topic, sizeof ret->topic, "%s", lane->topic);
    ret->state = states[lane->mode];
    ret->done_id = lane->own_cursor ? lane->cursor_id : bridge->watermark_id;
    ret->in_flight = lane->window.in_flight;
    ret->failures = lane->failures;
    snprintf(ret->last_error, sizeof ret->last_error, "%s", lane->error_text);
}

static void publish_lanes(struct bridge *bridge)
{
    struct bridge_published *published = &bridge->published;
    if (bridge->lanes.count > published->lane_capacity) {
        size_t capacity = bridge->lanes.count + 16;
        struct bridge_lane_stats *lanes = realloc(published->lanes, capacity * sizeof *lanes);
        if (lanes == NULL)
            return; /* the previous copy stays */
        published->lanes = lanes;
        published->lane_capacity = capacity;
    }
    for (size_t i = 0; i < bridge->lanes.count; i++)
        fill_lane(bridge, bridge->lanes.items[i], &published->lanes[i]);
    published->lane_count = bridge->lanes.count;
}

void bridge_find_bootstrap(struct bridge *bridge)
{
    const char *bootstrap = bridge->mock != NULL ? bridge_mock_bootstrap(bridge->mock) : "";
    for (size_t i = 0; bridge->mock == NULL && i < bridge->options->property_count; i++)
        if (strcmp(bridge->options->properties[i].name, "bootstrap.servers") == 0)
            bootstrap = bridge->options->properties[i].value;
    snprintf(bridge->bootstrap, sizeof bridge->bootstrap, "%s", bootstrap);
}

void bridge_status_publish(struct bridge *bridge, bool idle, unsigned ticket)
{
    struct bridge_stats stats = {
        .connected = bridge->link.up,
        .done_id = bridge->watermark_id,
        .read_id = bridge->head.passed_id,
        .in_flight_events = bridge->budget.events,
        .in_flight_bytes = bridge->budget.bytes,
        .produced = bridge->produced,
        .delivered = bridge->delivered,
        .failed = bridge->failed,
        .producer_recreations = bridge->recreations,
        .letters_copied = bridge->copies.made,
        .letters_not_copied = bridge->copies.failed,
        .oldest_pending_ms = oldest_pending_ms(bridge),
    };
    snprintf(stats.bootstrap, sizeof stats.bootstrap, "%s", bridge->bootstrap);
    bool with_lanes = idle || bridge->now_ms - bridge->published_ms >= BRIDGE_PUBLISH_MS;

    pthread_mutex_lock(&bridge->lock);
    struct bridge_published *published = &bridge->published;
    published->stats = stats;
    if (with_lanes)
        publish_lanes(bridge);
    published->all_done_id = bridge->all_done_id;
    published->away =
        (!bridge->link.up && bridge->now_ms - bridge->link.down_since_ms >= BRIDGE_AWAY_MS) ||
        bridge->txn.state == BRIDGE_TXN_STOPPED;
    if (idle)
        published->idle_ticket = ticket;
    pthread_cond_broadcast(&bridge->changed);
    pthread_mutex_unlock(&bridge->lock);
    if (with_lanes)
        bridge->published_ms = bridge->now_ms;
}

void bridge_stats_get(struct bridge *bridge, struct bridge_stats *ret_stats)
{
    pthread_mutex_lock(&bridge->lock);
    *ret_stats = bridge->published.stats;
    pthread_mutex_unlock(&bridge->lock);
}

enum err bridge_lane_stats_get(struct bridge *bridge, struct bridge_lane_stats **ret_lanes,
                               size_t *ret_count)
{
    pthread_mutex_lock(&bridge->lock);
    size_t count = bridge->published.lane_count;
    struct bridge_lane_stats *lanes = calloc(count + 1, sizeof *lanes);
    if (lanes != NULL && count > 0)
        memcpy(lanes, bridge->published.lanes, count * sizeof *lanes);
    pthread_mutex_unlock(&bridge->lock);
    if (lanes == NULL)
        return ERR_NOMEM;
    *ret_lanes = lanes;
    *ret_count = count;
    return ERR_OK;
}
