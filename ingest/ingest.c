/* SPDX-License-Identifier: MIT
 * ingest.c - starting and stopping the listeners, in order. */
#include "ingest/ingest.h"

#include "base/clock.h"
#include "base/random.h"
#include "ingest/ingest_http.h"
#include "ingest/ingest_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REAP_EVERY_MS = 100, DESCRIPTORS_KEPT = 200 /* for the spool, Kafka's client and what else is open */ };

static void *reaper_main(void *arg)
{
    struct ingest *ingest = arg;
    while (!atomic_load(&ingest->reaper_stop)) {
        clock_sleep_ms(REAP_EVERY_MS);
        ingest_requests_time_out(ingest);
        ingest_connections_reap(&ingest->connections, ingest->options->idle_timeout_ms, ingest->options->request_timeout_ms);
    }
    return NULL;
}

/* As many connections as configured, if that many descriptors can be had. */
static size_t connections_max(const struct ingest_options *options)
{
    struct rlimit limit;
    size_t max = options->connections_max;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        size_t room = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? (size_t)limit.rlim_cur - DESCRIPTORS_KEPT : (size_t)limit.rlim_cur / 2;
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
        ingest->daemon_count = i + 1;
        rc = ingest_http_start(ingest, ingest->listeners[i].fd, &ingest->daemons[i], msg);
        if (rc != ERR_OK)
            return rc;
    }
    int error = pthread_create(&ingest->reaper, NULL, reaper_main, ingest);
    if (error != 0)
        return errmsg_set(msg, ERR_NOMEM, "start the reaper thread: %s", strerror(error));
    ingest->reaper_started = true;
    return ERR_OK;
}

enum err ingest_start(const struct ingest_options *options, struct spool *spool, const struct ingest_page *pages,
                      size_t page_count, struct ingest **ret_ingest, struct errmsg *msg)
{
    struct ingest *ingest = calloc(1, sizeof *ingest);
    if (ingest == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    ingest->options = options;
    ingest->pages = pages;
    ingest->page_count = page_count;
    pthread_rwlock_init(&ingest->spool_lock, NULL);
    pthread_mutex_init(&ingest->waiting_lock, NULL);
    ingest_connections_init(&ingest->connections, connections_max(options));
    ingest_set_spool(ingest, spool, "starting");
    ingest->listeners = calloc(options->http_count + 1, sizeof *ingest->listeners);
    ingest->daemons = calloc(options->http_count + 1, sizeof(struct MHD_Daemon *));
    enum err rc = ingest->listeners == NULL || ingest->daemons == NULL ? errmsg_set(msg, ERR_NOMEM, "out of memory")
                                                                       : start_listeners(ingest, msg);
    if (rc != ERR_OK) {
        ingest_stop(ingest);
        return rc;
    }
    *ret_ingest = ingest;
    return ERR_OK;
}

void ingest_set_spool(struct ingest *ingest, struct spool *spool, const char *reason)
{
    pthread_rwlock_wrlock(&ingest->spool_lock);
    ingest->spool = spool;
    snprintf(ingest->reason, sizeof ingest->reason, "%s", reason == NULL ? "" : reason);
    if (spool != NULL)
        uuid_format(spool_uuid(spool), ingest->spool_id);
    pthread_rwlock_unlock(&ingest->spool_lock);
}

void ingest_stop_accepting(struct ingest *ingest)
{
    atomic_store(&ingest->stopping, true);
}

void ingest_stop(struct ingest *ingest)
{
    if (ingest == NULL)
        return;
    atomic_store(&ingest->stopping, true);
    atomic_store(&ingest->reaper_stop, true);
    if (ingest->reaper_started)
        pthread_join(ingest->reaper, NULL);
    for (size_t i = 0; i < ingest->daemon_count; i++) {
        if (ingest->daemons[i] != NULL) {
            ingest_http_stop(ingest->daemons[i]);
            ingest->listeners[i].fd = -1; /* the daemon closed it */
        }
        ingest_unlisten(&ingest->listeners[i]);
    }
    ingest_connections_done(&ingest->connections);
    pthread_rwlock_destroy(&ingest->spool_lock);
    pthread_mutex_destroy(&ingest->waiting_lock);
    free(ingest->listeners);
    free(ingest->daemons);
    free(ingest);
}

size_t ingest_address_count(const struct ingest *ingest)
{
    return ingest->daemon_count;
}

const char *ingest_address(const struct ingest *ingest, size_t index)
{
    return ingest->listeners[index].bound;
}

void ingest_stats_get(const struct ingest *ingest, struct ingest_stats *ret_stats)
{
    struct ingest *from = (struct ingest *)ingest; /* atomics are read through non-const pointers in C17 */
    ret_stats->requests = atomic_load(&from->requests);
    ret_stats->body_bytes = atomic_load(&from->body_bytes);
    ret_stats->connections_evicted = atomic_load(&from->connections.evicted);
    ret_stats->in_flight_bytes = atomic_load(&from->in_flight_bytes);
    ret_stats->waiting_for_sync = atomic_load(&from->waiting);
    for (int i = 0; i < 600; i++)
        ret_stats->requests_by_status[i] = atomic_load(&from->by_status[i]);
    pthread_mutex_lock(&from->connections.lock);
    ret_stats->connections = from->connections.count;
    pthread_mutex_unlock(&from->connections.lock);
}
