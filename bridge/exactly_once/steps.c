/* SPDX-License-Identifier: MIT
 * steps.c - the states of exactly-once delivery. */
#include "bridge/exactly_once/steps.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "bridge/client/error_table.h"
#include "bridge/client/sink_kafka.h"
#include "bridge/core/condemn.h"
#include "bridge/core/internal.h"
#include "bridge/core/say.h"
#include "bridge/forward/advance.h"
#include "bridge/lane/backoff.h"
#include "spool/spool_delivery_wait.h"

#include <inttypes.h>
#include <stdio.h>

#define CALL_MS       500 /* a call blocks for so long: stopping needn't wait longer */
#define TOPIC_CALL_MS 5000
#define AGE_MS        50 /* a transaction takes events for so long */
/* … and for so long while there is a backlog: at the end of each the client's queue runs empty */
#define BUSY_AGE_MS 1500
/* the reports take longer: the transaction is aborted, and the lane that holds it up leaves */
#define HELD_UP_MS      5000
#define SOLE_HELD_UP_MS 1000  /* the same for a transaction of one lane: the others wait for it */
#define LONG_HELD_UP_MS 20000 /* … although all topics look well */
#define STOP_MS         2000
/* the client can't abort, with Kafka there: a new producer does it as it starts */
#define ABORT_MS 10000
/* a transaction that took less was answered by the cluster that it was sent to */
#define SURE_MS    1000
#define CLUSTER_MS 3000
/* within so long after a reading there may be another: its client stays connected */
#define READ_AGAIN_MS 10000
#define SAY_AGAIN_MS  60000
#define AGAIN_MS_MIN  250
#define AGAIN_MS_MAX  30000

static void enter(struct bridge *bridge, enum bridge_txn_state state)
{
    if (state == BRIDGE_TXN_INIT || state == BRIDGE_TXN_ABORTING)
        spool_delivery_wait_settle(bridge->spool, false);
    if (state == BRIDGE_TXN_READ)
        bridge_letter_copies_aborted(bridge);
    bridge->txn.state = state;
    bridge->txn.since_ms = bridge->now_ms;
    bridge->txn.due_ms = 0;
}

void bridge_txn_trouble(struct bridge *bridge, enum bridge_step step,
                        const struct bridge_txn_error *error)
{
    struct bridge_txn *txn = &bridge->txn;
    txn->due_ms = bridge->now_ms +
                  bridge_backoff_ms(txn->attempts++, AGAIN_MS_MIN, AGAIN_MS_MAX, random_u64());
    if (txn->said_ms != 0 && txn->said_code == error->code && txn->said_step == step &&
        bridge->now_ms - txn->said_ms < SAY_AGAIN_MS)
        return;
    txn->said_ms = bridge->now_ms;
    txn->said_code = error->code;
    txn->said_step = step;
    char advice[400];
    bridge_advice(step, error->code, txn->group, txn->place.topic, advice, sizeof advice);
    bridge_say(bridge, true, "exactly_once_trouble", "step=%s error=%s text=%s action=%s",
               bridge_step_name(step), bridge_error_code_name(error->code), log_quote(error->text),
               log_quote(advice[0] != '\0' ? advice : "retrying"));
}

void bridge_txn_spoil(struct bridge *bridge)
{
    bridge->txn.spoilt = true;
}

