/* SPDX-License-Identifier: MIT
 * stats.c - the books and the figures, gathered from where they are kept. */
#include "spool/spool.h"

#include "base/clock.h"
#include "spool/home/internal.h"

#include <stdlib.h>

static uint64_t not_negative(int64_t value)
{
    return value > 0 ? (uint64_t)value : 0;
}

static struct spool_books topic_books(struct spool_topic *topic)
{
    return (struct spool_books){
        .accepted = atomic_load(&topic->accepted),
        .delivered = atomic_load(&topic->delivered),
        .pending = not_negative(atomic_load(&topic->pending)),
        .dead_lettered = atomic_load(&topic->dead_lettered),
        .lost = atomic_load(&topic->lost),
    };
}

/* Sums up the topics. Under the lock, so that an event moving from pending to delivered is seen
 * once. */
static struct spool_books all_books(struct spool *spool)
{
    struct spool_books sum = {
        .accepted = atomic_load(&spool->unknown_accepted),
        .lost = atomic_load(&spool->unknown_lost),
    };
    int64_t pending = atomic_load(&spool->unknown_pending);
    size_t count = spool_topics_count(&spool->topics);
    for (size_t i = 0; i < count; i++) {
        struct spool_topic *topic = spool_topics_at(&spool->topics, i);
        struct spool_books books = topic_books(topic);
        sum.accepted += books.accepted;
        sum.delivered += books.delivered;
        sum.dead_lettered += books.dead_lettered;
        sum.lost += books.lost;
        pending += atomic_load(&topic->pending);
    }
    sum.pending = not_negative(pending);
    return sum;
}

static void fill_committer(struct spool *spool, struct spool_stats *stats)
{
    struct spool_committer *committer = &spool->committer;
    stats->queued_bytes = atomic_load(&committer->queued_bytes);
    stats->commit_us_sum = atomic_load(&committer->us_sum);
    stats->commits = atomic_load(&committer->commits);
    stats->committed_bytes = atomic_load(&committer->committed_bytes);
    stats->commit_failures = atomic_load(&committer->failures);
    stats->segments_abandoned = atomic_load(&committer->abandoned);
    stats->commit_ms_last = atomic_load(&committer->last_ms);
    int64_t since_ms = atomic_load(&committer->running_since_ms);
    stats->commit_running_ms = since_ms == 0 ? 0 : clock_monotonic_ms() - since_ms;
    for (int i = 0; i < 16; i++)
        stats->sync_us_histogram[i] = atomic_load(&committer->histogram[i]);
}

/* Is the segment one of an earlier run, not done, and not read to its end? */
static bool is_backlog(const struct spool *spool, const struct spool_entry *entry)
{
    const struct spool_progress *progress = &spool->progress;
    return entry->state == SPOOL_ENTRY_OLD && !entry->read_through && !entry->parked &&
           !spool_entry_is_done(entry, progress->done_id, progress->lanes, progress->lane_count);
}

static void add_parked(struct spool_stats *stats, const struct spool_entry *entry)
{
    if (!entry->parked)
        return;
    stats->segment_count -= !entry->original_there;
    stats->parked_segments++;
    stats->parked_events += entry->parked_count == SPOOL_PARKED_UNKNOWN ? 0 : entry->parked_count;
    stats->parked_bytes += entry->parked_bytes;
}

void spool_stats_get(struct spool *spool, struct spool_stats *ret_stats)
{
    struct spool_stats stats = {
        .counting = atomic_load(&spool->counting),
        .used_bytes = atomic_load(&spool->usage.used_bytes),
        .free_bytes = atomic_load(&spool->usage.free_bytes),
        .cursor_writes = atomic_load(&spool->keeper.cursor_writes),
        .cursor_mode = (enum spool_delivery)atomic_load(&spool->keeper.cursor_mode),
    };
    fill_committer(spool, &stats);
    stats.quarantine_segments = atomic_load(&spool->quarantine.segments);
    stats.quarantine_bytes = atomic_load(&spool->quarantine.bytes);
    stats.dead_letters = atomic_load(&spool->letters.count);
    stats.dead_letter_bytes = atomic_load(&spool->letters.bytes);
    stats.dead_letters_full = atomic_load(&spool->letters.full);
    mutex_lock(&spool->lock);
    stats.books = all_books(spool);
    stats.segment_count = spool->catalog.count;
    stats.last_event_id = spool->last_event_id;
    stats.window_bytes = spool->window.bytes;
    stats.damaged_segments = spool->damaged_segments;
    for (size_t i = 0; i < spool->catalog.count; i++)
        stats.unread_segments += spool->catalog.entries[i].unread;
    for (size_t i = 0; i < spool->catalog.count; i++)
        add_parked(&stats, &spool->catalog.entries[i]);
    for (size_t i = 0; i < spool->catalog.count; i++)
        stats.backlog_segments += is_backlog(spool, &spool->catalog.entries[i]);
    if (spool->catalog.count > 0)
        stats.live_segment_id = spool->catalog.entries[spool->catalog.count - 1].id;
    mutex_unlock(&spool->lock);
    *ret_stats = stats;
}

enum err spool_topic_books_get(struct spool *spool, struct spool_topic_books **ret_topics,
                               size_t *ret_count)
{
    size_t count = spool_topics_count(&spool->topics), filled = 0;
    struct spool_topic_books *rows = calloc(count + 1, sizeof *rows);
    if (rows == NULL)
        return ERR_NOMEM;
    mutex_lock(&spool->lock);
    for (size_t i = 0; i < count; i++) {
        struct spool_topic *topic = spool_topics_at(&spool->topics, i);
        rows[filled].books = topic_books(topic);
        rows[filled].pending_bytes = atomic_load(&topic->pending_bytes);
        rows[filled].refused = atomic_load(&topic->over_share);
        if (rows[filled].books.accepted == 0)
            continue; /* the topic is known, but has no accepted event */
        memcpy(rows[filled++].topic, topic->name, sizeof topic->name);
    }
    mutex_unlock(&spool->lock);
    *ret_topics = rows;
    *ret_count = filled;
    return ERR_OK;
}
