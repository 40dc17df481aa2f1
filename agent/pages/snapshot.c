/* SPDX-License-Identifier: MIT
 * snapshot.c - the values that the pages show, taken at one time. */
#include "agent/pages/state.h"

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
