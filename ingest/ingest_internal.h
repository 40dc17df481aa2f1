/* SPDX-License-Identifier: MIT
 * ingest_internal.h - what the files of ingest/ share about running listeners. For nobody else. */
#ifndef PENSTOCK_INGEST_INTERNAL_H
#define PENSTOCK_INGEST_INTERNAL_H

#include "ingest/ingest.h"
#include "ingest/ingest_connections.h"
#include "ingest/ingest_listen.h"

#include <pthread.h>
#include <stdatomic.h>

struct MHD_Daemon;

struct ingest {
    const struct ingest_options *options;
    const struct ingest_page *pages;
    size_t page_count;
    pthread_rwlock_t spool_lock;       /* guards spool and the reason why there is none */
    struct spool *spool;
    char reason[256];
    char spool_id[37];
    atomic_bool stopping;

    pthread_mutex_t waiting_lock;      /* guards the list of requests that wait for their sync */
    struct ingest_request *oldest_waiting, *newest_waiting;

    struct ingest_listener *listeners;
    struct MHD_Daemon **daemons;
    size_t daemon_count;

    struct ingest_connections connections;
    pthread_t reaper;
    bool reaper_started;
    atomic_bool reaper_stop;

    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t by_status[600];
    atomic_uint_fast64_t body_bytes;
    atomic_uint_fast64_t in_flight_bytes;
    atomic_uint_fast64_t waiting;
};

#endif
