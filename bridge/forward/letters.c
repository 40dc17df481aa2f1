/* SPDX-License-Identifier: MIT
 * letters.c - giving events up. */
#include "bridge/forward/letters.h"

#include "base/clock.h"
#include "base/log.h"
#include "bridge/client/error_table.h"
#include "bridge/core/internal.h"
#include "bridge/core/say.h"
#include "spool/spool_letters.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>

#define LOAD_AGAIN_MS  5000
#define AGAIN_MS       1000 /* when dead-letter/ has no room, or can't be written */
#define SAY_AGAIN_MS   60000
#define LINES_A_MINUTE 60

void bridge_letters_tend(struct bridge *bridge)
{
    struct errmsg msg = {""};
    if (bridge->letters_loaded || bridge->now_ms < bridge->letters_due_ms)
        return;
    bridge->letters_loaded = spool_letters_load(bridge->spool, &msg) == ERR_OK;
    bridge->letters_due_ms = bridge->now_ms + LOAD_AGAIN_MS;
    if (!bridge->letters_loaded)
        bridge_say(
            bridge, true, "dead_letters_unreadable", "text=%s action=%s", log_quote(msg.text),
            log_quote("trying again; events that are in there already may be tried once more"));
}

void bridge_letters_suspect(struct bridge *bridge, struct bridge_lane *lane, uint64_t id, int code)
{
    bool transactional = bridge->txn.state != BRIDGE_TXN_OFF;
    if (bridge_error_of(code) != BRIDGE_ERROR_EVENT)
        return;
    if (lane->allowance == 1 && (!transactional || bridge->txn.sole == lane)) {
        lane->poison_id = id;
        lane->poison_code = code;
    } else if (transactional) {
        /* A failed transaction costs tens of ms: halving needs the fewest to find the event. */
        lane->search_left =
            bridge_in_flight_count(&lane->window) + (bridge_in_flight_count(&lane->window) == 0);
        lane->search = (lane->search_left + 1) / 2;
    }
}

void bridge_letters_good(struct bridge_lane *lane)
{
    if (lane->search > 0 && --lane->search_left == 0)
        lane->search = 0; /* the search is over: they all went through */
}

bool bridge_letters_searches(const struct bridge_lane *lane)
{
    return bridge_error_of(lane->error) == BRIDGE_ERROR_EVENT;
}

bool bridge_letters_is_one(struct bridge *bridge, const struct bridge_lane *lane,
                           const struct spool_event *event)
{
    return event->id == lane->poison_id ||
           spool_letters_have(bridge->spool, event->origin_id != 0 ? event->origin_id : event->id);
}

static void wait(struct bridge *bridge, struct bridge_lane *lane, const char *text)
{
    lane->due_ms = bridge->now_ms + AGAIN_MS;
    bridge->unsettled = true;
    snprintf(lane->error_text, sizeof lane->error_text, "%s", text);
    if (lane->said_trouble && bridge->now_ms - lane->said_ms < SAY_AGAIN_MS)
        return;
    lane->said_trouble = true;
    lane->said_ms = bridge->now_ms;
    bridge_say(bridge, true, "lane_waits", "topic=%s error=%s text=%s action=%s", lane->topic,
               bridge_error_code_name(lane->poison_code), log_quote(text),
               log_quote("nothing is dropped; the other topics go on"));
}

/* Is this host's clock at fault, not the event? Kafka takes times up to an hour ahead of its own
 * clock, and refused one that this host set. */
static bool is_clock(struct bridge *bridge, struct bridge_lane *lane,
                     const struct spool_event *event)
{
    char text[160];
    if (lane->poison_code != RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP || event->client_time)
        return false;
    snprintf(text, sizeof text,
             "the time that this host gave the event is %" PRId64
             " s from its clock's now: one of the two is wrong, or Kafka's clock is",
             (event->time_ms - clock_wall_ms()) / 1000);
    wait(bridge, lane, text);
    lane->poison_id = 0; /* the event is tried again after the wait */
    return true;
}

static void say_given_up(struct bridge *bridge, const struct bridge_lane *lane,
                         const struct spool_event *event)
{
    if (bridge->now_ms - bridge->letters_said_ms >= SAY_AGAIN_MS) {
        bridge->letters_said_ms = bridge->now_ms;
        bridge->letters_said = 0;
    }
    if (bridge->letters_said++ >= LINES_A_MINUTE)
        return; /* the metric counts all letters */
    bridge_say(bridge, true, "dead_letter",
               "topic=%s event_id=%" PRIu64 " error=%s text=%s action=%s", lane->topic,
               event->origin_id != 0 ? event->origin_id : event->id,
               bridge_error_code_name(lane->poison_code),
               log_quote(bridge_error_code_text(lane->poison_code)),
               log_quote("kept in dead-letter/: penstock dead-letter list"));
}

bool bridge_letters_give_up(struct bridge *bridge, struct bridge_lane *lane,
                            const struct spool_event *event)
{
    struct spool_letter_reason reason = {.time_ms = clock_wall_ms()};
    struct errmsg msg = {""};
    bool poison = event->id == lane->poison_id; /* false: an earlier run wrote it */
    if (bridge->now_ms < lane->due_ms || bridge_in_flight_open(&lane->window) != NULL)
        return false; /* the lane's cursor must pass just this event */
    if (poison && (bridge_letter_copies_busy(bridge, event) || is_clock(bridge, lane, event)))
        return false;
    if (poison) {
        snprintf(reason.error, sizeof reason.error, "%s",
                 bridge_error_code_name(lane->poison_code));
        snprintf(reason.text, sizeof reason.text, "%s", bridge_error_code_text(lane->poison_code));
        if (spool_letters_put(bridge->spool, event, &reason, &msg) != ERR_OK) {
            wait(bridge, lane, msg.text);
            return false;
        }
        say_given_up(bridge, lane, event);
        lane->poison_id = 0;
        lane->search = 0;
        lane->error = 0;
        lane->attempts = 0;
    }
    if (!bridge_letter_copies_make(bridge, lane, event, poison ? &reason : NULL))
        return false;
    lane->dead_new++;
    lane->good_ms = bridge->now_ms;
    bridge->dirty = true;
    return true;
}
