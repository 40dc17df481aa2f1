/* SPDX-License-Identifier: MIT
 * producer.c - the producer's life: made, replaced when it is finished; and whether Kafka is
 * there. */
#include "bridge/open/producer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "bridge/client/error_table.h"
#include "bridge/core/condemn.h"
#include "bridge/core/internal.h"
#include "bridge/core/say.h"
#include "bridge/forward/advance.h"
#include "bridge/forward/head.h"
#include "bridge/lane/backoff.h"
#include "bridge/open/status.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>

#define PROBE_TIMEOUT_MS 10
#define PROBE_MS         500  /* while Kafka is away */
#define PROBE_EAGER_MS   50   /* in the first moments */
#define SILENCE_MS       2000 /* in flight for so long without a good report: is Kafka there? */
#define REPLACE_MS_MIN   250
#define REPLACE_MS_MAX   30000
#define STAY             "events stay in the spool; trying for ever"
#define IS_IT_TLS                                                                                  \
    "is security.protocol right? Brokers end connections without a word when it isn't; "
#define SETTLE_MS  5000  /* new options wait so long for what is in flight */
#define SETTLED_MS 60000 /* a producer that lived so long was a good one */

void bridge_producer_trouble(void *arg, int code, const char *text)
{
    struct bridge *bridge = arg;
    bridge->suspect = true;
    bool says_little = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    bridge->no_word = says_little && (bridge->no_word || bridge->trouble[0] == '\0');
    if (!says_little || bridge->no_word)
        snprintf(bridge->trouble, sizeof bridge->trouble, "%s: %s", bridge_error_code_name(code),
                 text);
    if (bridge_error_of(code) != BRIDGE_ERROR_OPERATOR ||
        !bridge_connection_line(&bridge->link, bridge->now_ms))
        return;
    bridge_say(bridge, true, "kafka_refuses", "error=%s text=%s action=%s",
               bridge_error_code_name(code), log_quote(text),
               log_quote(bridge_advice_connection(code, text)));
}

void bridge_producer_line(void *arg, bool problem, const char *text)
{
    struct bridge *bridge = arg;
    if (!bridge_connection_line(&bridge->link, bridge->now_ms))
        return;
    uint64_t suppressed = bridge->link.lines_suppressed;
    bridge->link.lines_suppressed = 0;
    bridge_say(bridge, problem, "kafka_client", "text=%s suppressed=%" PRIu64, log_quote(text),
               suppressed);
}

enum err bridge_producer_open(struct bridge *bridge, struct errmsg *msg)
{
    const struct bridge_sink_handler handler = {bridge, bridge_head_report, bridge_producer_line,
                                                bridge_producer_trouble};
    struct bridge_sink *sink;
    enum err rc = bridge_sink_open(bridge->options, bridge->mock != NULL ? bridge->bootstrap : NULL,
                                   spool_uuid(bridge->spool), &handler, &sink, msg);
    if (rc != ERR_OK)
        return rc;
    pthread_mutex_lock(&bridge->lock);
    bridge->sink = sink;
    pthread_mutex_unlock(&bridge->lock);
    bridge->sink_made_ms = bridge->now_ms;
    bridge->recreate = false;
    bridge_txn_start(bridge);
    return ERR_OK;
}

/* Events in flight will get no report any more: the windows count them as failed. */
static void forget_flights(struct bridge_lane *lane)
{
    struct bridge_in_flight *window = &lane->window;
    for (uint64_t seq = window->open_seq; seq < window->end_seq; seq++)
        if (bridge_in_flight_at(window, seq)->state == BRIDGE_IN_FLIGHT_SENT)
            bridge_chunk_pin_release(bridge_in_flight_report(window, seq, false));
}

void bridge_producer_close(struct bridge *bridge)
{
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        bridge_sink_topic_close(bridge->lanes.items[i]->sink_topic);
        bridge->lanes.items[i]->sink_topic = NULL;
    }
    bridge_letter_copies_forget(bridge);
    pthread_mutex_lock(&bridge->lock);
    struct bridge_sink *sink = bridge->sink;
    bridge->sink = NULL;
    pthread_mutex_unlock(&bridge->lock);
    bridge_sink_close(sink); /* the client no longer reads the events' memory */
    for (size_t i = 0; i < bridge->lanes.count; i++)
        forget_flights(bridge->lanes.items[i]);
    bridge->budget.events = bridge->budget.bytes = 0;
}

/* Goes back to the cursors: all events not yet done are read again. While the head is closed, the
 * bridge advances no cursor. */
static void rewind_all(struct bridge *bridge)
{
    bridge_reader_close(&bridge->head);
    bridge->head_at_end = false;
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (bridge->now_ms - lane->good_ms > BRIDGE_STUCK_MS &&
            bridge_in_flight_open(&lane->window) != NULL)
            lane->allowance = 1;
        if (bridge->txn.state == BRIDGE_TXN_OFF)
            /* exactly_once: done once Kafka's cursor has been read */
            bridge_lane_reset(lane, bridge->watermark_id);
    }
    bridge->side_readers = 0;
    bridge->unsettled = true;
    bridge->dirty = true;
}

