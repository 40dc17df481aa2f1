/* SPDX-License-Identifier: MIT
 * letter_copies.c - sending the copies of dead letters, and doing without them. */
#include "bridge/forward/letter_copies.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "bridge/client/error_table.h"
#include "bridge/core/condemn.h"
#include "bridge/core/internal.h"
#include "bridge/core/say.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>

#define LOOK_MS  200
#define AGAIN_MS 10
/* a topic that isn't there may be about to be made: its lane waits so long */
#define TOPIC_MS     3000
#define REPORT_MS    2000 /* at_least_once: a lane waits so long for the report */
#define PAUSE_MS     60000
#define TRY_TOPIC_MS 250

static bool transactional(const struct bridge *bridge)
{
    return bridge->txn.state != BRIDGE_TXN_OFF;
}

/* dead_letter.topic takes no copy: it is left alone for a while, so that the next letters don't
 * wait for it. */
static void give_up(struct bridge *bridge, int code)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    copies->paused_until_ms = bridge->now_ms + PAUSE_MS;
    copies->absent_ms = 0;
    bridge_sink_topic_close(copies->topic);
    copies->topic = NULL;
    bridge_say(bridge, true, "dead_letter_not_copied",
               "topic=%s event_id=%" PRIu64 " error=%s text=%s action=%s",
               bridge->options->letters_topic, copies->id, bridge_error_code_name(code),
               log_quote(bridge_error_code_text(code)),
               log_quote("kept in dead-letter/ as all are; dead_letter.topic is tried again with "
                         "the next letter after "
                         "60 s"));
}

/* Lets the lane pass the letter without a copy. */
static bool without(struct bridge *bridge, struct bridge_lane *lane)
{
    lane->uncopied_new++;
    bridge->copies.id = 0;
    bridge->copies.state = BRIDGE_COPY_UNSENT;
    return true;
}

static bool later(struct bridge *bridge, struct bridge_lane *lane, int64_t wait_ms)
{
    lane->due_ms = bridge->now_ms + wait_ms;
    bridge->unsettled = true;
    return false;
}

struct wanted {
    uint64_t id;
    struct spool_letter_reason *reason;
};

static bool is_wanted(void *arg, const struct spool_letter *letter)
{
    struct wanted *wanted = arg;
    if (letter->id != wanted->id)
        return true;
    *wanted->reason = letter->reason;
    return false;
}

static void begin(struct bridge *bridge, const struct spool_event *event,
                  const struct spool_letter_reason *reason)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    copies->id = event->id;
    copies->state = BRIDGE_COPY_UNSENT;
    copies->size = BRIDGE_COPY_WHOLE;
    copies->reason = (struct spool_letter_reason){.time_ms = clock_wall_ms()};
    struct wanted wanted = {event->origin_id != 0 ? event->origin_id : event->id, &copies->reason};
    if (reason != NULL)
        copies->reason = *reason;
    else
        (void)spool_letters_each(bridge->spool, is_wanted, &wanted, NULL); /* may find none */
}

/* Looks for dead_letter.topic. 0: copies->topic is open; else the code of what is wrong. */
static int look(struct bridge *bridge)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    if (copies->topic != NULL)
        return 0;
    struct bridge_sink_topic *topic =
        bridge_sink_topic_open(bridge->sink, bridge->options->letters_topic);
    int code = topic == NULL ? RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
                             : bridge_sink_topic_look(bridge->sink, topic, LOOK_MS);
    if (code == 0)
        copies->topic = topic;
    else
        bridge_sink_topic_close(topic);
    return code;
}

static bool may_appear(int code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == BRIDGE_SINK_UNSEEN;
}

static bool is_size(int code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

/* Hands the copy to the client. 0: the copy is under way; else the code of the refusal. */
static int hand_over(struct bridge *bridge, const struct spool_event *event)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    struct buf headers = {0};
    struct spool_event copy;
    char id[UUID_TEXT_SIZE];
    uuid_format(spool_uuid(bridge->spool), id);
    int code = BRIDGE_SINK_FULL;
    for (;; copies->size++) {
        if (bridge_letter_copy_of(event, &copies->reason, bridge->options->id_header ? NULL : id,
                                  copies->size, &headers, &copy))
            code = bridge_sink_produce(bridge->sink, copies->topic, &copy,
                                       BRIDGE_LETTER_COPIES_TOKEN, true);
        if (!is_size(code) || copies->size == BRIDGE_COPY_BARE)
            break;
    }
    buf_free(&headers);
    if (code == 0) {
        copies->state = BRIDGE_COPY_SENT;
        copies->sent_ms = bridge->now_ms;
        bridge->budget.events++;
    }
    return code;
}

