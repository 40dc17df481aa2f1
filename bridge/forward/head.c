/* SPDX-License-Identifier: MIT
 * head.c - from the spool to the producer and back: taking events, taking reports. */
#include "bridge/forward/head.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "bridge/client/error_table.h"
#include "bridge/core/condemn.h"
#include "bridge/core/internal.h"
#include "bridge/core/say.h"
#include "bridge/exactly_once/known.h"
#include "bridge/forward/letters.h"
#include "bridge/lane/backoff.h"
#include "spool/spool_delivery_wait.h"

#include <inttypes.h>

#define TOKEN_SEQ_BITS 40
#define SAY_AGAIN_MS   60000
#define LOOK_MS        200

int64_t bridge_head_accepted_ms(const struct spool_event *event)
{
    int64_t time_ms =
        event->client_time ? spool_segment_id_time_ms(spool_id_segment(event->id)) : event->time_ms;
    return time_ms > 0 && time_ms <= SPOOL_EVENT_TIME_MS_MAX ? time_ms : 1;
}

static void open_topic(struct bridge *bridge, struct bridge_lane *lane)
{
    lane->sink_topic = bridge_sink_topic_open(bridge->sink, lane->topic);
    /* Asks for the topic's partitions at once; librdkafka 2.0 would only do it within the next
     * second. */
    if (bridge->link.up)
        (void)bridge_sink_probe(bridge->sink, lane->sink_topic, 1);
}

/* Copied events pin no chunk: for lanes that may not move for long, and when too much memory is
 * pinned already. */
static bool should_copy(const struct bridge *bridge, struct bridge_lane *lane)
{
    if (bridge->holds.held_bytes > bridge->options->in_flight_bytes_max / 2 * 3)
        return true;
    const struct bridge_in_flight_entry *open = bridge_in_flight_open(&lane->window);
    return open != NULL && (bridge->now_ms - lane->good_ms > BRIDGE_SUSPECT_MS ||
                            (uint32_t)bridge->now_ms - open->taken_ms > BRIDGE_LANE_STUCK_MS);
}

static void lane_failed(struct bridge *bridge, struct bridge_lane *lane, int code)
{
    bridge->failed++;
    bridge->unsettled = true;
    if (bridge_error_of(code) == BRIDGE_ERROR_RECREATE)
        bridge_producer_condemn(bridge, code, bridge_error_code_text(code));
    if (lane->reader.tail != NULL)
        bridge->side_readers--;
    bridge_lane_failed(lane, code, bridge_error_code_text(code));
}

bool bridge_head_take(struct bridge *bridge, struct bridge_lane *lane,
                      struct bridge_chunk_pin *hold, const struct spool_event *event)
{
    bool transactional = bridge->txn.state != BRIDGE_TXN_OFF;
    if (!bridge_in_flight_reserve(&lane->window))
        return false;
    if (transactional && !bridge_txn_admit(bridge, lane, event))
        /* BACKING_OFF: the head passes the event, the lane reads it again by itself */
        return lane->mode == BRIDGE_LANE_MODE_BACKING_OFF;
    if (lane->sink_topic == NULL)
        open_topic(bridge, lane);
    if (lane->window.in_flight == 0)
        lane->good_ms = bridge->now_ms;
    bool copy = should_copy(bridge, lane);
    uint64_t seq = lane->window.end_seq;
    struct bridge_in_flight_entry entry = {
        .id = event->id,
        .hold = copy ? NULL : hold,
        .time_ms = (uint64_t)bridge_head_accepted_ms(event),
        .bytes = (uint32_t)(event->key.size + event->value.size + event->headers.size),
        .taken_ms = (uint32_t)bridge->now_ms,
    };
    bridge_in_flight_push(&lane->window, &entry);
    uint64_t token =
        (uint64_t)lane->index << TOKEN_SEQ_BITS | (seq & ((1ull << TOKEN_SEQ_BITS) - 1));
    int code = bridge_sink_produce(bridge->sink, lane->sink_topic, event, token, copy);
    if (code != 0) {
        if (code == BRIDGE_SINK_FULL || transactional)
            bridge_in_flight_unpush(&lane->window);
        if (code == BRIDGE_SINK_FULL)
            return false;
        if (transactional) {
            bridge_txn_refused(bridge, lane, event, code);
            return lane->mode == BRIDGE_LANE_MODE_BACKING_OFF;
        }
        (void)bridge_in_flight_report(&lane->window, seq, false);
        bridge_letters_suspect(bridge, lane, event->id, code);
        lane_failed(bridge, lane, code);
        return true;
    }
    if (!copy)
        bridge_chunk_pin_take(hold);
    bridge->budget.events++;
    bridge->budget.bytes += entry.bytes;
    bridge->produced++;
    lane->took_ms = bridge->now_ms;
    lane->held_up_since_ms = 0;
    if (lane->mode == BRIDGE_LANE_MODE_CATCHING_UP)
        lane->waiting_time_ms = (int64_t)entry.time_ms;
    if (event->id > lane->read_id)
        lane->read_id = event->id;
    return true;
}

