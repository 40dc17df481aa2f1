/* SPDX-License-Identifier: MIT
 * open.c - starting and stopping the listeners, in order. */
#include "ingest/ingest.h"

#include "base/clock.h"
#include "base/random.h"
#include "ingest/http/http.h"
#include "ingest/net/acceptor.h"
#include "ingest/request/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    REAP_EVERY_MS = 100,
    DRAIN_MS_MAX = 2000,    /* for answers that are still to be sent at the end */
    DESCRIPTORS_KEPT = 640, /* for the spool, Kafka's client, other files, and connections that come
                             * and go */
};

/* Waits for the next turn; false at the end. */
static bool reaper_wait(struct ingest *ingest)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += REAP_EVERY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&ingest->reaper_lock);
    while (!ingest->reaper_stop &&
           pthread_cond_clockwait(&ingest->reaper_wake, &ingest->reaper_lock, CLOCK_MONOTONIC,
                                  &until) == 0)
        ;
    bool go_on = !ingest->reaper_stop;
    pthread_mutex_unlock(&ingest->reaper_lock);
    return go_on;
}

static void *reaper_main(void *arg)
{
    struct ingest *ingest = arg;
    while (reaper_wait(ingest)) {
        const struct ingest_options *options = ingest->options;
        ingest_requests_time_out(ingest, options->commit_timeout_ms);
        ingest_requests_confirm_time_out(ingest);
        ingest_connections_reap(&ingest->connections, options->idle_timeout_ms,
                                options->request_timeout_ms);
    }
    return NULL;
}

static void reaper_end(struct ingest *ingest)
{
    if (!ingest->reaper_started)
        return;
    pthread_mutex_lock(&ingest->reaper_lock);
    ingest->reaper_stop = true;
    pthread_cond_signal(&ingest->reaper_wake);
    pthread_mutex_unlock(&ingest->reaper_lock);
    pthread_join(ingest->reaper, NULL);
}

/* As many connections as configured, if that many descriptors can be had. */
static size_t connections_max(const struct ingest_options *options)
{
    struct rlimit limit;
    size_t max = options->connections_max;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        size_t room = limit.rlim_cur > 2 * DESCRIPTORS_KEPT
                          ? (size_t)limit.rlim_cur - DESCRIPTORS_KEPT
                          : (size_t)limit.rlim_cur / 2;
        max = max < room ? max : room;
    }
    return max > 0 ? max : 1;
}

static enum err start_listeners(struct ingest *ingest, struct errmsg *msg)
{
    const struct ingest_options *options = ingest->options;
    for (size_t i = 0; i < options->http_count; i++) {
        enum err rc = ingest_listen(options, options->http[i], &ingest->listeners[i], msg);
        if (rc != ERR_OK)
            return rc;
        ingest->listener_count = i + 1;
    }
    return ERR_OK;
}

static enum err start_threads(struct ingest *ingest, size_t servers, struct errmsg *msg)
{
    for (size_t i = 0; i < servers; i++) {
        ingest->servers[i].ingest = ingest;
        enum err rc = ingest_http_start(&ingest->servers[i], msg);
        if (rc != ERR_OK)
            return rc;
        ingest->server_count = i + 1;
    }
    int error = pthread_create(&ingest->reaper, NULL, reaper_main, ingest);
    if (error != 0)
        return errmsg_set(msg, ERR_NOMEM, "start the reaper thread: %s", strerror(error));
    ingest->reaper_started = true;
    return ingest_acceptor_start(ingest, msg);
}

/* Taking the spool away must not wait for a moment in which no thread uses the spool: under load
 * there may be none. So writers go first. */
static void init_spool_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

