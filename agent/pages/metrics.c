/* SPDX-License-Identifier: MIT
 * metrics.c - /metrics: one table row per plain figure, and the families with labels. */
#include "agent/pages/state.h"

#include <inttypes.h>
#include <stddef.h>

enum type { COUNTER, GAUGE };
enum kind { U64, FLAG };

/* Figures that stand in the snapshot as they are. */
static const struct {
    const char *name, *help;
    enum type type;
    enum kind kind;
    size_t offset;
} figures[] = {
#define FIGURE(name, type, kind, field, help)                                                      \
    {                                                                                              \
        name, help, type, kind, offsetof(struct agent_snapshot, field)                             \
    }
    FIGURE("penstock_events_accepted_total", COUNTER, U64, spool.books.accepted,
           "Events synced to disk since the spool was made."),
    FIGURE("penstock_events_delivered_total", COUNTER, U64, spool.books.delivered,
           "Events acknowledged by Kafka and passed by the cursor."),
    FIGURE("penstock_events_dead_lettered_total", COUNTER, U64, spool.books.dead_lettered,
           "Events that could never go to Kafka."),
    FIGURE("penstock_events_lost_total", COUNTER, U64, spool.books.lost,
           "Accepted events that were found missing or damaged."),
    FIGURE("penstock_events_pending", GAUGE, U64, spool.books.pending,
           "Accepted events that are not done yet."),
    FIGURE("penstock_spool_counting", GAUGE, FLAG, spool.counting,
           "1 while what an earlier run left is still being counted."),
    FIGURE("penstock_spool_used_bytes", GAUGE, U64, spool.used_bytes,
           "Bytes on disk below spool.path."),
    FIGURE("penstock_spool_free_bytes", GAUGE, U64, spool.free_bytes,
           "Free bytes of the spool's filesystem."),
    FIGURE("penstock_spool_segments", GAUGE, U64, spool.segment_count, "Segments on disk."),
    FIGURE("penstock_spool_queued_bytes", GAUGE, U64, spool.queued_bytes,
           "Bytes taken but not yet synced."),
    FIGURE("penstock_spool_window_bytes", GAUGE, U64, spool.window_bytes,
           "Just-committed bytes kept in memory for the bridge."),
    FIGURE("penstock_spool_commits_total", COUNTER, U64, spool.commits, "Synced writes of events."),
    FIGURE("penstock_spool_committed_bytes_total", COUNTER, U64, spool.committed_bytes,
           "Bytes of frames in them."),
    FIGURE("penstock_spool_commit_failures_total", COUNTER, U64, spool.commit_failures,
           "Synced writes that failed."),
    FIGURE("penstock_spool_segments_abandoned_total", COUNTER, U64, spool.segments_abandoned,
           "Segments ended by a write error."),
    FIGURE("penstock_spool_backlog_segments", GAUGE, U64, spool.backlog_segments,
           "Segments left by earlier runs that have not been read to their ends."),
    FIGURE("penstock_spool_unread_segments", GAUGE, U64, spool.unread_segments,
           "Segments that can't be read now: put aside, still pending, tried again."),
    FIGURE("penstock_spool_quarantine_segments", GAUGE, U64, spool.quarantine_segments,
           "Damaged or vanished segments that a loss report tells of."),
    FIGURE("penstock_spool_quarantine_bytes", GAUGE, U64, spool.quarantine_bytes,
           "Size of the damaged segments that are kept."),
    FIGURE("penstock_dead_letters", GAUGE, U64, spool.dead_letters,
           "Dead letters that wait for somebody to requeue or drop them."),
    FIGURE("penstock_dead_letter_bytes", GAUGE, U64, spool.dead_letter_bytes, "Their size."),
    FIGURE("penstock_dead_letters_full", GAUGE, FLAG, spool.dead_letters_full,
           "1 while an event has no room among them and its topic waits."),
    FIGURE("penstock_spool_parked_segments", GAUGE, U64, spool.parked_segments,
           "Segments of which only what topics that are behind still need is left, in parked/."),
    FIGURE("penstock_spool_parked_events", GAUGE, U64, spool.parked_events,
           "Events that were put there; they are pending."),
    FIGURE("penstock_spool_parked_bytes", GAUGE, U64, spool.parked_bytes, "Their size."),
    FIGURE("penstock_spool_damaged_segments_total", COUNTER, U64, spool.damaged_segments,
           "Segments found damaged in this run."),
    FIGURE("penstock_spool_cursor_writes_total", COUNTER, U64, spool.cursor_writes,
           "Synced writes of the cursors."),
    FIGURE("penstock_ingest_requests_total", COUNTER, U64, ingest.requests, "HTTP requests begun."),
    FIGURE("penstock_ingest_body_bytes_total", COUNTER, U64, ingest.body_bytes,
           "Bytes of request bodies."),
    FIGURE("penstock_ingest_connections", GAUGE, U64, ingest.connections, "Open connections."),
    FIGURE("penstock_ingest_connections_evicted_total", COUNTER, U64, ingest.connections_evicted,
           "Connections closed for being silent or slow."),
    FIGURE("penstock_ingest_in_flight_bytes", GAUGE, U64, ingest.in_flight_bytes,
           "Bytes of requests being received or committed."),
    FIGURE("penstock_ingest_waiting_requests", GAUGE, U64, ingest.waiting_for_sync,
           "Requests that wait for their sync."),
    FIGURE("penstock_bridge_connected", GAUGE, FLAG, bridge.connected,
           "1 while a Kafka broker is up."),
    FIGURE("penstock_bridge_in_flight_events", GAUGE, U64, bridge.in_flight_events,
           "Events handed to Kafka's client and not yet reported."),
    FIGURE("penstock_bridge_in_flight_bytes", GAUGE, U64, bridge.in_flight_bytes, "Bytes of them."),
    FIGURE("penstock_bridge_produced_total", COUNTER, U64, bridge.produced,
           "Events handed to Kafka's client, repeats included."),
    FIGURE("penstock_bridge_delivered_total", COUNTER, U64, bridge.delivered,
           "Good delivery reports, repeats included."),
    FIGURE("penstock_bridge_failed_total", COUNTER, U64, bridge.failed, "Failed delivery reports."),
    FIGURE("penstock_dead_letters_copied_total", COUNTER, U64, bridge.letters_copied,
           "Dead letters copied to dead_letter.topic in this run."),
    FIGURE(
        "penstock_dead_letters_not_copied_total", COUNTER, U64, bridge.letters_not_copied,
        "Dead letters that dead_letter.topic didn't take in this run: they are only in the spool."),
    FIGURE("penstock_bridge_producer_recreations_total", COUNTER, U64, bridge.producer_recreations,
           "Times the producer was made anew."),
    FIGURE("penstock_process_resident_memory_bytes", GAUGE, U64, process.resident_bytes,
           "Memory in use."),
    FIGURE("penstock_process_resident_memory_max_bytes", GAUGE, U64, process.resident_bytes_max,
           "The most it has been."),
    FIGURE("penstock_process_open_fds", GAUGE, U64, process.open_descriptors,
           "Open file descriptors."),
    FIGURE("penstock_process_max_fds", GAUGE, U64, process.descriptors_max,
           "How many there may be."),
    FIGURE("penstock_process_threads", GAUGE, U64, process.threads, "Threads."),
};

