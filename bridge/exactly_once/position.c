/* SPDX-License-Identifier: MIT
 * position.c - what the open transaction makes of Kafka's cursor. */
#include "bridge/core/internal.h"

/* Position for the cursor. An event that was read ahead and not passed doesn't count, while a
 * cursor must stay where it is. */
uint64_t bridge_txn_position(const struct bridge *bridge)
{
    uint64_t position = bridge_reader_passed(&bridge->head);
    return position > bridge->watermark_id ? position : bridge->watermark_id;
}

static uint64_t lane_at(struct bridge *bridge, struct bridge_lane *lane, uint64_t position_id)
{
    if (lane->round != bridge->txn.round)
        bridge_txn_meet_slow(bridge, lane);
    uint64_t at = lane->mode == BRIDGE_LANE_MODE_FLOWING || lane->read_id > position_id
                      ? position_id
                      : lane->read_id;
    return at > lane->known_id ? at : lane->known_id;
}

static bool add_lane(struct bridge_cursor_text *meta, uint64_t topic_hash, uint64_t done_id,
                     uint64_t offset_id)
{
    if (done_id >= offset_id)
        return true;
    if (meta->lane_count == BRIDGE_CURSOR_TEXT_LANES_MAX)
        return false;
    meta->lanes[meta->lane_count++] = (struct bridge_cursor_lane){topic_hash, done_id};
    return true;
}

static bool is_met(const struct bridge *bridge, uint64_t topic_hash)
{
    for (size_t i = 0; i < bridge->lanes.count; i++)
        if (bridge->lanes.items[i]->round == bridge->txn.round &&
            bridge->lanes.items[i]->topic_hash == topic_hash)
            return true;
    return false;
}

/* False: more lanes are behind than the text can name. */
static bool gather_lanes(struct bridge *bridge, uint64_t position_id, uint64_t offset_id,
                         struct bridge_cursor_text *meta)
{
    const struct bridge_txn *txn = &bridge->txn;
    bool ok = true;
    meta->lane_count = 0;
    for (size_t i = 0; ok && i < bridge->lanes.count; i++) {
        struct bridge_lane *lane = bridge->lanes.items[i];
        if (lane->mode == BRIDGE_LANE_MODE_FLOWING && position_id >= offset_id)
            continue;
        uint64_t at = lane_at(bridge, lane, position_id);
        ok = add_lane(meta, lane->topic_hash, at, offset_id);
    }
    /* Lanes to which the head has not come yet. */
    for (size_t i = 0;
         ok && !txn->from_spool && position_id < txn->floor_id && i < txn->known.lane_count; i++)
        if (!is_met(bridge, txn->known.lanes[i].topic_hash))
            ok = add_lane(meta, txn->known.lanes[i].topic_hash, txn->known.lanes[i].done_id,
                          offset_id);
    return ok;
}

static uint64_t nonce_of(struct bridge *bridge, uint64_t segment_id)
{
    struct bridge_txn *txn = &bridge->txn;
    if (txn->nonce_segment_id == segment_id && txn->nonce != 0)
        return txn->nonce;
    txn->nonce_segment_id = segment_id;
    if (spool_segment_nonce(bridge->spool, segment_id, &txn->nonce) != ERR_OK)
        txn->nonce = 0; /* the segment is retired: the spool's own cursor has passed it */
    return txn->nonce;
}

void bridge_txn_plan(struct bridge *bridge)
{
    struct bridge_txn *txn = &bridge->txn;
    struct bridge_cursor_text meta = {0};
    uint64_t position_id = bridge_txn_position(bridge);
    txn->offset_id = position_id > txn->floor_id ? position_id : txn->floor_id;
    /* The head waits before that happens; if it does, the offset waits, and what lies beyond may be
     * repeated after a crash. */
    if (!gather_lanes(bridge, position_id, txn->offset_id, &meta)) {
        txn->offset_id = txn->floor_id;
        if (!gather_lanes(bridge, position_id, txn->offset_id, &meta)) {
            for (size_t i = 0; i < bridge->lanes.count; i++) {
                uint64_t at = lane_at(bridge, bridge->lanes.items[i], position_id);
                txn->offset_id = at < txn->offset_id ? at : txn->offset_id;
            }
            meta.lane_count = 0;
        }
    }
    memcpy(meta.cluster, txn->cluster, sizeof meta.cluster);
    meta.nonce = nonce_of(bridge, spool_id_segment(txn->offset_id));
    bridge_cursor_text_encode(&meta, txn->offset_id, txn->meta);
}
