/* SPDX-License-Identifier: MIT
 * connections.c - the list of connections, and which of them are closed. */
#include "ingest/net/connections.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/socket.h>

void ingest_connections_init(struct ingest_connections *connections, size_t count_max)
{
    *connections = (struct ingest_connections){.count_max = count_max};
    pthread_mutex_init(&connections->lock, NULL);
}

void ingest_connections_set_max(struct ingest_connections *connections, size_t count_max)
{
    pthread_mutex_lock(&connections->lock);
    connections->count_max = count_max;
    pthread_mutex_unlock(&connections->lock);
}

void ingest_connections_done(struct ingest_connections *connections)
{
    pthread_mutex_destroy(&connections->lock);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void append(struct ingest_connections *connections, struct ingest_connection *connection)
{
    connection->next = NULL;
    connection->previous = connections->newest;
    if (connections->newest != NULL)
        connections->newest->next = connection;
    else
        connections->oldest = connection;
    connections->newest = connection;
}

static void take_out(struct ingest_connections *connections, struct ingest_connection *connection)
{
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connections->oldest = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    else
        connections->newest = connection->previous;
}

struct ingest_connection *ingest_connections_add(struct ingest_connections *connections, int fd)
{
    struct ingest_connection *connection = calloc(1, sizeof *connection);
    atomic_fetch_sub(&connections->starting, 1);
    if (connection == NULL)
        return NULL;
    connection->fd = fd;
    ingest_connection_mark(connection, INGEST_SILENT);
    pthread_mutex_lock(&connections->lock);
    append(connections, connection);
    connections->count++;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void ingest_connections_remove(struct ingest_connections *connections,
                               struct ingest_connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&connections->lock);
    take_out(connections, connection);
    connections->count--;
    connections->closed_count -= connection->closed;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

void ingest_connections_rest(struct ingest_connections *connections,
                             struct ingest_connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&connections->lock);
    ingest_connection_mark(connection, INGEST_SILENT);
    take_out(connections, connection);
    append(connections, connection);
    pthread_mutex_unlock(&connections->lock);
}

void ingest_connection_mark(struct ingest_connection *connection, enum ingest_activity activity)
{
    if (connection == NULL)
        return;
    int64_t now_ms = clock_monotonic_ms();
    atomic_store_explicit(&connection->since_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&connection->moved_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&connection->activity, (int)activity, memory_order_release);
}

void ingest_connection_moved(struct ingest_connection *connection)
{
    if (connection != NULL)
        atomic_store_explicit(&connection->moved_ms, clock_monotonic_ms(), memory_order_relaxed);
}

bool ingest_connection_is_closed(struct ingest_connections *connections,
                                 struct ingest_connection *connection)
{
    if (connection == NULL)
        return false;
    pthread_mutex_lock(&connections->lock);
    bool closed = connection->closed;
    pthread_mutex_unlock(&connections->lock);
    return closed;
}

/* ---- who has to go --------------------------------------------------------------------------- */

static void close_locked(struct ingest_connections *connections,
                         struct ingest_connection *connection)
{
    connection->closed = true;
    connections->closed_count++;
    shutdown(connection->fd, SHUT_RDWR);
    atomic_fetch_add(&connections->evicted, 1);
}

static int activity_of(struct ingest_connection *connection)
{
    return atomic_load_explicit(&connection->activity, memory_order_acquire);
}

static int64_t since_ms(struct ingest_connection *connection)
{
    return atomic_load_explicit(&connection->since_ms, memory_order_relaxed);
}

static int64_t moved_ms(struct ingest_connection *connection)
{
    return atomic_load_explicit(&connection->moved_ms, memory_order_relaxed);
}

/* Silent connections stand in the order in which they fell silent, so only busy ones are passed
 * over. */
static bool evict_longest_silent(struct ingest_connections *connections)
{
    int64_t still_ms = clock_monotonic_ms() - INGEST_STILL_MS;
    struct ingest_connection *silent = connections->oldest, *still = NULL;
    for (; silent != NULL && (silent->closed || activity_of(silent) != INGEST_SILENT);
         silent = silent->next)
        if (still == NULL && !silent->closed && activity_of(silent) == INGEST_SENDING &&
            moved_ms(silent) < still_ms)
            still = silent;
    bool still_is_longer = still != NULL && (silent == NULL || moved_ms(still) < since_ms(silent));
    struct ingest_connection *longest = still_is_longer ? still : silent;
    if (longest != NULL)
        close_locked(connections, longest);
    return longest != NULL;
}

static size_t staying_locked(struct ingest_connections *connections)
{
    return connections->count - connections->closed_count + atomic_load(&connections->starting);
}

void ingest_connections_evict(struct ingest_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    while (staying_locked(connections) > connections->count_max &&
           evict_longest_silent(connections))
        ;
    pthread_mutex_unlock(&connections->lock);
}

void ingest_connections_evict_one(struct ingest_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    (void)evict_longest_silent(connections);
    pthread_mutex_unlock(&connections->lock);
}

size_t ingest_connections_in_between(struct ingest_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    size_t count = connections->closed_count + atomic_load(&connections->starting);
    pthread_mutex_unlock(&connections->lock);
    return count;
}

/* Tells a slow sender 408. Its request isn't complete, so no other answer is being sent that this
 * could garble. */
static void tell_too_slow(const struct ingest_connection *connection)
{
#define TOO_SLOW                                                                                   \
    "{\"error_code\":40801,\"message\":\"the request did not arrive within its deadline\"}"
    _Static_assert(sizeof TOO_SLOW - 1 == 79, "the length in the head");
    static const char answer[] =
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 79\r\n\r\n" TOO_SLOW;
    (void)send(connection->fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ingest_connections_reap(struct ingest_connections *connections, int64_t silent_ms_max,
                             int64_t busy_ms_max)
{
    const int64_t limits_ms[] = {
        [INGEST_SILENT] = silent_ms_max,
        [INGEST_SENDING] = busy_ms_max,
        [INGEST_WAITING] = INT64_MAX, /* the committer's or the commit timeout's */
        [INGEST_ANSWERING] = busy_ms_max,
    };
    int64_t now_ms = clock_monotonic_ms();
    pthread_mutex_lock(&connections->lock);
    for (struct ingest_connection *c = connections->oldest; c != NULL; c = c->next) {
        int activity = activity_of(c);
        if (c->closed || now_ms - since_ms(c) <= limits_ms[activity])
            continue;
        if (activity == INGEST_SENDING)
            tell_too_slow(c);
        close_locked(connections, c);
    }
    pthread_mutex_unlock(&connections->lock);
}
