/* SPDX-License-Identifier: MIT
 * catch_up.c - lagging lanes read the spool by themselves, in turn, until they reach the head. */
#include "bridge/forward/catch_up.h"

#include "bridge/core/internal.h"
#include "bridge/exactly_once/known.h"
#include "bridge/forward/head.h"
#include "bridge/forward/letters.h"

static void close_reader(struct bridge *bridge, struct bridge_lane *lane)
{
    if (lane->reader.tail == NULL)
        return;
    bridge_reader_close(&lane->reader);
    bridge->side_readers--;
}

static void join(struct bridge *bridge, struct bridge_lane *lane)
{
    close_reader(bridge, lane);
    bridge_lane_join(lane);
    if (lane->probation) { /* the lane's events up to the head are in flight or done */
        lane->probation = false;
        lane->attempts = 0;
        lane->error = 0;
    }
}

/* A lane on probation has to pass the cause of its trouble alone, before it goes with the other
 * lanes again. */
static bool may_join(const struct bridge *bridge, const struct bridge_lane *lane)
{
    return !lane->probation || bridge->head_at_end || bridge_txn_holds_head(bridge);
}

/* Passes one event of the lane's own reader. False: the lane can do no more now, or has joined the
 * head. */
static bool pass_event(struct bridge *bridge, struct bridge_lane *lane)
{
    struct errmsg msg = {""};
    enum err rc = bridge_reader_peek(&lane->reader, &bridge->holds, &msg);
    if (rc == ERR_END) {
        uint64_t position = bridge_reader_position(&lane->reader);
        lane->read_id = position > lane->read_id ? position : lane->read_id;
        join(bridge, lane);
        return false;
    }
    if (rc != ERR_OK) {
        bridge_head_unreadable(bridge, rc, &msg);
        lane->due_ms = bridge->now_ms + BRIDGE_READ_RETRY_MS;
        return false;
    }
    const struct spool_event *event = &lane->reader.event;
    if (bridge->txn.state != BRIDGE_TXN_OFF && event->id > bridge->head.passed_id) {
        /* A lane must not get ahead of the head: Kafka's cursor could not express that. */
        if (may_join(bridge, lane))
            join(bridge, lane);
        return false;
    }
    bool own = event->topic.size == lane->topic_size &&
               memcmp(event->topic.data, lane->topic, lane->topic_size) == 0;
    bool given_up = own && bridge_letters_is_one(bridge, lane, event);
    if (own && bridge_txn_knows(bridge, lane, event, &lane->reader)) {
        lane->delivered_new += !given_up;
        lane->dead_new += given_up;
        own = false;
    } else if (given_up) {
        if (!bridge_letters_give_up(bridge, lane, event))
            return false;
        own = false;
    }
    if (own && (!bridge_head_take(bridge, lane, lane->reader.hold, event) ||
                lane->mode != BRIDGE_LANE_MODE_CATCHING_UP))
        return false;
    if (event->id > lane->read_id)
        lane->read_id = event->id;
    bridge_reader_pass(&lane->reader);
    bridge->dirty = true;
    return true;
}

static unsigned flow_lane(struct bridge *bridge, struct bridge_lane *lane, unsigned events_max)
{
    unsigned passed = 0;
    while (passed < events_max && lane->mode == BRIDGE_LANE_MODE_CATCHING_UP) {
        if (lane->read_id >= bridge->head.passed_id) {
            if (may_join(bridge, lane))
                join(bridge, lane);
            break;
        }
        if (bridge_lane_room(lane, &bridge->budget) != BRIDGE_LANE_ROOM)
            break;
        if (lane->reader.tail == NULL) {
            if (bridge->side_readers >= BRIDGE_SIDE_READERS_MAX ||
                bridge_reader_open(&lane->reader, bridge->spool, lane->read_id) != ERR_OK)
                break;
            bridge->side_readers++;
        }
        if (!pass_event(bridge, lane))
            break;
        passed++;
    }
    return passed;
}

bool bridge_catch_up(struct bridge *bridge, unsigned events_max)
{
    unsigned passed = 0;
    size_t count = bridge->lanes.count;
    for (size_t i = 0; i < count && passed < events_max; i++) {
        struct bridge_lane *lane = bridge->lanes.items[(bridge->side_turn + i) % count];
        if (lane->mode != BRIDGE_LANE_MODE_CATCHING_UP || bridge->now_ms < lane->due_ms ||
            !bridge_txn_takes(bridge, lane))
            continue;
        unsigned part = flow_lane(bridge, lane, events_max - passed);
        passed += part;
        if (part == 0 && bridge->now_ms - lane->good_ms > BRIDGE_LANE_STUCK_MS)
            close_reader(bridge, lane); /* the lane can't go on: another one may read */
    }
    if (count > 0)
        bridge->side_turn = (bridge->side_turn + 1) % count;
    return passed > 0;
}