/* Handles the results that every call may have. True: go on. */
static bool went_well(struct bridge *bridge, enum bridge_step step, enum bridge_txn_result result,
                      const struct bridge_txn_error *error)
{
    bridge->now_ms = clock_monotonic_ms();
    switch (result) {
    case BRIDGE_TXN_OK: bridge->txn.attempts = 0; return true;
    case BRIDGE_TXN_LATER: return false;
    case BRIDGE_TXN_ABORT:
        if (step == BRIDGE_STEP_OFFSETS &&
            !bridge->txn.spoilt) /* spoilt: an event's fault, which its lane reports */
            bridge_txn_trouble(bridge, step, error);
        enter(bridge, BRIDGE_TXN_ABORTING);
        return false;
    case BRIDGE_TXN_FAILED:
    case BRIDGE_TXN_DEAD:
        bridge_txn_trouble(bridge, step, error);
        bridge_producer_condemn(bridge, error->code, error->text);
        return false;
    }
    return false;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static void init(struct bridge *bridge)
{
    struct bridge_txn_error error;
    if (bridge->link.up && went_well(bridge, BRIDGE_STEP_INIT,
                                     bridge_sink_txn_init(bridge->sink, CALL_MS, &error), &error))
        enter(bridge, BRIDGE_TXN_READ);
}

static void look_again(struct bridge *bridge)
{
    enter(bridge, BRIDGE_TXN_READ);
}

static void make_topic(struct bridge *bridge)
{
    struct bridge_txn_error error;
    enum bridge_txn_result result =
        bridge_cursor_topic_make(bridge->sink, &bridge->txn.place, TOPIC_CALL_MS, &error);
    bridge->now_ms = clock_monotonic_ms();
    if (result == BRIDGE_TXN_OK)
        enter(bridge, BRIDGE_TXN_READY);
    else if (result == BRIDGE_TXN_LATER)
        bridge->txn.due_ms = bridge->now_ms + AGAIN_MS_MIN;
    else
        bridge_txn_trouble(bridge, BRIDGE_STEP_TOPIC, &error);
}

static void close_it(struct bridge *bridge)
{
    bridge_txn_plan(bridge);
    enter(bridge, BRIDGE_TXN_CLOSING);
}

/* A transaction with nothing but the cursor. */
static void refresh(struct bridge *bridge)
{
    if (bridge_txn_begin(bridge))
        close_it(bridge);
}

static void wait_for_disk(struct bridge *bridge)
{
    struct spool_stats stats;
    spool_stats_get(bridge->spool, &stats);
    if (bridge->dirty) /* the spool was not told */
        bridge_cursor_committed(bridge, bridge_txn_position(bridge));
    else if (stats.cursor_mode == SPOOL_EXACTLY_ONCE)
        bridge->txn.mark = BRIDGE_TXN_MARKED;
}

static void be_ready(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    if (txn->read_ms != 0 && bridge->now_ms - txn->read_ms > READ_AGAIN_MS) {
        bridge_sink_group_reader_close(bridge->sink);
        txn->read_ms = 0;
    }
    /* The offset would expire; and at the start it shows whether all rights are there. */
    bool due = bridge->head_at_end &&
               (txn->committed_ms == 0 ||
                bridge->now_ms - txn->committed_ms >= bridge->options->cursor_refresh_ms);
    if (txn->mark == BRIDGE_TXN_MARK_DISK)
        wait_for_disk(bridge);
    else if (txn->mark == BRIDGE_TXN_MARK_KAFKA || due)
        refresh(bridge);
    else if (bridge->dirty && bridge->now_ms - bridge->advanced_ms >= BRIDGE_ADVANCE_MS)
        bridge_cursor_committed(bridge, bridge_txn_position(bridge)); /* events that Kafka had
                                                                       * already */
}

static int64_t age_ms(const struct bridge *bridge)
{
    return bridge->head_at_end || bridge->unsettled ? AGE_MS : BUSY_AGE_MS;
}

static void take(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    if (txn->spoilt)
        enter(bridge, BRIDGE_TXN_ABORTING);
    else if (txn->sole != NULL || bridge->now_ms - txn->since_ms >= age_ms(bridge))
        close_it(bridge);
}

/* Puts the cursor into the transaction while the client sends its events. True: no call is under
 * way. */
static bool send_cursor(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    enum bridge_txn_result result;
    struct bridge_txn_error error;
    if (!txn->asked && !txn->sent && !txn->spoilt) {
        bridge_cursor_sender_ask(&txn->sender, bridge->sink, &txn->place, txn->offset_id,
                                 txn->meta);
        txn->asked = true;
        return false;
    }
    if (!txn->asked)
        return true;
    if (!bridge_cursor_sender_answer(&txn->sender, &result, &error))
        return false;
    txn->asked = false;
    if (result == BRIDGE_TXN_FAILED)
        result = BRIDGE_TXN_ABORT;
    if (result == BRIDGE_TXN_ABORT)
        bridge_sink_poll(bridge->sink, 0); /* the reports that tell whose fault it was */
    txn->sent = went_well(bridge, BRIDGE_STEP_OFFSETS, result, &error);
    return txn->sent || result != BRIDGE_TXN_LATER;
}

static void close_down(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    bool free = send_cursor(bridge);
    if (txn->state != BRIDGE_TXN_CLOSING || bridge->recreate)
        return;
    if (!bridge->link.up)
        txn->since_ms = bridge->now_ms; /* no lane is to blame for that */
    int64_t held_up_ms = bridge->now_ms - txn->since_ms;
    if (!txn->spoilt && bridge->budget.events > 0 &&
        held_up_ms >= (txn->sole != NULL ? SOLE_HELD_UP_MS : HELD_UP_MS))
        bridge_txn_blame_silent(bridge, held_up_ms >= LONG_HELD_UP_MS);
    if (!free)
        return;
    if (txn->spoilt)
        enter(bridge, BRIDGE_TXN_ABORTING);
    else if (txn->sent && bridge->budget.events == 0)
        enter(bridge, BRIDGE_TXN_COMMITTING);
}

/* If bootstrap.servers now leads to another cluster, librdkafka repeats the commit there. A cluster
 * that knew this producer's id before takes the commit for the id's last transaction and reports
 * success, although it lacks our events. So the cluster's id is compared first. */
static bool is_same_cluster(struct bridge *bridge)
{
    const struct bridge_txn *txn = &bridge->txn;
    char id[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE];
    if (bridge->now_ms - txn->opened_ms < SURE_MS || txn->cluster[0] == '\0')
        return true;
    bool same =
        bridge_sink_cluster_now(bridge->sink, CLUSTER_MS, id) && strcmp(id, txn->cluster) == 0;
    bridge->now_ms = clock_monotonic_ms();
    if (!same)
        bridge_producer_condemn(bridge, 0,
                                "maybe another cluster has answered the commit: its cursor tells");
    return same;
}

static void commit(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    struct bridge_txn_error error;
    if (!went_well(bridge, BRIDGE_STEP_COMMIT,
                   bridge_sink_txn_commit(bridge->sink, CALL_MS, &error), &error) ||
        !is_same_cluster(bridge))
        return;
    txn->commits++;
    txn->committed_ms = bridge->now_ms;
    txn->floor_id = txn->offset_id;
    bridge_txn_lanes_committed(bridge);
    bridge_letter_copies_committed(bridge);
    bridge_cursor_committed(bridge, bridge_txn_position(bridge));
    /* After the cursors: a client that is told and then asks finds its event delivered. */
    spool_delivery_wait_settle(bridge->spool, true);
    if (txn->mark == BRIDGE_TXN_MARK_KAFKA)
        txn->mark = BRIDGE_TXN_MARK_DISK;
    enter(bridge, BRIDGE_TXN_READY);
}

static void abort_it(struct bridge *bridge)
{
    struct bridge_txn_error error;
    enum bridge_txn_result result = bridge_sink_txn_abort(bridge->sink, CALL_MS, &error);
    if (result == BRIDGE_TXN_ABORT)
        result = BRIDGE_TXN_DEAD;
    if (result == BRIDGE_TXN_LATER && !bridge->link.up)
        bridge->txn.since_ms = bridge->now_ms;
    if (result == BRIDGE_TXN_LATER && bridge->now_ms - bridge->txn.since_ms >= ABORT_MS)
        /* The client may never get further, for example when the cluster doesn't know its producer
         * id. */
        result = BRIDGE_TXN_DEAD;
    if (!went_well(bridge, BRIDGE_STEP_ABORT, result, &error))
        return;
    bridge_sink_poll(bridge->sink, 0);
    if (bridge->budget.events > 0)
        return; /* reports are under way */
    bridge->txn.aborts++;
    enter(bridge, BRIDGE_TXN_READ);
}

/* ---- for the others -------------------------------------------------------------------------- */

enum err bridge_txn_open(struct bridge *bridge)
{
    if (!bridge_options_exactly_once(bridge->options))
        return ERR_OK;
    enum err rc = bridge_cursor_sender_start(&bridge->txn.sender);
    if (rc == ERR_OK)
        bridge->txn.state = BRIDGE_TXN_INIT;
    return rc;
}

void bridge_txn_close(struct bridge *bridge)
{
    if (bridge->txn.state != BRIDGE_TXN_OFF)
        bridge_cursor_sender_stop(&bridge->txn.sender);
}

bool bridge_txn_hangs(struct bridge *bridge)
{
    return bridge->txn.state != BRIDGE_TXN_OFF && bridge_cursor_sender_busy(&bridge->txn.sender);
}

void bridge_txn_start(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    if (txn->state == BRIDGE_TXN_OFF)
        return;
    if (txn->asked) { /* of the producer before */
        enum bridge_txn_result result;
        struct bridge_txn_error error;
        (void)bridge_cursor_sender_answer(&txn->sender, &result, &error);
    }
    char id[UUID_TEXT_SIZE];
    uuid_format(spool_uuid(bridge->spool), id);
    snprintf(txn->group, sizeof txn->group, "penstock.%s", id);
    txn->place =
        (struct bridge_cursor_place){txn->group, bridge_options_cursor_topic(bridge->options)};
    txn->cluster[0] = '\0';
    txn->spoilt = txn->asked = false;
    enter(bridge, BRIDGE_TXN_INIT);
}

void bridge_txn_tend(struct bridge *bridge)
{
    static void (*const steps[])(struct bridge *) = {
        [BRIDGE_TXN_INIT] = init,          [BRIDGE_TXN_READ] = bridge_txn_read,
        [BRIDGE_TXN_STOPPED] = look_again, [BRIDGE_TXN_TOPIC] = make_topic,
        [BRIDGE_TXN_READY] = be_ready,     [BRIDGE_TXN_OPEN] = take,
        [BRIDGE_TXN_CLOSING] = close_down, [BRIDGE_TXN_COMMITTING] = commit,
        [BRIDGE_TXN_ABORTING] = abort_it,
    };
    enum bridge_txn_state before;
    do {
        before = bridge->txn.state;
        if (before == BRIDGE_TXN_OFF || bridge->sink == NULL || bridge->recreate ||
            bridge->now_ms < bridge->txn.due_ms)
            return;
        steps[before](bridge);
    } while (bridge->txn.state != before && bridge->txn.state != BRIDGE_TXN_READY);
}

bool bridge_txn_may_flow(const struct bridge *bridge)
{
    const struct bridge_txn *txn = &bridge->txn;
    if (txn->state == BRIDGE_TXN_OFF)
        return true;
    return !bridge->recreate && !txn->spoilt && txn->mark == BRIDGE_TXN_MARKED &&
           (txn->state == BRIDGE_TXN_OPEN ||
            (txn->state == BRIDGE_TXN_READY && bridge->now_ms >= txn->due_ms));
}

bool bridge_txn_settled(const struct bridge *bridge)
{
    const struct bridge_txn *txn = &bridge->txn;
    return txn->state == BRIDGE_TXN_OFF ||
           (txn->state == BRIDGE_TXN_READY && txn->mark == BRIDGE_TXN_MARKED);
}

bool bridge_txn_begin(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    struct bridge_txn_error error;
    if (txn->state == BRIDGE_TXN_OPEN)
        return !txn->spoilt;
    if (txn->state != BRIDGE_TXN_READY ||
        !went_well(bridge, BRIDGE_STEP_COMMIT, bridge_sink_txn_begin(bridge->sink, &error), &error))
        return false;
    txn->spoilt = txn->sent = txn->asked = false;
    txn->opened_ms = bridge->now_ms;
    enter(bridge, BRIDGE_TXN_OPEN);
    return true;
}

int64_t bridge_txn_deadline_ms(const struct bridge *bridge)
{
    const struct bridge_txn *txn = &bridge->txn;
    switch (txn->state) {
    case BRIDGE_TXN_OFF: return INT64_MAX;
    case BRIDGE_TXN_OPEN:
        return txn->spoilt         ? bridge->now_ms
               : txn->sole != NULL ? bridge->now_ms + 1
                                   : txn->since_ms + age_ms(bridge);
    case BRIDGE_TXN_CLOSING: return bridge->now_ms + 20; /* a report ends the wait */
    case BRIDGE_TXN_READY:
        if (txn->mark == BRIDGE_TXN_MARKED)
            return bridge->dirty ? bridge->now_ms + BRIDGE_ADVANCE_MS : INT64_MAX;
        return bridge->now_ms + 10;
    default: return txn->due_ms > bridge->now_ms ? txn->due_ms : bridge->now_ms + 10;
    }
}

void bridge_txn_stop(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    int64_t end_ms = bridge->now_ms + STOP_MS;
    while (txn->state >= BRIDGE_TXN_OPEN && bridge->link.up && bridge->sink != NULL &&
           !bridge->recreate && bridge->now_ms < end_ms) {
        if (txn->state == BRIDGE_TXN_OPEN && !txn->spoilt)
            close_it(bridge);
        bridge_txn_tend(bridge);
        if (txn->state >= BRIDGE_TXN_OPEN)
            bridge_sink_poll(bridge->sink, 10);
        bridge->now_ms = clock_monotonic_ms();
    }
}
