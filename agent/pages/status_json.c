/* SPDX-License-Identifier: MIT
 * status_json.c - /status. Event ids are strings: they pass 2^53. */
#include "agent/pages/state.h"

#include <inttypes.h>

static void put_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    buf_append_json_string(out, text, strlen(text));
}

static void put_books(struct buf *out, const struct spool_books *books)
{
    buf_printf(out,
               "\"accepted\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"pending\":%" PRIu64
               ",\"dead_lettered\":%" PRIu64 ",\"lost\":%" PRIu64,
               books->accepted, books->delivered, books->pending, books->dead_lettered,
               books->lost);
}

static void put_spool(struct buf *out, const struct agent_snapshot *s)
{
    buf_printf(out,
               ",\"spool\":{\"used_bytes\":%" PRIu64 ",\"free_bytes\":%" PRIu64
               ",\"segments\":%" PRIu64 ",\"live_segment\":\"%" PRIu64
               "\",\"last_event_id\":\"%" PRIu64 "\",\"queued_bytes\":%" PRIu64
               ",\"commits\":%" PRIu64 ",\"commit_failures\":%" PRIu64
               ",\"segments_abandoned\":%" PRIu64 ",\"damaged_segments\":%" PRIu64
               ",\"backlog_segments\":%" PRIu64 ",\"unread_segments\":%" PRIu64
               ",\"quarantine_segments\":%" PRIu64 ",\"quarantine_bytes\":%" PRIu64
               ",\"cursor_writes\":%" PRIu64 "}",
               s->spool.used_bytes, s->spool.free_bytes, s->spool.segment_count,
               s->spool.live_segment_id, s->spool.last_event_id, s->spool.queued_bytes,
               s->spool.commits, s->spool.commit_failures, s->spool.segments_abandoned,
               s->spool.damaged_segments, s->spool.backlog_segments, s->spool.unread_segments,
               s->spool.quarantine_segments, s->spool.quarantine_bytes, s->spool.cursor_writes);
}

static void put_letters(struct buf *out, const struct agent_snapshot *s)
{
    buf_printf(out, ",\"dead_letters\":{\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"full\":%s}",
               s->spool.dead_letters, s->spool.dead_letter_bytes,
               s->spool.dead_letters_full ? "true" : "false");
}

static void put_parked(struct buf *out, const struct agent_snapshot *s)
{
    buf_printf(
        out, ",\"parked\":{\"segments\":%" PRIu64 ",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
        s->spool.parked_segments, s->spool.parked_events, s->spool.parked_bytes);
}

static const char *lane_state_name(enum bridge_lane_state state)
{
    static const char *const names[] = {"flowing", "backing_off", "catching_up"};
    return (unsigned)state < 3 ? names[state] : "?";
}

static void put_bridge(struct buf *out, const struct agent_snapshot *s)
{
    buf_printf(out,
               ",\"bridge\":{\"connected\":%s,\"done_id\":\"%" PRIu64 "\",\"read_id\":\"%" PRIu64
               "\",\"in_flight_events\":%" PRIu64 ",\"in_flight_bytes\":%" PRIu64
               ",\"produced\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"producer_recreations\":%" PRIu64,
               s->bridge.connected ? "true" : "false", s->bridge.done_id, s->bridge.read_id,
               s->bridge.in_flight_events, s->bridge.in_flight_bytes, s->bridge.produced,
               s->bridge.failed, s->bridge.producer_recreations);
    if (s->bridge.bootstrap[0] != '\0') {
        buf_append_char(out, ',');
        put_text(out, "mock_bootstrap", s->bridge.bootstrap);
    }
    buf_append_string(out, ",\"lanes\":{");
    for (size_t i = 0; i < s->lane_count; i++) {
        const struct bridge_lane_stats *lane = &s->lanes[i];
        buf_printf(out,
                   "%s\"%s\":{\"state\":\"%s\",\"done_id\":\"%" PRIu64 "\",\"in_flight\":%" PRIu64
                   ",\"failures\":%" PRIu64 ",",
                   i == 0 ? "" : ",", lane->topic, lane_state_name(lane->state), lane->done_id,
                   lane->in_flight, lane->failures);
        put_text(out, "last_error", lane->last_error);
        buf_append_char(out, '}');
    }
    buf_append_string(out, "}}");
}

void agent_status_render(const struct agent_snapshot *s, struct buf *out)
{
    buf_append_char(out, '{');
    put_books(out, &s->spool.books);
    buf_printf(out, ",\"counting\":%s,\"ready\":%s,", s->spool.counting ? "true" : "false",
               s->accepts == ERR_OK ? "true" : "false");
    put_text(out, "reason", s->accepts == ERR_OK ? "" : s->accepts_why.text);
    buf_append_string(out, ",\"warnings\":[");
    if (s->warning[0] != '\0')
        buf_append_json_string(out, s->warning, strlen(s->warning));
    buf_append_string(out, "],");
    put_text(out, "version", PENSTOCK_VERSION);
    buf_append_char(out, ',');
    put_text(out, "spool_id", s->spool_id);
    buf_printf(out, ",\"uptime_ms\":%" PRId64 ",\"oldest_pending_age_ms\":%" PRId64, s->uptime_ms,
               agent_snapshot_oldest_age_ms(s));
    put_spool(out, s);
    put_letters(out, s);
    put_parked(out, s);
    put_bridge(out, s);
    buf_append_string(out, ",\"topics\":{");
    for (size_t i = 0; i < s->topic_count; i++) {
        buf_printf(out, "%s\"%s\":{", i == 0 ? "" : ",", s->topics[i].topic);
        put_books(out, &s->topics[i].books);
        buf_printf(out, ",\"pending_bytes\":%" PRIu64 ",\"refused\":%s}",
                   s->topics[i].pending_bytes, s->topics[i].refused ? "true" : "false");
    }
    buf_append_string(out, "}}\n");
}