static void replace(struct bridge *bridge)
{
    if (bridge->now_ms - bridge->sink_made_ms > SETTLED_MS)
        bridge->sink_attempts = 0;
    int64_t wait_ms = bridge->sink_attempts == 0
                          ? 0
                          : bridge_backoff_ms(bridge->sink_attempts - 1, REPLACE_MS_MIN,
                                              REPLACE_MS_MAX, random_u64());
    bridge->sink_attempts++;
    bridge->recreations++;
    /* A producer in INIT never worked, and the reason was reported already. */
    if (bridge->txn.state != BRIDGE_TXN_INIT)
        bridge_say(
            bridge, true, "producer_recreated",
            "%s wait_ms=%" PRId64 " in_flight=%" PRIu64 " action=%s", bridge->recreate_why, wait_ms,
            bridge->budget.events,
            log_quote(bridge->txn.state == BRIDGE_TXN_OFF
                          ? "what is in flight is sent again from the cursors; some may be repeated"
                          : "going on behind Kafka's cursor"));
    bridge_producer_close(bridge);
    rewind_all(bridge);
    bridge->sink_due_ms = bridge->now_ms + wait_ms;
}

static void reopen(struct bridge *bridge)
{
    struct errmsg msg = {""};
    bridge_reader_close(&bridge->head);
    enum err rc = bridge_reader_open(&bridge->head, bridge->spool, bridge->watermark_id);
    if (rc == ERR_OK)
        rc = bridge_producer_open(bridge, &msg);
    if (rc == ERR_OK)
        return;
    bridge->sink_due_ms =
        bridge->now_ms +
        bridge_backoff_ms(bridge->sink_attempts++, REPLACE_MS_MIN, REPLACE_MS_MAX, random_u64());
    bridge_say(bridge, true, "producer_failed", "err=%s text=%s action=retrying", err_name(rc),
               log_quote(msg.text));
}

static void look_for_kafka(struct bridge *bridge)
{
    struct bridge_connection *link = &bridge->link;
    bool silent = bridge->budget.events > 0 && bridge->now_ms - bridge->good_ms >= SILENCE_MS;
    int64_t wait_ms = SILENCE_MS;
    if (!link->up)
        wait_ms = bridge->now_ms - bridge->sink_made_ms < 4 * PROBE_MS ? PROBE_EAGER_MS : PROBE_MS;
    else if (bridge->suspect)
        wait_ms = PROBE_MS;
    else if (!silent)
        return;
    if (!link->up && bridge->good_ms > bridge->probed_ms) { /* a report came: no need to ask */
        bridge_connection_seen(link, true, bridge->now_ms);
        return;
    }
    if (bridge->probed_ms != 0 && bridge->now_ms - bridge->probed_ms < wait_ms)
        return;
    bridge_connection_seen(link, bridge_sink_probe(bridge->sink, NULL, PROBE_TIMEOUT_MS),
                           bridge->now_ms);
    bridge->probed_ms = bridge->now_ms;
    bridge->suspect = false;
}

static void say_link(struct bridge *bridge)
{
    int64_t away_s = (bridge->now_ms - bridge->link.down_since_ms) / 1000;
    switch (bridge_connection_news(&bridge->link, bridge->now_ms)) {
    case BRIDGE_CONNECTION_NOTHING: break;
    case BRIDGE_CONNECTION_REACHABLE:
        bridge_say(bridge, false, "kafka_reachable", "away_s=%" PRId64, away_s);
        bridge->trouble[0] = '\0';
        break;
    case BRIDGE_CONNECTION_UNREACHABLE:
    case BRIDGE_CONNECTION_STILL_UNREACHABLE:
        bridge_say(bridge, true, "kafka_unreachable", "away_s=%" PRId64 " last_error=%s action=%s",
                   away_s, log_quote(bridge->trouble),
                   log_quote(bridge->no_word ? IS_IT_TLS STAY : STAY));
        break;
    }
}

static bool is_settled(const struct bridge *bridge)
{
    bool nothing_open = bridge->txn.state < BRIDGE_TXN_OPEN;
    return bridge->sink == NULL || !bridge->link.up || (bridge->budget.events == 0 && nothing_open);
}

static void go_over(struct bridge *bridge, const struct bridge_options *options)
{
    if (bridge->settle_until_ms == 0)
        bridge->settle_until_ms = bridge->now_ms + SETTLE_MS;
    if (!is_settled(bridge) && bridge->now_ms < bridge->settle_until_ms)
        return;
    if (bridge->txn.state == BRIDGE_TXN_OFF)
        /* Events reported a moment ago must not be read again. */
        bridge_cursor_advance(bridge);
    bridge->settle_until_ms = 0;
    bridge->options = options;
    bridge->sink_attempts = 0;
    bridge->sink_due_ms = bridge->now_ms;
    bridge->txn.cluster[0] = '\0'; /* the options may name another cluster */
    bridge_find_bootstrap(bridge);
    if (bridge->sink != NULL)
        bridge_producer_condemn(bridge, RD_KAFKA_RESP_ERR_NO_ERROR,
                                "the kafka settings were reloaded");
}

void bridge_producer_tend(struct bridge *bridge)
{
    const struct bridge_options *options = atomic_load(&bridge->next_options);
    if (options != bridge->options)
        go_over(bridge, options);
    if (bridge->sink == NULL && bridge->now_ms >= bridge->sink_due_ms)
        reopen(bridge);
    if (bridge->sink != NULL) {
        char why[192] = "";
        int code = bridge_sink_fatal(bridge->sink, why, sizeof why);
        if (code != 0)
            bridge_producer_condemn(bridge, code, why);
        if (bridge->recreate && !bridge_txn_hangs(bridge))
            replace(bridge);
        else
            look_for_kafka(bridge);
    }
    say_link(bridge);
}
