/* SPDX-License-Identifier: MIT
 * connections.h - the open connections and since when each is silent; closes those that keep others
 * out.
 *
 * Server threads add, remove and mark; the acceptor and the reaper close. A connection is closed by
 * shutdown(2): its server thread then sees the end of it and cleans up. */
#ifndef PENSTOCK_INGEST_NET_CONNECTIONS_H
#define PENSTOCK_INGEST_NET_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INGEST_STILL_MS 1000 /* a request that has not moved for so long stands still */

enum ingest_activity {
    INGEST_SILENT,    /* no request line since it connected or since its last answer */
    INGEST_SENDING,   /* a request has begun and isn't complete */
    INGEST_WAITING,   /* for its sync */
    INGEST_ANSWERING, /* until the answer is sent */
};

struct ingest_connection {
    struct ingest_connection *previous, *next; /* oldest silence first */
    int fd;
    atomic_int activity;
    atomic_int_fast64_t since_ms; /* monotonic: when that activity began */
    atomic_int_fast64_t moved_ms; /* when a part of the request came last */
    bool closed;                  /* told to go; under the lock */
    bool linger;                  /* an answer goes out before its request is read; the server
                                   * thread's */
};

struct ingest_connections {
    pthread_mutex_t lock;
    struct ingest_connection *oldest, *newest;
    size_t count;
    size_t closed_count; /* of them: told to go, not yet gone */
    size_t count_max;
    atomic_size_t starting; /* accepted, not yet among them */
    atomic_uint_fast64_t evicted;
};

void ingest_connections_init(struct ingest_connections *connections, size_t count_max);
void ingest_connections_set_max(struct ingest_connections *connections,
                                size_t count_max); /* counts for the next that comes */
void ingest_connections_done(struct ingest_connections *connections);

/* Takes in one that was counted as starting. NULL: out of memory. */
struct ingest_connection *ingest_connections_add(struct ingest_connections *connections, int fd);
void ingest_connections_remove(struct ingest_connections *connections,
                               struct ingest_connection *connection);

/* The connection's request is over: it is silent again, as the latest. Its own thread only. */
void ingest_connections_rest(struct ingest_connections *connections,
                             struct ingest_connection *connection);

/* Connection's own thread only. */
void ingest_connection_mark(struct ingest_connection *connection, enum ingest_activity activity);
void ingest_connection_moved(struct ingest_connection *connection);

/* Was the connection told to go? Then no answer reaches its client. */
bool ingest_connection_is_closed(struct ingest_connections *connections,
                                 struct ingest_connection *connection);

/* While there are more than count_max: closes the connection that has been silent, or stood still
 * in a request, for longest; never one that waits for its sync. */
void ingest_connections_evict(struct ingest_connections *connections);
/* Closes one, however many there are. */
void ingest_connections_evict_one(struct ingest_connections *connections);

/* Number of connections on their way in or out. */
size_t ingest_connections_in_between(struct ingest_connections *connections);

/* Closes connections that have been silent, or busy with a request or answer, for too long. Slow
 * senders are told: 408. */
void ingest_connections_reap(struct ingest_connections *connections, int64_t silent_ms_max,
                             int64_t busy_ms_max);

#endif