enum err ingest_start(const struct ingest_options *options, struct spool *spool,
                      const struct ingest_page *pages, size_t page_count,
                      struct ingest **ret_ingest, struct errmsg *msg)
{
    struct ingest *ingest = calloc(1, sizeof *ingest);
    if (ingest == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    ingest->options = options;
    ingest->pages = pages;
    ingest->page_count = page_count;
    init_spool_lock(&ingest->spool_lock);
    pthread_mutex_init(&ingest->waiting_lock, NULL);
    pthread_mutex_init(&ingest->open_lock, NULL);
    pthread_mutex_init(&ingest->reaper_lock, NULL);
    pthread_cond_init(&ingest->reaper_wake, NULL);
    ingest_connections_init(&ingest->connections, connections_max(options));
    ingest_linger_init(&ingest->linger);
    ingest->transport = &ingest_http_transport;
    ingest_set_spool(ingest, spool, "starting");
    size_t servers = options->threads > 1 ? options->threads : 1;
    ingest->listeners = calloc(options->http_count + 1, sizeof *ingest->listeners);
    ingest->servers = calloc(servers, sizeof *ingest->servers);
    enum err rc = ingest->listeners == NULL || ingest->servers == NULL
                      ? errmsg_set(msg, ERR_NOMEM, "out of memory")
                      : start_listeners(ingest, msg);
    if (rc == ERR_OK)
        rc = start_threads(ingest, servers, msg);
    if (rc != ERR_OK) {
        ingest_stop(ingest);
        return rc;
    }
    *ret_ingest = ingest;
    return ERR_OK;
}

void ingest_set_options(struct ingest *ingest, const struct ingest_options *options)
{
    ingest->options = options;
    ingest_connections_set_max(&ingest->connections, connections_max(options));
}

void ingest_set_spool(struct ingest *ingest, struct spool *spool, const char *reason)
{
    pthread_rwlock_wrlock(&ingest->spool_lock);
    ingest_requests_drop_batches(ingest);
    ingest->spool = spool;
    ingest->spool_epoch++;
    snprintf(ingest->reason, sizeof ingest->reason, "%s", reason == NULL ? "" : reason);
    if (spool != NULL)
        uuid_format(spool_uuid(spool), ingest->spool_id);
    pthread_rwlock_unlock(&ingest->spool_lock);
}

void ingest_stop_accepting(struct ingest *ingest)
{
    atomic_store(&ingest->stopping, true);
}

/* Lets answers that are due get out. */
static void drain(struct ingest *ingest)
{
    int64_t until_ms = clock_monotonic_ms() + DRAIN_MS_MAX;
    while (atomic_load(&ingest->answering) > 0 && clock_monotonic_ms() < until_ms)
        clock_sleep_ms(1);
}

void ingest_stop(struct ingest *ingest)
{
    if (ingest == NULL)
        return;
    atomic_store(&ingest->stopping, true);
    ingest_acceptor_stop(ingest);
    for (size_t i = 0; i < ingest->listener_count; i++)
        ingest_unlisten(&ingest->listeners[i]);
    reaper_end(ingest);
    ingest_requests_end_confirming(ingest);
    drain(ingest);
    for (size_t i = 0; i < ingest->server_count; i++)
        ingest_http_stop(&ingest->servers[i]);
    ingest_linger_done(&ingest->linger);
    ingest_connections_done(&ingest->connections);
    pthread_rwlock_destroy(&ingest->spool_lock);
    pthread_mutex_destroy(&ingest->waiting_lock);
    pthread_mutex_destroy(&ingest->open_lock);
    pthread_mutex_destroy(&ingest->reaper_lock);
    pthread_cond_destroy(&ingest->reaper_wake);
    free(ingest->polls);
    free(ingest->listeners);
    free(ingest->servers);
    free(ingest);
}

size_t ingest_address_count(const struct ingest *ingest)
{
    return ingest->listener_count;
}

const char *ingest_address(const struct ingest *ingest, size_t index)
{
    return ingest->listeners[index].bound;
}

void ingest_stats_get(const struct ingest *ingest, struct ingest_stats *ret_stats)
{
    struct ingest *from = (struct ingest *)ingest; /* atomics are read through non-const pointers in
                                                    * C17 */
    ret_stats->requests = atomic_load(&from->requests);
    ret_stats->body_bytes = atomic_load(&from->body_bytes);
    ret_stats->connections_evicted = atomic_load(&from->connections.evicted);
    ret_stats->in_flight_bytes = atomic_load(&from->in_flight_bytes);
    ret_stats->waiting_for_sync = atomic_load(&from->waiting);
    for (int i = 0; i < 600; i++)
        ret_stats->requests_by_status[i] = atomic_load(&from->by_status[i]);
    pthread_mutex_lock(&from->connections.lock);
    ret_stats->connections = from->connections.count - from->connections.closed_count;
    pthread_mutex_unlock(&from->connections.lock);
}
