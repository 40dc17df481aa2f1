/* SPDX-License-Identifier: MIT
 * lanes_in_trouble.c - lanes in trouble under exactly_once: they leave the common transaction, and
 * come back through their own. */
#include "base/random.h"
#include "bridge/client/error_table.h"
#include "bridge/core/condemn.h"
#include "bridge/core/internal.h"
#include "bridge/forward/head.h"
#include "bridge/forward/letters.h"
#include "bridge/lane/backoff.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#define LOOK_MS         200  /* for a topic that is used for the first time */
#define LOOK_AGAIN_MS   50   /* for a topic that was in trouble */
#define BLAME_AGAIN_MS  1000 /* between two looks at who holds up a transaction */
#define QUIET_ATTEMPTS  3    /* a topic may be about to be made */
#define FORGIVEN_EVENTS 64   /* delivered alone in a row: waits start small again */
#define TRUSTED_EVENTS  1024 /* likewise: the lane goes with the others again */

static void set_error(struct bridge_lane *lane, int code)
{
    lane->error = code;
    snprintf(lane->error_text, sizeof lane->error_text, "%s", bridge_error_code_text(code));
}

/* A lane's own cursor begins where the common one is. */
static void own_cursor(struct bridge *bridge, struct bridge_lane *lane)
{
    if (lane->own_cursor)
        return;
    lane->own_cursor = true;
    lane->cursor_id = bridge->watermark_id;
}

void bridge_txn_back_off(struct bridge *bridge, struct bridge_lane *lane)
{
    bool searches = bridge_letters_searches(lane);
    int64_t wait_ms = searches ? 0
                               : bridge_backoff_ms(lane->attempts, bridge->options->backoff_ms_min,
                                                   bridge->options->backoff_ms_max, random_u64());
    if (lane->reader.tail != NULL)
        bridge->side_readers--;
    bridge_reader_close(&lane->reader);
    own_cursor(bridge, lane);
    lane->mode = BRIDGE_LANE_MODE_BACKING_OFF;
    lane->due_ms = bridge->now_ms + wait_ms;
    lane->allowance = searches && lane->search > 0 ? lane->search : 1;
    lane->attempts++;
    lane->held_up_since_ms = 0;
    lane->probation = true;
    lane->blamed = false;
    bridge->unsettled = true;
    bridge->dirty = true;
    bool may_pass = lane->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                    lane->error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (!searches && (!may_pass || lane->attempts > QUIET_ATTEMPTS))
        bridge_head_say_wait(bridge, lane, wait_ms);
}

/* Leaves before an event that the lane can't take. The head goes on without the lane, which will
 * read from there by itself. */
static void leave(struct bridge *bridge, struct bridge_lane *lane, const struct spool_event *event,
                  int code)
{
    set_error(lane, code);
    lane->failures++;
    if (lane->mode == BRIDGE_LANE_MODE_FLOWING) {
        bridge->txn.behind++;
        lane->read_id = event->id - 1;
        lane->waiting_time_ms = bridge_head_accepted_ms(event);
    }
    bridge_txn_back_off(bridge, lane);
}

bool bridge_txn_admit(struct bridge *bridge, struct bridge_lane *lane,
                      const struct spool_event *event)
{
    if (lane->sink_topic == NULL) {
        lane->sink_topic = bridge_sink_topic_open(bridge->sink, lane->topic);
        int code = lane->sink_topic == NULL
                       ? 0
                       : bridge_sink_topic_look(bridge->sink, lane->sink_topic, LOOK_MS);
        if (code != 0 && code != BRIDGE_SINK_UNSEEN &&
            bridge->txn.behind < BRIDGE_CURSOR_TEXT_LANES_MAX) {
            leave(bridge, lane, event, code);
            return false;
        }
    }
    return bridge_txn_begin(bridge);
}

void bridge_txn_refused(struct bridge *bridge, struct bridge_lane *lane,
                        const struct spool_event *event, int code)
{
    bridge->failed++;
    if (code == RD_KAFKA_RESP_ERR__STATE || bridge->txn.behind >= BRIDGE_CURSOR_TEXT_LANES_MAX) {
        bridge_txn_spoil(bridge); /* the transaction takes nothing more */
    } else if (bridge_error_of(code) == BRIDGE_ERROR_RECREATE) {
        bridge_txn_spoil(bridge);
        bridge_producer_condemn(bridge, code, bridge_error_code_text(code));
    } else {
        bridge_letters_suspect(bridge, lane, event->id, code);
        leave(bridge, lane, event, code);
    }
}

