/* SPDX-License-Identifier: MIT
 * status_text.c - /status.txt: the state of the agent as a table for people. */
#include "agent/pages/state.h"

#include <inttypes.h>
#include <stdlib.h>

static void put_bytes(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double number = (double)bytes;
    size_t unit = 0;
    for (; number >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        number /= 1024;
    buf_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
}

/* Duration in its two largest units. */
static void put_duration(struct buf *out, int64_t ms)
{
    int64_t s = ms / 1000;
    if (ms < 10000)
        buf_printf(out, "%.1f s", (double)ms / 1000);
    else if (s < 60)
        buf_printf(out, "%" PRId64 " s", s);
    else if (s < 3600)
        buf_printf(out, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        buf_printf(out, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        buf_printf(out, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

static void put_label(struct buf *out, const char *label)
{
    buf_printf(out, "%-10s", label);
}

static void put_spool(struct buf *out, const struct agent_snapshot *s)
{
    put_label(out, "spool");
    buf_printf(out, "%s, ", s->spool_id);
    put_bytes(out, s->spool.used_bytes);
    buf_printf(out, " in %" PRIu64 " segment%s, ", s->spool.segment_count,
               s->spool.segment_count == 1 ? "" : "s");
    put_bytes(out, s->spool.free_bytes);
    buf_append_string(out, " free on disk\n");
    if (s->spool.parked_segments > 0) {
        put_label(out, "parked");
        buf_printf(out, "%" PRIu64 " event%s of topics that are behind, ", s->spool.parked_events,
                   s->spool.parked_events == 1 ? "" : "s");
        put_bytes(out, s->spool.parked_bytes);
        buf_printf(out, ", all that is left of %" PRIu64 " segment%s\n", s->spool.parked_segments,
                   s->spool.parked_segments == 1 ? "" : "s");
    }
    if (s->warning[0] != '\0') {
        put_label(out, "WARNING");
        buf_printf(out, "%s\n", s->warning);
    }
    put_label(out, "ingest");
    if (s->accepts == ERR_OK)
        buf_append_string(out, "accepting");
    else
        buf_printf(out, "REFUSING: %s", s->accepts_why.text);
    buf_printf(out, "; %" PRIu64 " connection%s\n", s->ingest.connections,
               s->ingest.connections == 1 ? "" : "s");
}

static void put_bridge(struct buf *out, const struct agent_snapshot *s)
{
    put_label(out, "kafka");
    buf_printf(out, "%s; %" PRIu64 " event%s in flight",
               s->bridge.connected ? "connected" : "NOT CONNECTED", s->bridge.in_flight_events,
               s->bridge.in_flight_events == 1 ? "" : "s");
    int64_t age_ms = agent_snapshot_oldest_age_ms(s);
    if (age_ms > 0) {
        buf_append_string(out, "; the oldest pending event is ");
        put_duration(out, age_ms);
        buf_append_string(out, " old");
    }
    if (s->bridge.bootstrap[0] != '\0')
        buf_printf(out, "; embedded, for trying out: %s", s->bridge.bootstrap);
    buf_append_char(out, '\n');
}

static void put_row(struct buf *out, int width, const char *name, const struct spool_books *books,
                    const char *note)
{
    buf_printf(out,
               "%-*s %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %10" PRIu64 "%s%s\n",
               width, name, books->accepted, books->delivered, books->pending, books->dead_lettered,
               books->lost, note[0] == '\0' ? "" : "  ", note);
}

static int compare_topics(const void *a, const void *b)
{
    const struct spool_topic_books *const *left = a, *const *right = b;
    return strcmp((*left)->topic, (*right)->topic);
}

/* Reason why a topic's events wait, when the topic waits by itself. */
static const char *note_of(const struct agent_snapshot *s, const struct spool_topic_books *books)
{
    const char *topic = books->topic;
    if (books->refused)
        return "NEW ONES REFUSED: more than bridge.topic_share is pending";
    for (size_t i = 0; i < s->lane_count; i++)
        if (strcmp(s->lanes[i].topic, topic) == 0)
            return s->lanes[i].state == BRIDGE_LANE_FLOWING       ? ""
                   : s->lanes[i].state == BRIDGE_LANE_CATCHING_UP ? "catching up"
                   : s->lanes[i].last_error[0] != '\0'            ? s->lanes[i].last_error
                                                                  : "backing off";
    return "";
}

static void put_topics(struct buf *out, const struct agent_snapshot *s)
{
    const struct spool_topic_books **sorted = calloc(s->topic_count + 1, sizeof *sorted);
    size_t width = strlen("all topics");
    for (size_t i = 0; sorted != NULL && i < s->topic_count; i++) {
        sorted[i] = &s->topics[i];
        if (strlen(s->topics[i].topic) > width)
            width = strlen(s->topics[i].topic);
    }
    buf_printf(out, "\n%-*s %14s %14s %14s %14s %10s\n", (int)width, "events", "accepted",
               "delivered", "pending", "dead-lettered", "lost");
    put_row(out, (int)width, "all topics", &s->spool.books,
            s->spool.counting ? "(still counting)" : "");
    if (sorted != NULL)
        qsort((void *)sorted, s->topic_count, sizeof *sorted, compare_topics);
    for (size_t i = 0; sorted != NULL && i < s->topic_count; i++)
        put_row(out, (int)width, sorted[i]->topic, &sorted[i]->books, note_of(s, sorted[i]));
    free((void *)sorted);
}

void agent_status_text_render(const struct agent_snapshot *s, struct buf *out)
{
    put_label(out, "penstock");
    buf_printf(out, "%s, up ", PENSTOCK_VERSION);
    put_duration(out, s->uptime_ms);
    buf_append_char(out, '\n');
    if (!s->has_spool) {
        put_label(out, "spool");
        buf_printf(out, "NOT OPEN: %s\n", s->accepts_why.text);
        return;
    }
    put_spool(out, s);
    put_bridge(out, s);
    put_topics(out, s);
}