static void put_head(struct buf *out, const char *name, const char *help, const char *type)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_figures(struct buf *out, const struct agent_snapshot *s)
{
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        const char *at = (const char *)s + figures[i].offset;
        uint64_t value = figures[i].kind == FLAG ? *(const bool *)at : *(const uint64_t *)at;
        put_head(out, figures[i].name, figures[i].help,
                 figures[i].type == COUNTER ? "counter" : "gauge");
        buf_printf(out, "%s %" PRIu64 "\n", figures[i].name, value);
    }
}

static void put_gauge(struct buf *out, const char *name, const char *help, double value)
{
    put_head(out, name, help, "gauge");
    buf_printf(out, "%s %.3f\n", name, value);
}

static void put_commit_histogram(struct buf *out, const struct agent_snapshot *s)
{
    static const char name[] = "penstock_spool_commit_duration_seconds";
    put_head(out, name, "Time of a synced write.", "histogram");
    uint64_t sum = 0;
    for (int i = 0; i < 15; i++) {
        sum += (uint64_t)s->spool.sync_us_histogram[i];
        buf_printf(out, "%s_bucket{le=\"%.6f\"} %" PRIu64 "\n", name, (double)(64u << i) / 1e6,
                   sum);
    }
    sum += (uint64_t)s->spool.sync_us_histogram[15];
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name,
               sum, name, (double)s->spool.commit_us_sum / 1e6, name, sum);
}

