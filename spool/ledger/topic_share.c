/* SPDX-License-Identifier: MIT
 * topic_share.c - pending bytes per topic against the part of the spool that one topic may have. */
#include "spool/ledger/topic_share.h"

#include "spool/home/internal.h"
#include "spool/home/say.h"

#include <inttypes.h>

enum { SHARE_PERCENT_OFF = 100 };

void spool_topic_share_add(struct spool_topic *topic, uint64_t event_count, uint64_t bytes)
{
    atomic_fetch_add(&topic->pending, (int64_t)event_count);
    atomic_fetch_add(&topic->pending_bytes, bytes);
}

void spool_topic_share_remove(struct spool_topic *topic, uint64_t event_count)
{
    int64_t pending = atomic_fetch_sub(&topic->pending, (int64_t)event_count);
    uint64_t bytes = atomic_load(&topic->pending_bytes);
    if (pending > 0 && event_count < (uint64_t)pending)
        bytes = (uint64_t)((double)bytes * (double)event_count / (double)pending);
    atomic_fetch_sub(&topic->pending_bytes, bytes);
}

uint64_t spool_topic_share_bytes(const struct spool_options *limits)
{
    if (limits->topic_share_percent == 0 || limits->topic_share_percent >= SHARE_PERCENT_OFF)
        return UINT64_MAX;
    return limits->size_bytes_max / 100 * limits->topic_share_percent;
}

bool spool_topic_share_exceeded(uint64_t share_bytes, uint64_t pending_bytes, bool was_refused)
{
    return share_bytes != UINT64_MAX &&
           pending_bytes > (was_refused ? share_bytes / 10 * 9 : share_bytes);
}

bool spool_topic_share_look(struct spool *spool, struct spool_topic *topic)
{
    uint64_t share_bytes = spool_topic_share_bytes(spool->limits),
             pending_bytes = atomic_load(&topic->pending_bytes);
    bool before = atomic_load(&topic->over_share);
    bool now = spool_topic_share_exceeded(share_bytes, pending_bytes, before);
    /* only the thread that changes the flag reports it */
    if (now != before && atomic_compare_exchange_strong(&topic->over_share, &before, now))
        spool_say(spool, now, now ? "topic_refused" : "topic_accepted_again",
                  "topic=%s pending_bytes=%" PRIu64 " share_bytes=%" PRIu64 "%s", topic->name,
                  pending_bytes,
                  share_bytes == UINT64_MAX ? spool->limits->size_bytes_max : share_bytes,
                  now ? " limit=bridge.topic_share action=refusing_this_topic_alone" : "");
    return now;
}
