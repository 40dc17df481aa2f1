/* SPDX-License-Identifier: MIT
 * resume.c - going on after Kafka's cursor: at the start, and after every trouble. */
#include "base/clock.h"
#include "base/log.h"
#include "bridge/core/internal.h"
#include "bridge/core/say.h"
#include "bridge/rules/cursor_trust.h"

#include <inttypes.h>
#include <stdlib.h>

#define CALL_MS          3000
#define SOON_MS          200
#define STOPPED_AGAIN_MS 30000
#define SAY_AGAIN_MS     60000

void bridge_txn_meet_slow(struct bridge *bridge, struct bridge_lane *lane)
{
    const struct bridge_txn *txn = &bridge->txn;
    if (lane->topic_hash == 0)
        lane->topic_hash = bridge_cursor_text_hash(bytes_of(lane->topic, lane->topic_size));
    if (txn->from_spool)
        lane->known_id =
            lane->own_cursor && lane->cursor_id < txn->floor_id ? lane->cursor_id : txn->floor_id;
    else
        lane->known_id = bridge_cursor_text_lane(&txn->known, lane->topic_hash, txn->floor_id);
    lane->round = txn->round;
}

/* Goes back to the spool's cursors; events after them that Kafka's cursor covers will be counted,
 * not sent. */
static enum err go_back(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    bridge_reader_close(&bridge->head);
    bridge->head_at_end = false;
    bridge->unsettled = true;
    bridge->dirty = true;
    txn->round++;
    for (size_t i = 0; i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (lane->blamed)
            bridge_txn_back_off(bridge, lane);
        bridge_lane_restart(lane, bridge->watermark_id);
        bridge_txn_meet_slow(bridge, lane);
    }
    bridge->side_readers = 0;
    return bridge_reader_open(&bridge->head, bridge->spool, bridge->watermark_id);
}

/* Errors: as spool_had_segment() and spool_oldest_segment(); ask again later */
static enum err look_at_disk(struct bridge *bridge, uint64_t nonce,
                             struct bridge_cursor_trust_view *view)
{
    uint64_t segment_id = spool_id_segment(view->kafka_id), oldest_id = 0;
    enum err rc = spool_had_segment(bridge->spool, segment_id, nonce, &view->segment_ours);
    if (rc == ERR_OK)
        rc = spool_oldest_segment(bridge->spool, &oldest_id);
    view->before_all = segment_id < oldest_id;
    return rc;
}

/* Errors: as look_at_disk() */
static enum err judge(struct bridge *bridge, const struct bridge_cursor_read *read,
                      struct bridge_cursor_text *ret_meta, enum bridge_cursor_trust *ret_trust)
{
    struct bridge_txn *txn = &bridge->txn;
    struct bridge_cursor_trust_view view = {
        .found = read->found,
        .kafka_id = read->offset_id,
        .local_id = bridge->watermark_id,
        .local_written = bridge->watermark_id > 0,
    };
    view.readable = read->found && bridge_cursor_text_decode(bytes_of_string(read->meta),
                                                             read->offset_id, ret_meta);
    view.same_cluster = !view.readable || ret_meta->cluster[0] == '\0' || txn->cluster[0] == '\0' ||
                        strcmp(ret_meta->cluster, txn->cluster) == 0;
    if (!txn->begun_before)
        view.local_newer = spool_cursor_at_open(bridge->spool)->mode == SPOOL_AT_LEAST_ONCE;
    else
        view.local_newer = txn->mark != BRIDGE_TXN_MARKED; /* no event was sent in this mode yet */
    enum err rc = view.readable ? look_at_disk(bridge, ret_meta->nonce, &view) : ERR_OK;
    *ret_trust = bridge_cursor_trust_of(&view);
    return rc;
}

