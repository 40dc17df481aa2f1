/* SPDX-License-Identifier: MIT
 * bridge.c - start, the one loop, drain, stop. */
#include "bridge/core/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/priority.h"
#include "bridge/client/mock.h"
#include "bridge/core/say.h"
#include "bridge/forward/advance.h"
#include "bridge/forward/catch_up.h"
#include "bridge/forward/head.h"
#include "bridge/forward/letters.h"
#include "bridge/open/producer.h"
#include "bridge/open/status.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS_MAX     1000
#define HELD_UP_WAIT_MS 50
/* Nice value of the bridge's thread and of the Kafka client's: a backlog can wait, programs that
 * send events can't. */
#define BRIDGE_NICE 10

static void wake(void *arg)
{
    struct bridge *bridge = arg;
    pthread_mutex_lock(&bridge->lock);
    if (bridge->sink != NULL)
        bridge_sink_wake(bridge->sink);
    pthread_cond_broadcast(&bridge->changed);
    pthread_mutex_unlock(&bridge->lock);
}

/* Time at which the loop must wake up by itself. */
static int64_t next_deadline_ms(const struct bridge *bridge)
{
    int64_t next = bridge->now_ms + WAIT_MS_MAX;
    bool transactional = bridge->txn.state != BRIDGE_TXN_OFF;
    if (transactional && bridge_txn_deadline_ms(bridge) < next)
        next = bridge_txn_deadline_ms(bridge);
    if (!transactional && bridge->dirty && bridge->advanced_ms + BRIDGE_ADVANCE_MS < next)
        next = bridge->advanced_ms + BRIDGE_ADVANCE_MS;
    if (!transactional && bridge->budget.events > 0 && bridge->advanced_ms + BRIDGE_LOOK_MS < next)
        next = bridge->advanced_ms + BRIDGE_LOOK_MS;
    if (!bridge->head_at_end && bridge->now_ms + HELD_UP_WAIT_MS < next)
        next = bridge->now_ms + HELD_UP_WAIT_MS; /* held up, or the spool could not be read */
    if (!bridge->link.up && bridge->now_ms + HELD_UP_WAIT_MS < next)
        next = bridge->now_ms + HELD_UP_WAIT_MS;
    if (bridge->sink == NULL && bridge->sink_due_ms < next)
        next = bridge->sink_due_ms;
    /* When no lane may be tried now (Kafka is away, or a transaction has yet to end), a due lane is
     * no reason to wake up. */
    bool may_try = bridge_txn_may_try(bridge);
    for (size_t i = 0; bridge->unsettled && i < bridge->lanes.count; i++) {
        const struct bridge_lane *lane = bridge->lanes.items[i];
        int64_t due_ms =
            lane->mode == BRIDGE_LANE_MODE_BACKING_OFF   ? (may_try ? lane->due_ms : next)
            : lane->mode == BRIDGE_LANE_MODE_CATCHING_UP ? bridge->now_ms + HELD_UP_WAIT_MS
                                                         : next;
        next = due_ms < next ? due_ms : next;
    }
    return next;
}

static void wait_without_sink(struct bridge *bridge, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&bridge->lock);
    if (!atomic_load(&bridge->stopping))
        pthread_cond_timedwait(&bridge->changed, &bridge->lock, &until);
    pthread_mutex_unlock(&bridge->lock);
}

/* Does the bridge take events now? */
static bool flows(const struct bridge *bridge)
{
    return bridge->sink != NULL && bridge->settle_until_ms == 0 && bridge_txn_may_flow(bridge);
}

/* The only place where the thread waits: for reports, new events, its own deadlines, or the
 * stop. */
static void poll_reports(struct bridge *bridge, bool progress)
{
    int64_t timeout_ms = 0;
    if (!progress && !atomic_load(&bridge->stopping)) {
        timeout_ms = next_deadline_ms(bridge) - bridge->now_ms;
        if (timeout_ms > 0 && bridge->head_at_end && flows(bridge) &&
            spool_tail_arm_wakeup(bridge->head.tail))
            timeout_ms = 0; /* an event came meanwhile */
    }
    if (bridge->sink != NULL)
        bridge_sink_poll(bridge->sink, timeout_ms > 0 ? (int)timeout_ms : 0);
    else if (timeout_ms > 0)
        wait_without_sink(bridge, timeout_ms);
    bridge->now_ms = clock_monotonic_ms();
}

