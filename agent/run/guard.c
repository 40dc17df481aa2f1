/* SPDX-License-Identifier: MIT
 * guard.c - looking for the spool, watching it, changing to another. */
#include "agent/run/guard.h"

#include "agent/run/close_later.h"
#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_EVERY_MS = 200,
    CLOSE_MS_MAX = 5000, /* to close the previous spool; a slower one goes on closing beside the
                          * next spool */
};

struct agent_guard {
    struct agent_state *state;
    const struct config *config;
    const struct agent_guard_calls *calls;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    const struct spool_options *limits;
    const struct bridge_options *bridge_options;
    pthread_cond_t wake;
    bool stopping;

    /* the thread's own */
    struct spool_options options; /* as in the config, but nothing is made once there has been a
                                   * spool */
    bool tried, up, attached, gave_up;
    int64_t started_ms, away_since_ms;
    struct errmsg reason;        /* why it isn't attached, as logged */
    struct errmsg bridge_reason; /* why there is no bridge, as logged */
    struct agent_close_later *retired;
};

/* ---- what the modules report becomes log lines ----------------------------------------------- */

static void log_spool(void *arg, const struct spool_report *report)
{
    (void)arg;
    log_event(report->problem ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, report->event, "%s",
              report->detail);
}

static void log_bridge(void *arg, const struct bridge_report *report)
{
    (void)arg;
    log_event(report->problem ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, report->event, "%s",
              report->detail);
}

/* ---- what other threads see ------------------------------------------------------------------ */

static void publish(struct agent_guard *guard, struct spool *spool, struct bridge *bridge)
{
    pthread_rwlock_wrlock(&guard->state->lock);
    guard->state->spool = spool;
    guard->state->bridge = bridge;
    pthread_rwlock_unlock(&guard->state->lock);
}

static void publish_reason(struct agent_guard *guard, const char *reason)
{
    pthread_rwlock_wrlock(&guard->state->lock);
    snprintf(guard->state->away.text, sizeof guard->state->away.text, "%s", reason);
    pthread_rwlock_unlock(&guard->state->lock);
}

/* Takes the spool away from ingest. Logs the reason when it is a new one. */
static void detach(struct agent_guard *guard, const struct errmsg *why)
{
    if (!guard->attached && strcmp(guard->reason.text, why->text) == 0)
        return;
    if (guard->attached)
        guard->away_since_ms = clock_monotonic_ms();
    guard->attached = false;
    guard->reason = *why;
    ingest_set_spool(guard->state->ingest, NULL, why->text);
    publish_reason(guard, why->text);
    log_event(LOG_LEVEL_WARN, "spool_missing", "reason=%s action=waiting", log_quote(why->text));
}

static void apply_settings(struct agent_guard *guard)
{
    pthread_rwlock_rdlock(&guard->state->lock);
    pthread_mutex_lock(&guard->lock);
    if (guard->state->spool != NULL)
        spool_set_limits(guard->state->spool, guard->limits);
    if (guard->state->bridge != NULL)
        bridge_set_options(guard->state->bridge, guard->bridge_options);
    pthread_mutex_unlock(&guard->lock);
    pthread_rwlock_unlock(&guard->state->lock);
}

static void attach(struct agent_guard *guard)
{
    struct spool *spool = guard->state->spool;
    bool was_missed = guard->reason.text[0] != '\0';
    char id[UUID_TEXT_SIZE];
    uuid_format(spool_uuid(spool), id);
    guard->attached = true;
    guard->reason.text[0] = '\0';
    publish_reason(guard, "");
    ingest_set_spool(guard->state->ingest, spool, NULL);
    if (was_missed)
        log_event(LOG_LEVEL_INFO, "spool_there", "spool_id=%s missed_ms=%" PRId64, id,
                  clock_monotonic_ms() - guard->away_since_ms);
}

