/* SPDX-License-Identifier: MIT
 * internal.h - the state of running listeners. For the files below ingest/ only. */
#ifndef PENSTOCK_INGEST_NET_INTERNAL_H
#define PENSTOCK_INGEST_NET_INTERNAL_H

#include "ingest/ingest.h"
#include "ingest/net/connections.h"
#include "ingest/net/linger.h"
#include "ingest/net/listen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct MHD_Connection;
struct MHD_Daemon;
struct ingest_request;
struct ingest_server;

/* Calls of acceptor and requests to the HTTP library, which calls them too: ingest/http/http.c. */
struct ingest_transport {
    /* Takes over an accepted socket, whatever comes of it. Any thread. False: it is closed. */
    bool (*take)(struct ingest_server *server, int fd, const struct sockaddr *address,
                 socklen_t size);
    /* The answer to a suspended request is known. Any thread. */
    void (*resume)(struct MHD_Connection *http);
};

/* Server: a thread of the HTTP library. */
struct ingest_server {
    struct ingest *ingest;
    struct MHD_Daemon *daemon;
};

struct ingest {
    const struct ingest_options
        *_Atomic options; /* ingest_set_options() changes it: take it once where several are used */
    const struct ingest_page *pages;
    size_t page_count;
    pthread_rwlock_t spool_lock; /* read: uses the spool; write: gives it or takes it away */
    struct spool *spool;
    uint64_t spool_epoch; /* goes up with each change */
    char reason[256];     /* why there is none */
    char spool_id[37];
    atomic_bool stopping;

    pthread_mutex_t waiting_lock; /* guards the requests that wait for their sync */
    struct ingest_request *oldest_waiting, *newest_waiting;
    struct ingest_request *first_confirming; /* synced, and waits for Kafka; likewise */
    pthread_mutex_t open_lock;               /* guards the requests that may hold a batch; comes
                                              * after spool_lock */
    struct ingest_request *first_open;

    struct ingest_listener *listeners;
    size_t listener_count;
    const struct ingest_transport *transport;
    struct ingest_server *servers;
    size_t server_count, next_server; /* the latter is the acceptor's */

    struct ingest_connections connections;
    struct ingest_linger linger;
    pthread_t acceptor;
    bool acceptor_started;
    atomic_bool acceptor_stop;
    struct pollfd *polls;
    pthread_t reaper;
    bool reaper_started, reaper_stop;
    pthread_mutex_t reaper_lock; /* guards reaper_stop */
    pthread_cond_t reaper_wake;

    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t by_status[600];
    atomic_uint_fast64_t body_bytes;
    atomic_uint_fast64_t in_flight_bytes;
    atomic_uint_fast64_t waiting;
    atomic_uint_fast64_t confirming; /* requests that wait for Kafka, or will once they are
                                      * synced */
    atomic_uint_fast64_t answering;  /* requests whose answer is known but not sent yet */
};

#endif
