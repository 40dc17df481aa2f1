/* SPDX-License-Identifier: MIT
 * known.h - what the cursor in Kafka covers already. Bridge thread only. */
#ifndef PENSTOCK_BRIDGE_EXACTLY_ONCE_KNOWN_H
#define PENSTOCK_BRIDGE_EXACTLY_ONCE_KNOWN_H

#include "bridge/core/internal.h"

/* True when more lanes lag than Kafka's cursor can name: the head waits for them. */
static inline bool bridge_txn_holds_head(const struct bridge *bridge)
{
    return bridge->txn.state != BRIDGE_TXN_OFF && bridge->txn.behind > BRIDGE_CURSOR_TEXT_LANES_MAX;
}

/* True when Kafka's cursor covers the event, which is then counted and not sent. Late events (found
 * among damage) are never covered. */
static inline bool bridge_txn_knows(struct bridge *bridge, struct bridge_lane *lane,
                                    const struct spool_event *event,
                                    const struct bridge_reader *reader)
{
    if (lane->round != bridge->txn.round)
        bridge_txn_meet_slow(bridge, lane);
    return event->id <= lane->known_id && event->id > reader->passed_id;
}

#endif