void bridge_head_report(void *arg, uint64_t token, int code, int32_t partition, int64_t offset)
{
    struct bridge *bridge = arg;
    if (token == BRIDGE_LETTER_COPIES_TOKEN) {
        bridge_letter_copies_report(bridge, code);
        return;
    }
    struct bridge_lane *lane = bridge->lanes.items[token >> TOKEN_SEQ_BITS];
    uint64_t id = bridge_in_flight_at(&lane->window, token)->id;
    bridge->budget.bytes -= bridge_in_flight_at(&lane->window, token)->bytes;
    bridge->budget.events--;
    bridge->dirty = true;
    if (code == 0 && spool_delivery_wait_any(bridge->spool))
        spool_delivery_wait_note(bridge->spool, bridge_in_flight_at(&lane->window, token)->id,
                                 partition, offset, bridge->txn.state == BRIDGE_TXN_OFF);
    bridge_chunk_pin_release(bridge_in_flight_report(&lane->window, token, code == 0));
    if (code == 0) {
        bridge->delivered++;
        bridge->good_ms = bridge->now_ms;
        if (lane->mode == BRIDGE_LANE_MODE_FLOWING)
            bridge->flowing_good_ms = bridge->now_ms;
    }
    if (code != 0)
        bridge_letters_suspect(bridge, lane, id, code);
    if (bridge->txn.state != BRIDGE_TXN_OFF) {
        bridge_txn_report(bridge, lane, code);
    } else if (code == 0) {
        bridge_lane_good(lane, bridge->now_ms);
    } else {
        lane_failed(bridge, lane, code);
    }
}

static bool others_flow(const struct bridge *bridge, const struct bridge_lane *lane)
{
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        const struct bridge_lane *other = bridge->lanes.items[i];
        if (other != lane && other->took_ms != 0 &&
            bridge->now_ms - other->took_ms < 10 * BRIDGE_LANE_SLOW_MS)
            return true;
    }
    return false;
}

/* The lane's event can't be taken now. True: the lane leaves, and the head goes on without it. */
static bool leaves(struct bridge *bridge, struct bridge_lane *lane, enum bridge_lane_room room)
{
    const struct bridge_lane_view view = {
        .connected = bridge->link.up,
        .others_good = bridge->good_ms > bridge->sink_made_ms,
        .others_flow = others_flow(bridge, lane),
    };
    if (bridge->txn.state != BRIDGE_TXN_OFF)
        return false; /* the transaction ends soon, by a commit or an abort */
    if (room == BRIDGE_LANE_ROOM_NOWHERE ||
        !bridge_lane_should_leave(lane, bridge->now_ms, &view, &bridge->budget))
        return false;
    const struct spool_event *event = &bridge->head.event;
    bridge_lane_leave(lane, event->id - 1, bridge_head_accepted_ms(event));
    bridge->unsettled = true;
    bridge->dirty = true;
    return true;
}

/* May the head pass an event of a lagging lane now? At full speed while other lanes flow. When none
 * flows (Kafka hangs, or this is the only topic), only slowly: the lane has to read once more
 * whatever the head passes. */