static void give_up(struct agent_guard *guard, const struct errmsg *why)
{
    guard->gave_up = true;
    guard->calls->gave_up(guard->calls->arg, why);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void start_bridge(struct agent_guard *guard)
{
    struct agent_state *state = guard->state;
    struct bridge *bridge = NULL;
    struct errmsg why = {""};
    pthread_mutex_lock(&guard->lock);
    const struct bridge_options *options = guard->bridge_options;
    pthread_mutex_unlock(&guard->lock);
    enum err rc = bridge_start(options, state->spool, log_bridge, NULL, &bridge, &why);
    if (rc == ERR_OK) {
        guard->bridge_reason.text[0] = '\0';
        publish(guard, state->spool, bridge);
        apply_settings(guard);
        return;
    }
    errmsg_wrap(&why, "kafka");
    if (!guard->up)
        give_up(guard, &why);
    else if (strcmp(guard->bridge_reason.text, why.text) != 0)
        log_event(LOG_LEVEL_WARN, "bridge_not_started", "error=%s action=trying_again",
                  log_quote(why.text));
    guard->bridge_reason = why;
}

/* Ends waiting with an error? A spool that another agent has is an error at the start, and a reason
 * to wait later. */
static bool is_final(struct agent_guard *guard, enum err rc, struct errmsg *why)
{
    int64_t waited_ms = clock_monotonic_ms() - guard->started_ms,
            wait_ms = guard->config->mount_wait_ms;
    if (guard->up)
        return false;
    if (!guard->tried && rc == ERR_LOCKED)
        return true;
    if (wait_ms == 0 || waited_ms < wait_ms)
        return false;
    errmsg_wrap(why, "no spool within spool.mount_wait");
    return true;
}

static void look(struct agent_guard *guard)
{
    struct spool *spool = NULL;
    struct errmsg why = {""};
    enum err rc = spool_open(&guard->options, log_spool, NULL, &spool, &why);
    if (rc != ERR_OK) {
        if (is_final(guard, rc, &why))
            give_up(guard, &why);
        else
            detach(guard, &why);
        guard->tried = true;
        return;
    }
    guard->options.create = false;
    publish(guard, spool, NULL);
    apply_settings(guard); /* settings may have changed since the spool began to open */
    attach(guard);
    start_bridge(guard);
    if (guard->gave_up)
        return;
    if (!guard->up)
        guard->calls->up(guard->calls->arg);
    guard->up = true;
}

/* ---- watching -------------------------------------------------------------------------------- */

/* Lets go of the spool. A disk that doesn't answer must not hold up the next spool. */
static void let_go(struct agent_guard *guard)
{
    struct spool *spool = guard->state->spool;
    struct bridge *bridge = guard->state->bridge;
    publish(guard, NULL, NULL);
    if (guard->calls->let_go != NULL)
        guard->calls->let_go(guard->calls->arg);
    if (!agent_close_later(&guard->retired, spool, bridge, CLOSE_MS_MAX))
        log_event(LOG_LEVEL_WARN, "spool_closing_hangs", "waited_ms=%d action=going_on_without_it",
                  CLOSE_MS_MAX);
}

static void watch(struct agent_guard *guard)
{
    struct errmsg why = {""};
    enum spool_place place = spool_place(guard->state->spool, &why);
    if (place != SPOOL_HERE)
        detach(guard, &why);
    else if (!guard->attached)
        attach(guard);
    if (place == SPOOL_USELESS) {
        let_go(guard);
        look(guard);
    } else if (guard->state->bridge == NULL) {
        start_bridge(guard);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Waits until the next look. False: the thread is to stop. */
static bool wait_a_little(struct agent_guard *guard)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EVERY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&guard->lock);
    while (!guard->stopping &&
           pthread_cond_clockwait(&guard->wake, &guard->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    bool go_on = !guard->stopping;
    pthread_mutex_unlock(&guard->lock);
    return go_on;
}

static void *guard_main(void *arg)
{
    struct agent_guard *guard = arg;
    do {
        if (guard->state->spool == NULL) /* only this thread changes it */
            look(guard);
        else
            watch(guard);
    } while (!guard->gave_up && wait_a_little(guard));
    return NULL;
}

enum err agent_guard_start(const struct config *config, struct agent_state *state,
                           const struct agent_guard_calls *calls, struct agent_guard **ret_guard,
                           struct errmsg *msg)
{
    struct agent_guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    guard->config = config;
    guard->state = state;
    guard->calls = calls;
    guard->options = config->spool;
    guard->limits = &config->spool;
    guard->bridge_options = &config->bridge;
    guard->started_ms = guard->away_since_ms = clock_monotonic_ms();
    pthread_mutex_init(&guard->lock, NULL);
    pthread_cond_init(&guard->wake, NULL);
    int error = pthread_create(&guard->thread, NULL, guard_main, guard);
    if (error != 0) {
        free(guard);
        return errmsg_set(msg, ERR_NOMEM, "start the guard's thread: %s", strerror(error));
    }
    *ret_guard = guard;
    return ERR_OK;
}

void agent_guard_set(struct agent_guard *guard, const struct config *config)
{
    pthread_mutex_lock(&guard->lock);
    guard->limits = &config->spool;
    guard->bridge_options = &config->bridge;
    pthread_mutex_unlock(&guard->lock);
    apply_settings(guard);
}

void agent_guard_stop(struct agent_guard *guard)
{
    if (guard == NULL)
        return;
    pthread_mutex_lock(&guard->lock);
    guard->stopping = true;
    pthread_cond_signal(&guard->wake);
    pthread_mutex_unlock(&guard->lock);
    pthread_join(guard->thread, NULL);
    agent_close_later_done(&guard->retired);
    pthread_mutex_destroy(&guard->lock);
    pthread_cond_destroy(&guard->wake);
    free(guard);
}
