/* SPDX-License-Identifier: MIT
 * ingest_connections.h - who is connected and since when silent; closes those that keep others out.
 *
 * Listener threads add, remove and mark; the reaper closes. A connection is closed by shutdown(2): its listener thread
 * then sees the end of it and cleans up. */
#ifndef PENSTOCK_INGEST_CONNECTIONS_H
#define PENSTOCK_INGEST_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ingest_activity {
    INGEST_SILENT,  /* no request since it connected or since its last answer */
    INGEST_SENDING, /* a request has begun and isn't complete */
    INGEST_WAITING, /* for its sync, or for its answer to be sent */
};

struct ingest_connection {
    struct ingest_connection *previous, *next; /* by age */
    int fd;
    atomic_int activity;
    atomic_int_fast64_t since_ms; /* monotonic: when that activity began */
    bool closed;                  /* told to go */
};

struct ingest_connections {
    pthread_mutex_t lock;
    struct ingest_connection *oldest, *newest;
    size_t count;
    size_t count_max;
    atomic_uint_fast64_t evicted;
};

void ingest_connections_init(struct ingest_connections *connections, size_t count_max);
void ingest_connections_done(struct ingest_connections *connections);

/* Takes in a new connection; when there are too many, the one that has been silent longest is closed. NULL: out of memory. */
struct ingest_connection *ingest_connections_add(struct ingest_connections *connections, int fd);
void ingest_connections_remove(struct ingest_connections *connections, struct ingest_connection *connection);

void ingest_connection_mark(struct ingest_connection *connection, enum ingest_activity activity);

/* Closes whoever has been silent, or sending, for too long. */
void ingest_connections_reap(struct ingest_connections *connections, int64_t silent_ms_max, int64_t sending_ms_max);

#endif