static bool may_skip(struct bridge *bridge)
{
    if (bridge->now_ms - bridge->flowing_good_ms < BRIDGE_LANE_STUCK_MS)
        return true;
    if (bridge->now_ms - bridge->skip_since_ms >= BRIDGE_SKIP_MS) {
        bridge->skip_since_ms = bridge->now_ms;
        bridge->skipped = 0;
    }
    return bridge->skipped++ < BRIDGE_SKIP_EVENTS;
}

/* Dead letter of an earlier run: the lane leaves the head right before this event, and counts the
 * letter once its own cursor stands there. */
static void leave_before_letter(struct bridge *bridge, struct bridge_lane *lane,
                                const struct spool_event *event)
{
    bridge_lane_leave(lane, event->id - 1, bridge_head_accepted_ms(event));
    if (bridge->txn.state != BRIDGE_TXN_OFF) {
        bridge->txn.behind++;
        bridge_txn_back_off(bridge, lane);
    }
    bridge->unsettled = true;
    bridge->dirty = true;
}

/* Passes, skips or takes the event at the head. False: this event holds up the head. */
static bool pass_head_event(struct bridge *bridge)
{
    struct bridge_reader *head = &bridge->head;
    const struct spool_event *event = &head->event;
    struct bridge_lane *lane = bridge_lanes_find(&bridge->lanes, event->topic);
    if (lane == NULL)
        return false;
    bool late = event->id < head->passed_id; /* found among damage, out of order */
    bool given_up =
        lane->mode == BRIDGE_LANE_MODE_FLOWING && bridge_letters_is_one(bridge, lane, event);
    if (lane->mode == BRIDGE_LANE_MODE_FLOWING && bridge_txn_knows(bridge, lane, event, head)) {
        lane->delivered_new += !given_up;
        lane->dead_new += given_up;
    } else if (given_up && (late || event->id > lane->skip_id)) {
        leave_before_letter(bridge, lane, event);
    } else if (lane->mode == BRIDGE_LANE_MODE_FLOWING && (late || event->id > lane->skip_id)) {
        enum bridge_lane_room room = bridge_lane_room(lane, &bridge->budget);
        if (room != BRIDGE_LANE_ROOM)
            return leaves(bridge, lane, room);
        if (!bridge_head_take(bridge, lane, head->hold, event))
            return false;
    } else if (lane->mode != BRIDGE_LANE_MODE_FLOWING) {
        if (!may_skip(bridge))
            return false;
        if (lane->waiting_time_ms == 0)
            lane->waiting_time_ms = bridge_head_accepted_ms(event);
        if (late && lane->read_id >= event->id && bridge->txn.state == BRIDGE_TXN_OFF) {
            if (lane->reader.tail != NULL)
                bridge->side_readers--;
            bridge_lane_recall(lane, event->id);
        }
    }
    bridge_reader_pass(head);
    bridge->dirty = true;
    return true;
}

void bridge_head_unreadable(struct bridge *bridge, enum err rc, const struct errmsg *msg)
{
    if (bridge->unreadable_said_ms != 0 &&
        bridge->now_ms - bridge->unreadable_said_ms < SAY_AGAIN_MS)
        return;
    bridge->unreadable_said_ms = bridge->now_ms;
    bridge_say(bridge, true, "spool_unreadable", "err=%s text=%s action=retrying", err_name(rc),
               log_quote(msg->text));
}

bool bridge_head_flow(struct bridge *bridge)
{
    bridge->head_at_end = false;
    if (bridge->now_ms < bridge->head_retry_ms || bridge_txn_holds_head(bridge))
        return false;
    unsigned passed = 0;
    while (passed < BRIDGE_HEAD_EVENTS) {
        struct errmsg msg = {""};
        enum err rc = bridge_reader_peek(&bridge->head, &bridge->holds, &msg);
        if (rc == ERR_END) {
            bridge->head_at_end = true;
            break;
        }
        if (rc != ERR_OK) {
            bridge->head_retry_ms = bridge->now_ms + BRIDGE_READ_RETRY_MS;
            bridge_head_unreadable(bridge, rc, &msg);
            break;
        }
        if (!pass_head_event(bridge))
            break;
        passed++;
    }
    return passed > 0;
}