/* Failed because the transaction failed, not the other way round. */
static bool is_consequence(int code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
           code == RD_KAFKA_RESP_ERR__DESTROY;
}

void bridge_txn_report(struct bridge *bridge, struct bridge_lane *lane, int code)
{
    if (code == 0) {
        lane->good_ms = bridge->now_ms;
        lane->proven = true;
        if (lane->search == 0 && lane->allowance < BRIDGE_LANE_ALLOWANCE_MAX)
            lane->allowance++;
        bridge_letters_good(lane);
        return;
    }
    bridge_txn_spoil(bridge);
    if (is_consequence(code))
        return;
    bridge->failed++;
    lane->failures++;
    if (bridge_error_of(code) == BRIDGE_ERROR_RECREATE) {
        bridge_producer_condemn(bridge, code, bridge_error_code_text(code));
        return;
    }
    set_error(lane, code);
    lane->blamed = true;
}

void bridge_txn_blame_silent(struct bridge *bridge, bool whatever)
{
    bool sole = bridge->txn.sole != NULL;
    if (!whatever && !sole && bridge->now_ms - bridge->txn.looked_ms < BLAME_AGAIN_MS)
        return;
    bridge->txn.looked_ms = bridge->now_ms;
    bridge_letter_copies_silent(bridge);
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (lane->window.in_flight == 0)
            continue;
        int code = whatever || sole
                       ? RD_KAFKA_RESP_ERR__TIMED_OUT
                       : bridge_sink_topic_look(bridge->sink, lane->sink_topic, LOOK_AGAIN_MS);
        if (code == 0 || (code == BRIDGE_SINK_UNSEEN && !whatever && !sole))
            continue;
        set_error(lane, code);
        lane->failures++;
        lane->blamed = true;
        bridge_txn_spoil(bridge);
    }
}

bool bridge_txn_may_try(const struct bridge *bridge)
{
    return bridge->txn.state == BRIDGE_TXN_OFF || (bridge->link.up && bridge_txn_may_flow(bridge));
}

void bridge_txn_try(struct bridge *bridge, struct bridge_lane *lane)
{
    if (!bridge_txn_may_try(bridge))
        return;
    if (lane->sink_topic == NULL)
        lane->sink_topic = bridge_sink_topic_open(bridge->sink, lane->topic);
    bool look =
        /* a search or poison isn't the topic's fault */
        lane->sink_topic != NULL && lane->search == 0 && lane->poison_id == 0;
    int code = look ? bridge_sink_topic_look(bridge->sink, lane->sink_topic, LOOK_AGAIN_MS) : 0;
    if (code == 0) {
        lane->mode = BRIDGE_LANE_MODE_CATCHING_UP;
        lane->good_ms = bridge->now_ms;
        return;
    }
    set_error(lane, code);
    bridge_txn_back_off(bridge, lane);
}

static bool wants_its_own(const struct bridge *bridge, const struct bridge_lane *lane)
{
    return lane->probation && lane->mode == BRIDGE_LANE_MODE_CATCHING_UP &&
           bridge->now_ms >= lane->due_ms &&
           (lane->read_id < bridge->head.passed_id || bridge->head_at_end);
}

bool bridge_txn_choose(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    if (txn->state != BRIDGE_TXN_READY)
        return txn->state == BRIDGE_TXN_OPEN && txn->sole != NULL;
    txn->sole = NULL;
    size_t count = bridge->lanes.count;
    bool turn = !txn->was_sole || bridge->head_at_end;
    for (size_t i = 0; bridge->unsettled && turn && txn->sole == NULL && i < count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[(bridge->side_turn + i) % count];
        if (wants_its_own(bridge, lane))
            txn->sole = lane;
    }
    txn->was_sole = txn->sole != NULL;
    return txn->was_sole;
}

bool bridge_txn_takes(const struct bridge *bridge, const struct bridge_lane *lane)
{
    const struct bridge_txn *txn = &bridge->txn;
    if (txn->state == BRIDGE_TXN_OFF)
        return true;
    return txn->sole != NULL ? lane == txn->sole : !lane->probation;
}

void bridge_txn_lanes_committed(struct bridge *bridge)
{
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (bridge_in_flight_count(&lane->window) == 0 ||
            lane->mode == BRIDGE_LANE_MODE_BACKING_OFF)
            continue;
        if (!lane->probation || lane->allowance >= FORGIVEN_EVENTS) {
            lane->attempts = 0;
            lane->error = 0;
        }
        if (lane->allowance >= TRUSTED_EVENTS && lane->search == 0)
            lane->probation = false;
    }
}
