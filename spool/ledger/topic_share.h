/* SPDX-License-Identifier: MIT
 * topic_share.h - how much of the spool one topic's pending events take, and when that topic alone
 * is refused.
 *
 * Bytes of frames are added exactly. Done events are subtracted by count, as their part of the sum,
 * so that no reader has to add up sizes. The sum is exact while no event of the topic gets done,
 * which is when it matters, and 0 when none is pending. */
#ifndef PENSTOCK_SPOOL_LEDGER_TOPIC_SHARE_H
#define PENSTOCK_SPOOL_LEDGER_TOPIC_SHARE_H

#include "spool/ledger/topics.h"
#include "spool/spool_options.h"

struct spool;

/* Adds or removes pending events; the caller holds the spool's lock. */
void spool_topic_share_add(struct spool_topic *topic, uint64_t event_count, uint64_t bytes);
void spool_topic_share_remove(struct spool_topic *topic, uint64_t event_count);

/* The bytes that one topic may have pending; UINT64_MAX: no limit but the spool's own. Pure. */
uint64_t spool_topic_share_bytes(const struct spool_options *limits);
/* Is a topic with that many pending bytes refused? was_refused: so far. A refused topic stays
 * refused until it is a tenth below the limit. Pure. */
bool spool_topic_share_exceeded(uint64_t share_bytes, uint64_t pending_bytes, bool was_refused);

/* Compares, and reports a change. Any thread, without the spool's lock. True: events for the topic
 * are to be refused. */
bool spool_topic_share_look(struct spool *spool, struct spool_topic *topic);

#endif