static bool is_idle(const struct bridge *bridge)
{
    return bridge->head_at_end && bridge->budget.events == 0 && !bridge->unsettled &&
           !bridge->dirty && bridge->behind_count == 0 && bridge_txn_settled(bridge);
}

static void advance_when_due(struct bridge *bridge, unsigned ticket)
{
    /* With the spool read to its end and all reported, tell at once: clients may wait for
     * delivery. */
    bool quiet = bridge->head_at_end && bridge->budget.events == 0;
    bool due = bridge->now_ms - bridge->advanced_ms >= BRIDGE_ADVANCE_MS;
    bool look = bridge->budget.events > 0 && bridge->now_ms - bridge->advanced_ms >= BRIDGE_LOOK_MS;
    if (bridge->txn.state == BRIDGE_TXN_OFF &&
        (look || (bridge->dirty && (due || (quiet && bridge->now_ms > bridge->advanced_ms)))))
        bridge_cursor_advance(bridge); /* exactly_once: a commit does it */
    bool idle = is_idle(bridge);
    if (due || idle)
        bridge_status_publish(bridge, idle, ticket);
    for (size_t i = 0; idle && i < bridge->lanes.count; i++)
        bridge_in_flight_trim(&bridge->lanes.items[i]->window);
}

static void *bridge_main(void *arg)
{
    struct bridge *bridge = arg;
    priority_lower(BRIDGE_NICE);
    while (!atomic_load(&bridge->stopping)) {
        unsigned ticket = atomic_load(&bridge->drain_tickets);
        bool progress = false;
        bridge_letters_tend(bridge);
        bridge_producer_tend(bridge);
        bridge_txn_tend(bridge);
        bridge_head_tend(bridge);
        if (flows(bridge)) {
            bool alone = bridge_txn_choose(bridge);
            progress = !alone && bridge_head_flow(bridge);
            if (bridge->unsettled)
                progress =
                    bridge_catch_up(bridge, progress ? BRIDGE_SIDE_EVENTS : BRIDGE_HEAD_EVENTS) ||
                    progress;
        }
        advance_when_due(bridge, ticket);
        poll_reports(bridge, progress);
    }
    if (bridge->sink != NULL)
        bridge_sink_poll(bridge->sink, 0);
    if (bridge->txn.state == BRIDGE_TXN_OFF)
        bridge_cursor_advance(bridge);
    else
        bridge_txn_stop(bridge);
    return NULL;
}

static void bridge_free(struct bridge *bridge)
{
    bridge_producer_close(bridge);
    bridge_txn_close(bridge);
    bridge_mock_stop(bridge->mock);
    bridge_reader_close(&bridge->head);
    bridge_lanes_done(&bridge->lanes);
    free(bridge->cursors);
    free(bridge->outcomes);
    free(bridge->published.lanes);
    pthread_cond_destroy(&bridge->changed);
    pthread_mutex_destroy(&bridge->lock);
    free(bridge);
}

static struct bridge *bridge_new(const struct bridge_options *options, struct spool *spool,
                                 bridge_report_fn *report, void *report_arg)
{
    struct bridge *bridge = calloc(1, sizeof *bridge);
    if (bridge == NULL)
        return NULL;
    bridge->options = options;
    atomic_init(&bridge->next_options, options);
    bridge->spool = spool;
    bridge->report = report;
    bridge->report_arg = report_arg;
    bridge->budget.events_max = options->in_flight_events_max;
    bridge->budget.bytes_max = options->in_flight_bytes_max;
    bridge->now_ms = clock_monotonic_ms();
    bridge_connection_init(&bridge->link, bridge->now_ms);
    pthread_mutex_init(&bridge->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&bridge->changed, &attr);
    pthread_condattr_destroy(&attr);
    return bridge;
}

struct opening {
    struct bridge *bridge;
    struct errmsg *msg;
    enum err rc;
};

static void *open_lowered(void *arg)
{
    struct opening *opening = arg;
    priority_lower(BRIDGE_NICE);
    opening->rc = bridge_producer_open(opening->bridge, opening->msg);
    return NULL;
}