static bool attempt(struct bridge *bridge, struct bridge_lane *lane,
                    const struct spool_event *event)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    if (!bridge->link.up) {
        copies->absent_ms = 0;
        return later(bridge, lane, TRY_TOPIC_MS); /* events don't go either */
    }
    int code = look(bridge);
    if (code != 0) {
        if (copies->absent_ms == 0)
            copies->absent_ms = bridge->now_ms;
        if (may_appear(code) && bridge->now_ms - copies->absent_ms < TOPIC_MS)
            return later(bridge, lane, TRY_TOPIC_MS);
        give_up(bridge, code);
        return without(bridge, lane);
    }
    copies->absent_ms = 0;
    if (transactional(bridge) && !bridge_txn_begin(bridge))
        return later(bridge, lane, AGAIN_MS);
    code = hand_over(bridge, event);
    if (code == 0)
        return transactional(bridge) || later(bridge, lane, AGAIN_MS);
    if (code == RD_KAFKA_RESP_ERR__STATE)
        bridge_txn_spoil(bridge); /* the transaction takes no more events */
    if (code == BRIDGE_SINK_FULL || code == RD_KAFKA_RESP_ERR__STATE)
        return later(bridge, lane, AGAIN_MS);
    give_up(bridge, code);
    return without(bridge, lane);
}

bool bridge_letter_copies_busy(const struct bridge *bridge, const struct spool_event *event)
{
    const struct bridge_letter_copies *copies = &bridge->copies;
    bool waits = copies->absent_ms != 0 && bridge->now_ms - copies->absent_ms < TOPIC_MS;
    return copies->id != 0 && copies->id != event->id &&
           (copies->state == BRIDGE_COPY_SENT || copies->state == BRIDGE_COPY_GOOD || waits);
}

bool bridge_letter_copies_make(struct bridge *bridge, struct bridge_lane *lane,
                               const struct spool_event *event,
                               const struct spool_letter_reason *reason)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    const char *topic = bridge->options->letters_topic;
    /* Letters of dead_letter.topic itself are not copied to it: Kafka refused them there. */
    if (topic == NULL || strcmp(topic, lane->topic) == 0)
        return true;
    if (bridge_letter_copies_busy(bridge, event))
        return later(bridge, lane, AGAIN_MS);
    if (copies->id != event->id)
        begin(bridge, event, reason);
    switch (copies->state) {
    case BRIDGE_COPY_UNSENT: break;
    case BRIDGE_COPY_FAILED: return without(bridge, lane);
    case BRIDGE_COPY_SENT:
        if (transactional(bridge) || bridge->now_ms - copies->sent_ms < REPORT_MS)
            return later(bridge, lane, AGAIN_MS);
        /* The copy may still arrive, which does no harm. */
        give_up(bridge, RD_KAFKA_RESP_ERR__TIMED_OUT);
        return without(bridge, lane);
    case BRIDGE_COPY_GOOD: bridge_letter_copies_committed(bridge); return true;
    }
    return bridge->now_ms < copies->paused_until_ms ? without(bridge, lane)
                                                    : attempt(bridge, lane, event);
}

/* True for an event that failed with its producer or transaction, without a fault of its own. */
static bool is_consequence(int code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
           code == RD_KAFKA_RESP_ERR__DESTROY;
}

void bridge_letter_copies_report(struct bridge *bridge, int code)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    bridge->budget.events--;
    if (code != 0 && transactional(bridge))
        bridge_txn_spoil(bridge);
    if (copies->state != BRIDGE_COPY_SENT)
        return; /* the copy was given up meanwhile */
    copies->state = code == 0 ? BRIDGE_COPY_GOOD : BRIDGE_COPY_UNSENT;
    if (code == 0 || is_consequence(code))
        return;
    if (bridge_error_of(code) == BRIDGE_ERROR_RECREATE) {
        bridge_producer_condemn(bridge, code, bridge_error_code_text(code));
    } else if (is_size(code) && copies->size < BRIDGE_COPY_BARE) {
        copies->size++;
    } else {
        give_up(bridge, code);
        copies->state = BRIDGE_COPY_FAILED;
    }
}

void bridge_letter_copies_silent(struct bridge *bridge)
{
    if (bridge->copies.state != BRIDGE_COPY_SENT)
        return;
    give_up(bridge, RD_KAFKA_RESP_ERR__TIMED_OUT);
    bridge->copies.state = BRIDGE_COPY_FAILED;
    bridge_txn_spoil(bridge);
}

void bridge_letter_copies_committed(struct bridge *bridge)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    if (copies->state != BRIDGE_COPY_GOOD)
        return;
    copies->made++;
    copies->id = 0;
    copies->state = BRIDGE_COPY_UNSENT;
}

void bridge_letter_copies_aborted(struct bridge *bridge)
{
    if (bridge->copies.state == BRIDGE_COPY_GOOD)
        bridge->copies.state = BRIDGE_COPY_UNSENT; /* sent again with its letter */
}

void bridge_letter_copies_forget(struct bridge *bridge)
{
    struct bridge_letter_copies *copies = &bridge->copies;
    bridge_sink_topic_close(copies->topic);
    copies->topic = NULL;
    if (copies->state == BRIDGE_COPY_SENT || copies->state == BRIDGE_COPY_GOOD)
        copies->state = BRIDGE_COPY_UNSENT;
}
