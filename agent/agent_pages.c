/* SPDX-License-Identifier: MIT
 * agent_pages.c - /, /healthz, /readyz, /status, /status.txt, /metrics. */
#include "agent/agent_page.h"
#include "agent/agent_state.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

enum err agent_state_accepts(struct agent_state *state, struct errmsg *why)
{
    if (state->away.text[0] != '\0')
        return errmsg_set(why, ERR_UNAVAILABLE, "%s", state->away.text);
    return state->spool == NULL ? errmsg_set(why, ERR_UNAVAILABLE, "starting")
                                : spool_accepts(state->spool, why);
}

void agent_snapshot_take(struct agent_state *state, struct agent_snapshot *ret_snapshot)
{
    struct agent_snapshot *s = ret_snapshot;
    *s = (struct agent_snapshot){0};
    pthread_rwlock_rdlock(&state->lock);
    s->accepts = agent_state_accepts(state, &s->accepts_why);
    s->is_away = state->spool == NULL || state->away.text[0] != '\0';
    if (state->spool != NULL) {
        s->has_spool = true;
        uuid_format(spool_uuid(state->spool), s->spool_id);
        snprintf(s->warning, sizeof s->warning, "%s", spool_warning(state->spool));
        (void)spool_topic_books_get(state->spool, &s->topics,
                                    /* before the sum, so that no topic exceeds it */
                                    &s->topic_count);
        spool_stats_get(state->spool, &s->spool);
    }
    if (state->bridge != NULL) {
        s->has_bridge = true;
        bridge_stats_get(state->bridge, &s->bridge);
        (void)bridge_lane_stats_get(state->bridge, &s->lanes, &s->lane_count);
    }
    if (state->ingest != NULL)
        ingest_stats_get(state->ingest, &s->ingest);
    pthread_rwlock_unlock(&state->lock);
    s->uptime_ms = clock_monotonic_ms() - state->started_ms;
    s->now_ms = clock_wall_ms();
    agent_process_get(&s->process);
}

int64_t agent_snapshot_oldest_age_ms(const struct agent_snapshot *snapshot)
{
    int64_t since_ms = snapshot->bridge.oldest_pending_ms;
    return since_ms == 0 || since_ms > snapshot->now_ms ? 0 : snapshot->now_ms - since_ms;
}

void agent_snapshot_done(struct agent_snapshot *snapshot)
{
    free(snapshot->topics);
    free(snapshot->lanes);
}

int agent_page_index(void *arg, struct buf *body, const char **content_type)
{
    (void)arg;
    *content_type = "text/html; charset=utf-8";
    return buf_append(body, agent_page_html, agent_page_html_size) ? 200 : 500;
}

int agent_page_health(void *arg, struct buf *body, const char **content_type)
{
    (void)arg;
    *content_type = "application/json";
    buf_append_string(body, "{\"status\":\"ok\"}\n");
    return 200;
}

int agent_page_ready(void *arg, struct buf *body, const char **content_type)
{
    struct agent_state *state = arg;
    struct errmsg why = {""};
    *content_type = "application/json";
    pthread_rwlock_rdlock(&state->lock);
    enum err rc = agent_state_accepts(state, &why);
    pthread_rwlock_unlock(&state->lock);
    if (rc == ERR_OK) {
        buf_append_string(body, "{\"ready\":true}\n");
        return 200;
    }
    buf_append_string(body, "{\"ready\":false,\"reason\":");
    buf_append_json_string(body, why.text, strlen(why.text));
    buf_append_string(body, "}\n");
    return 503;
}

static int render(struct agent_state *state, struct buf *body,
                  void (*renderer)(const struct agent_snapshot *, struct buf *))
{
    struct agent_snapshot snapshot;
    agent_snapshot_take(state, &snapshot);
    renderer(&snapshot, body);
    agent_snapshot_done(&snapshot);
    return 200;
}

int agent_page_status(void *arg, struct buf *body, const char **content_type)
{
    *content_type = "application/json";
    return render(arg, body, agent_status_render);
}

int agent_page_status_text(void *arg, struct buf *body, const char **content_type)
{
    *content_type = "text/plain; charset=utf-8";
    return render(arg, body, agent_status_text_render);
}

int agent_page_metrics(void *arg, struct buf *body, const char **content_type)
{
    *content_type = "text/plain; version=0.0.4; charset=utf-8";
    return render(arg, body, agent_metrics_render);
}