/* Makes the first producer on a thread of its own: the client's threads inherit that thread's
 * priority, and the caller's must stay as it is. */
static enum err open_first_producer(struct bridge *bridge, struct errmsg *msg)
{
    struct opening opening = {bridge, msg, ERR_OK};
    pthread_t thread;
    if (pthread_create(&thread, NULL, open_lowered, &opening) != 0)
        return errmsg_set(msg, ERR_NOMEM, "a thread could not be started");
    pthread_join(thread, NULL);
    return opening.rc;
}

static enum err start_thread(struct bridge *bridge, struct errmsg *msg)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&bridge->thread, NULL, bridge_main, bridge);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0 ? ERR_OK
                     : errmsg_set(msg, ERR_NOMEM, "the bridge's thread could not be started");
}

enum err bridge_start(const struct bridge_options *options, struct spool *spool,
                      bridge_report_fn *report, void *report_arg, struct bridge **ret_bridge,
                      struct errmsg *msg)
{
    struct bridge *bridge = bridge_new(options, spool, report, report_arg);
    if (bridge == NULL)
        return ERR_NOMEM;
    enum err rc = options->mock_kafka ? bridge_mock_start(&bridge->mock, msg) : ERR_OK;
    if (rc == ERR_OK) {
        bridge_find_bootstrap(bridge);
        rc = bridge_cursor_open(bridge);
    }
    if (rc == ERR_OK)
        rc = bridge_txn_open(bridge);
    if (rc == ERR_OK)
        rc = open_first_producer(bridge, msg);
    if (rc == ERR_OK && options->delivery == BRIDGE_EXACTLY_ONCE && options->mock_kafka)
        bridge_say(bridge, true, "delivering_at_least_once", "bridge.delivery=exactly_once text=%s",
                   log_quote("the mock Kafka's transactions are not real: after a crash some "
                             "events arrive twice"));
    if (rc == ERR_OK) {
        bridge_status_publish(bridge, false, 0);
        spool_set_wakeup(spool, wake, bridge);
        rc = start_thread(bridge, msg);
    }
    if (rc != ERR_OK) {
        spool_set_wakeup(spool, NULL, NULL);
        bridge_free(bridge);
        return rc;
    }
    *ret_bridge = bridge;
    return ERR_OK;
}

void bridge_set_options(struct bridge *bridge, const struct bridge_options *options)
{
    atomic_store(&bridge->next_options, options);
    wake(bridge);
}

bool bridge_drain(struct bridge *bridge, int64_t timeout_ms)
{
    struct spool_stats spool_stats;
    spool_stats_get(bridge->spool, &spool_stats);
    uint64_t last_id = spool_stats.last_event_id;
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    unsigned ticket = atomic_fetch_add(&bridge->drain_tickets, 1) + 1;
    wake(bridge);
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        pthread_mutex_lock(&bridge->lock);
        const struct bridge_published *published = &bridge->published;
        bool done = (int)(published->idle_ticket - ticket) >= 0 ||
                    (last_id != 0 && published->all_done_id >= last_id);
        bool away = published->away;
        pthread_mutex_unlock(&bridge->lock);
        if (done || away || left_ms <= 0)
            return done;
        wait_without_sink(bridge, left_ms < HELD_UP_WAIT_MS ? left_ms : HELD_UP_WAIT_MS);
    }
}

/* Kafka went away during a client call that can't be ended: the client stays, and so does the
 * memory that it may still read. The spool's readers are closed. */
static void leave_behind(struct bridge *bridge)
{
    bridge_reader_close(&bridge->head);
    for (size_t i = 0; i < bridge->lanes.count; i++)
        bridge_reader_close(&bridge->lanes.items[i]->reader);
    bridge_say(bridge, true, "kafka_client_left_behind", "text=%s",
               log_quote("it waits for Kafka's coordinator and can't be ended; its transaction "
                         "will be aborted by Kafka"));
}

void bridge_stop(struct bridge *bridge)
{
    if (bridge == NULL)
        return;
    atomic_store(&bridge->stopping, true);
    wake(bridge);
    pthread_join(bridge->thread, NULL);
    spool_set_wakeup(bridge->spool, NULL, NULL);
    if (bridge_txn_hangs(bridge))
        leave_behind(bridge);
    else
        bridge_free(bridge);
}