static void put_requests(struct buf *out, const struct agent_snapshot *s)
{
    put_head(out, "penstock_ingest_responses_total", "HTTP responses by status.", "counter");
    for (int status = 0; status < 600; status++)
        if (s->ingest.requests_by_status[status] > 0)
            buf_printf(out, "penstock_ingest_responses_total{code=\"%d\"} %" PRIu64 "\n", status,
                       s->ingest.requests_by_status[status]);
}

static void put_topics(struct buf *out, const struct agent_snapshot *s)
{
    static const struct {
        const char *name, *help, *type;
        size_t offset;
    } rows[] = {
        {"penstock_topic_accepted_total", "Events accepted, by topic.", "counter",
         offsetof(struct spool_topic_books, books.accepted)},
        {"penstock_topic_delivered_total", "Events delivered, by topic.", "counter",
         offsetof(struct spool_topic_books, books.delivered)},
        {"penstock_topic_dead_lettered_total", "Events dead-lettered, by topic.", "counter",
         offsetof(struct spool_topic_books, books.dead_lettered)},
        {"penstock_topic_lost_total", "Events lost, by topic.", "counter",
         offsetof(struct spool_topic_books, books.lost)},
        {"penstock_topic_pending", "Events pending, by topic.", "gauge",
         offsetof(struct spool_topic_books, books.pending)},
        {"penstock_topic_pending_bytes", "What they take of the spool, about.", "gauge",
         offsetof(struct spool_topic_books, pending_bytes)},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        put_head(out, rows[row].name, rows[row].help, rows[row].type);
        for (size_t i = 0; i < s->topic_count; i++)
            buf_printf(out, "%s{topic=\"%s\"} %" PRIu64 "\n", rows[row].name, s->topics[i].topic,
                       *(const uint64_t *)((const char *)&s->topics[i] + rows[row].offset));
    }
    put_head(out, "penstock_topic_refused",
             "1 while a topic is refused alone: it has more than its share of the spool.", "gauge");
    for (size_t i = 0; i < s->topic_count; i++)
        buf_printf(out, "penstock_topic_refused{topic=\"%s\"} %d\n", s->topics[i].topic,
                   s->topics[i].refused);
}

static void put_lanes(struct buf *out, const struct agent_snapshot *s)
{
    put_head(out, "penstock_lane_behind", "1 while a topic waits, or catches up, on its own.",
             "gauge");
    for (size_t i = 0; i < s->lane_count; i++)
        buf_printf(out, "penstock_lane_behind{topic=\"%s\"} %d\n", s->lanes[i].topic,
                   s->lanes[i].state != BRIDGE_LANE_FLOWING);
    put_head(out, "penstock_lane_failures_total", "Failed delivery reports, by topic.", "counter");
    for (size_t i = 0; i < s->lane_count; i++)
        buf_printf(out, "penstock_lane_failures_total{topic=\"%s\"} %" PRIu64 "\n",
                   s->lanes[i].topic, s->lanes[i].failures);
}

void agent_metrics_render(const struct agent_snapshot *s, struct buf *out)
{
    put_figures(out, s);
    put_gauge(out, "penstock_ready", "1 while an event posted now would be accepted.",
              s->accepts == ERR_OK);
    put_gauge(out, "penstock_spool_missing", "1 while the spool isn't where it belongs.",
              s->is_away);
    put_gauge(out, "penstock_oldest_pending_age_seconds",
              "Age of the oldest event that is not done.",
              (double)agent_snapshot_oldest_age_ms(s) / 1e3);
    put_gauge(out, "penstock_uptime_seconds", "Since the agent started.",
              (double)s->uptime_ms / 1e3);
    put_head(out, "penstock_process_cpu_seconds_total", "Processor time, user and system.",
             "counter");
    buf_printf(out, "penstock_process_cpu_seconds_total %.6f\n", (double)s->process.cpu_us / 1e6);
    put_gauge(out, "penstock_process_start_time_seconds", "When the agent started, since 1970.",
              (double)(s->now_ms - s->uptime_ms) / 1e3);
    put_commit_histogram(out, s);
    put_requests(out, s);
    put_topics(out, s);
    put_lanes(out, s);
    put_head(out, "penstock_build_info", "The version that runs.", "gauge");
    buf_printf(out, "penstock_build_info{version=\"%s\"} 1\n", PENSTOCK_VERSION);
}