static void say_stopped(struct bridge *bridge, const struct bridge_cursor_read *read)
{
    struct bridge_txn *txn = &bridge->txn;
    if (txn->said_ms != 0 && bridge->now_ms - txn->said_ms < SAY_AGAIN_MS)
        return;
    txn->said_ms = bridge->now_ms;
    bridge_say(bridge, true, "cursor_not_believed",
               "kafka_id=%" PRIu64 " local_id=%" PRIu64 " group=%s text=%s action=%s",
               read->offset_id, bridge->watermark_id, txn->group,
               log_quote("Kafka's cursor is ahead of this spool and names a segment that was never "
                         "on this disk: the spool "
                         "is a copy, was "
                         "restored from a backup, or went back in time"),
               log_quote("forwarding has stopped, events are still taken. Stop this agent, run "
                         "`penstock init --new-id` with "
                         "its --spool or --config, and start it: it goes on behind the spool's own "
                         "cursor, and what was "
                         "delivered since the backup or copy was made is sent again. Without a "
                         "stop, if no other agent runs "
                         "with this spool id: `kafka-consumer-groups --delete --group <group>`"));
}

static void say_read(struct bridge *bridge, const struct bridge_cursor_read *read,
                     enum bridge_cursor_trust trust)
{
    bool loud = trust == BRIDGE_CURSOR_TRUST_EXPIRED;
    bridge_say(bridge, loud, loud ? "cursor_missing" : "cursor_read",
               "kafka=%s kafka_id=%" PRIu64 " local_id=%" PRIu64
               " lanes_behind=%zu believed=%s action=%s",
               read->found ? "found" : "none", read->offset_id, bridge->watermark_id,
               bridge->txn.known.lane_count, bridge_cursor_trust_name(trust),
               log_quote(loud ? "Kafka has no cursor of this spool: it expired "
                                "(offsets.retention.minutes), its topic was made "
                                "again, this is another cluster, or the spool has a new id. Going "
                                "on behind the spool's own cursor; what was sent in "
                                "the last "
                                "second before the agent stopped may be repeated"
                              : "going on"));
}

static void adopt(struct bridge *bridge, const struct bridge_cursor_read *read,
                  enum bridge_cursor_trust trust, const struct bridge_cursor_text *meta)
{
    struct bridge_txn *txn = &bridge->txn;
    txn->from_spool = trust != BRIDGE_CURSOR_TRUST_KAFKA;
    txn->floor_id = txn->from_spool ? bridge->watermark_id : read->offset_id;
    txn->known = txn->from_spool ? (struct bridge_cursor_text){0} : *meta;
    if (go_back(bridge) != ERR_OK) {
        txn->due_ms = bridge->now_ms + SOON_MS;
        return;
    }
    if (!txn->begun_before || trust == BRIDGE_CURSOR_TRUST_EXPIRED)
        say_read(bridge, read, trust);
    if (txn->from_spool)
        txn->mark = BRIDGE_TXN_MARK_KAFKA;
    txn->begun_before = true;
    txn->spoilt = false;
    txn->attempts = 0;
    txn->state = read->found ? BRIDGE_TXN_READY : BRIDGE_TXN_TOPIC;
    txn->since_ms = bridge->now_ms;
}

void bridge_txn_read(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    struct bridge_cursor_read read = {0};
    struct bridge_txn_error error;
    if (txn->cluster[0] == '\0')
        bridge_sink_cluster(bridge->sink, CALL_MS, txn->cluster);
    enum bridge_txn_result result =
        bridge_cursor_topic_read(bridge->sink, &txn->place, CALL_MS, &read, &error);
    bridge->now_ms = txn->read_ms = clock_monotonic_ms();
    if (result != BRIDGE_TXN_OK) {
        txn->due_ms = bridge->now_ms + SOON_MS;
        if (result != BRIDGE_TXN_LATER)
            bridge_txn_trouble(bridge, BRIDGE_STEP_READ, &error);
        free(read.meta);
        return;
    }
    struct bridge_cursor_text meta = {0};
    enum bridge_cursor_trust trust;
    if (judge(bridge, &read, &meta, &trust) != ERR_OK) {
        txn->due_ms = bridge->now_ms + SOON_MS;
    } else if (trust == BRIDGE_CURSOR_TRUST_NOBODY) {
        say_stopped(bridge, &read);
        txn->state = BRIDGE_TXN_STOPPED;
        txn->due_ms = bridge->now_ms + STOPPED_AGAIN_MS;
    } else {
        adopt(bridge, &read, trust, &meta);
    }
    free(read.meta);
}