static void rewind_lane(struct bridge *bridge, struct bridge_lane *lane)
{
    bool searches = bridge_letters_searches(lane);
    int64_t wait_ms = searches ? 0
                               : bridge_backoff_ms(lane->attempts, bridge->options->backoff_ms_min,
                                                   bridge->options->backoff_ms_max, random_u64());
    if (searches && bridge->sink != NULL && lane->sink_topic != NULL && lane->poison_id == 0)
        /* has the topic more partitions by now? */
        (void)bridge_sink_probe(bridge->sink, lane->sink_topic, LOOK_MS);
    bridge_lane_rewind(lane, bridge->now_ms + wait_ms);
    bridge->dirty = true;
    if (!searches)
        bridge_head_say_wait(bridge, lane, wait_ms);
}

void bridge_head_say_wait(struct bridge *bridge, struct bridge_lane *lane, int64_t wait_ms)
{
    if (lane->said_trouble && bridge->now_ms - lane->said_ms < SAY_AGAIN_MS)
        return;
    lane->said_trouble = true;
    lane->said_ms = bridge->now_ms;
    bridge_say(bridge, true, "lane_backing_off",
               "topic=%s error=%s class=%s failures=%" PRIu64 " wait_ms=%" PRId64
               " text=%s action=retrying",
               lane->topic, bridge_error_code_name(lane->error),
               bridge_error_name(bridge_error_of(lane->error)), lane->failures, wait_ms,
               log_quote(lane->error_text));
}

void bridge_head_say(struct bridge *bridge, struct bridge_lane *lane)
{
    /* A partition without a leader holds its events while the topic's others go on. */
    const struct bridge_in_flight_entry *open =
        lane->window.in_flight > 0 ? bridge_in_flight_open(&lane->window) : NULL;
    bool stuck = open != NULL &&
                 (bridge->now_ms - lane->good_ms >= BRIDGE_LANE_SLOW_MS ||
                  (int32_t)((uint32_t)bridge->now_ms - open->taken_ms) >= BRIDGE_LANE_SLOW_MS);
    if (stuck && bridge->link.up &&
        (!lane->said_trouble || bridge->now_ms - lane->said_ms >= SAY_AGAIN_MS)) {
        lane->said_trouble = true;
        lane->said_ms = bridge->now_ms;
        bridge_say(bridge, true, "lane_stuck", "topic=%s in_flight=%" PRIu64 " text=%s action=%s",
                   lane->topic, lane->window.in_flight,
                   log_quote("Kafka neither takes nor refuses its events: no leader, no rights?"),
                   log_quote("the other topics go on"));
    } else if (lane->said_trouble && !stuck && lane->mode == BRIDGE_LANE_MODE_FLOWING) {
        lane->said_trouble = false;
        bridge_say(bridge, false, "lane_flowing", "topic=%s", lane->topic);
    }
}

void bridge_head_tend(struct bridge *bridge)
{
    if (!bridge->unsettled)
        return;
    bridge->unsettled = false;
    bridge->txn.behind = 0;
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (lane->mode == BRIDGE_LANE_MODE_DRAINING && lane->window.in_flight == 0)
            rewind_lane(bridge, lane);
        bool due = lane->mode == BRIDGE_LANE_MODE_BACKING_OFF && bridge->now_ms >= lane->due_ms;
        if (due && bridge->txn.state != BRIDGE_TXN_OFF) {
            bridge_txn_try(bridge, lane);
        } else if (due) {
            lane->mode = BRIDGE_LANE_MODE_CATCHING_UP;
            lane->good_ms = bridge->now_ms;
        }
        if (lane->mode != BRIDGE_LANE_MODE_FLOWING) {
            bridge->unsettled = true;
            bridge->txn.behind++;
        }
    }
}
