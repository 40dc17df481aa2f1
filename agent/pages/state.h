/* SPDX-License-Identifier: MIT
 * state.h - the running parts of the agent, for the pages that tell about them. */
#ifndef PENSTOCK_AGENT_PAGES_STATE_H
#define PENSTOCK_AGENT_PAGES_STATE_H

#include "agent/pages/process.h"
#include "bridge/bridge.h"
#include "ingest/ingest.h"
#include "spool/spool.h"

#include <pthread.h>

struct agent_state {
    pthread_rwlock_t lock; /* guards what follows: the pages hold it for reading */
    struct errmsg away;    /* why ingest has no spool; "": ingest has one, or the guard has not
                            * looked yet */
    struct spool *spool;
    struct bridge *bridge;
    struct ingest *ingest;
    int64_t started_ms; /* monotonic */
};

/* Would an event be accepted now? Else *why says why not. Lock held. */
enum err agent_state_accepts(struct agent_state *state, struct errmsg *why);

/* Values that the pages show, taken at one time. Arrays are malloc'ed; agent_snapshot_done() frees
 * them. */
struct agent_snapshot {
    bool has_spool, has_bridge;
    bool is_away; /* ingest is without a spool; accepts_why says why */
    char spool_id[37];
    char warning[200]; /* about the place of the spool; "": none */
    enum err accepts;
    struct errmsg accepts_why;
    struct spool_stats spool;
    struct spool_topic_books *topics;
    size_t topic_count;
    struct bridge_stats bridge;
    struct bridge_lane_stats *lanes;
    size_t lane_count;
    struct ingest_stats ingest;
    struct agent_process process;
    int64_t uptime_ms;
    int64_t now_ms; /* wall clock */
};

void agent_snapshot_take(struct agent_state *state, struct agent_snapshot *ret_snapshot);
void agent_snapshot_done(struct agent_snapshot *snapshot);

/* Age of the oldest event not yet done; 0: there is none, or the age isn't known yet. Never
 * negative. */
int64_t agent_snapshot_oldest_age_ms(const struct agent_snapshot *snapshot);

/* Pure renderers. */
void agent_status_render(const struct agent_snapshot *snapshot, struct buf *out); /* JSON */
/* a table for people */
void agent_status_text_render(const struct agent_snapshot *snapshot, struct buf *out);
/* Prometheus text 0.0.4 */
void agent_metrics_render(const struct agent_snapshot *snapshot, struct buf *out);

/* ingest_page_fn; arg is the struct agent_state. */
int agent_page_index(void *arg, struct buf *body, const char **content_type); /* for browsers */
int agent_page_health(void *arg, struct buf *body, const char **content_type);
int agent_page_ready(void *arg, struct buf *body, const char **content_type);
int agent_page_status(void *arg, struct buf *body, const char **content_type);
int agent_page_status_text(void *arg, struct buf *body, const char **content_type);
int agent_page_receipt(void *arg, const struct ingest_question *question, struct buf *body,
                       const char **content_type);
int agent_page_progress(void *arg, const struct ingest_question *question, struct buf *body,
                        const char **content_type);
int agent_page_metrics(void *arg, struct buf *body, const char **content_type);

#endif
