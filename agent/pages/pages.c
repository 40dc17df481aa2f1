/* SPDX-License-Identifier: MIT
 * pages.c - /, /healthz, /readyz, /status, /status.txt, /metrics. */
#include "agent/pages/page.h"

#include "agent/pages/state.h"

#include <string.h>

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
