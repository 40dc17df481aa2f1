/* SPDX-License-Identifier: MIT
 * service.c - what the agent tells its service manager. */
#include "agent/run/service.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INTERVAL_MS_MAX = 1000, SIGNS_PER_TIMEOUT = 4 };

void agent_service_open(struct agent_service *service, struct agent_state *state)
{
    *service = (struct agent_service){
        .notify = agent_notify_open(), .state = state, .progress_ms = clock_monotonic_ms()};
}

void agent_service_close(struct agent_service *service)
{
    agent_notify_close(&service->notify);
}

int64_t agent_service_interval_ms(const struct agent_service *service)
{
    int64_t watchdog_ms = service->notify.watchdog_ms / SIGNS_PER_TIMEOUT;
    if (service->notify.fd < 0)
        return 0;
    return watchdog_ms > 0 && watchdog_ms < INTERVAL_MS_MAX ? watchdog_ms : INTERVAL_MS_MAX;
}

/* A line of the protocol has no line breaks of its own. */
static void flatten(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20)
            *text = ' ';
}

static void describe(struct agent_pulse *pulse, enum err accepts, const struct errmsg *why,
                     const struct spool_stats *spool, const struct bridge_stats *bridge)
{
    char books[64] = "", kafka[32] = "";
    if (pulse->has_spool)
        snprintf(books, sizeof books, "; %" PRIu64 "%s pending", spool->books.pending,
                 spool->counting ? "+" : "");
    if (bridge != NULL)
        snprintf(kafka, sizeof kafka, "; Kafka %s", bridge->connected ? "connected" : "away");
    snprintf(pulse->status, sizeof pulse->status, "%s%.250s%s%s",
             accepts == ERR_OK ? "accepting" : "refusing: ", accepts == ERR_OK ? "" : why->text,
             books, kafka);
    flatten(pulse->status);
}

void agent_pulse_take(struct agent_state *state, struct agent_pulse *ret_pulse)
{
    struct agent_pulse pulse = {0};
    struct errmsg why = {""};
    struct spool_stats spool = {0};
    struct bridge_stats bridge = {0};
    pthread_rwlock_rdlock(&state->lock);
    enum err accepts = agent_state_accepts(state, &why);
    bool has_bridge = state->bridge != NULL;
    pulse.has_spool = state->spool != NULL;
    if (pulse.has_spool)
        spool_stats_get(state->spool, &spool);
    if (has_bridge)
        bridge_stats_get(state->bridge, &bridge);
    pthread_rwlock_unlock(&state->lock);
    pulse.work_waits = spool.queued_bytes > 0 && accepts == ERR_OK && spool.commit_running_ms == 0;
    pulse.commits = spool.commits + spool.commit_failures;
    describe(&pulse, accepts, &why, &spool, has_bridge ? &bridge : NULL);
    *ret_pulse = pulse;
}

bool agent_service_alive(struct agent_service *service, const struct agent_pulse *pulse,
                         int64_t now_ms)
{
    if (!pulse->work_waits || pulse->commits != service->commits)
        service->progress_ms = now_ms;
    service->commits = pulse->commits;
    return now_ms - service->progress_ms <= service->notify.watchdog_ms / 2;
}

void agent_service_ready(struct agent_service *service)
{
    struct agent_pulse pulse;
    char lines[500];
    agent_pulse_take(service->state, &pulse);
    snprintf(lines, sizeof lines, "READY=1\nSTATUS=%s", pulse.status);
    if (agent_notify_send(&service->notify, lines))
        memcpy(service->status, pulse.status, sizeof service->status);
}

void agent_service_tick(struct agent_service *service)
{
    struct agent_pulse pulse;
    char lines[500];
    agent_pulse_take(service->state, &pulse);
    bool alive = agent_service_alive(service, &pulse, clock_monotonic_ms());
    bool is_news = strcmp(pulse.status, service->status) != 0;
    if (!alive && !service->withheld)
        log_event(LOG_LEVEL_ERROR, "committer_stuck", "action=no_sign_of_life watchdog_ms=%" PRId64,
                  service->notify.watchdog_ms);
    service->withheld = !alive;
    snprintf(lines, sizeof lines, "%s%s%s%s",
             alive && service->notify.watchdog_ms > 0 ? "WATCHDOG=1\n" : "",
             is_news ? "STATUS=" : "", is_news ? pulse.status : "", is_news ? "\n" : "");
    if (lines[0] != '\0' && agent_notify_send(&service->notify, lines))
        memcpy(service->status, pulse.status, sizeof service->status);
}

void agent_service_reloading(struct agent_service *service)
{
    char lines[80];
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             clock_monotonic_ns() / 1000);
    (void)agent_notify_send(&service->notify, lines);
}

void agent_service_stopping(struct agent_service *service)
{
    (void)agent_notify_send(&service->notify,
                            "STOPPING=1\nSTATUS=committing and flushing what was taken");
}
