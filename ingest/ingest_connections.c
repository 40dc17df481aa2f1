/* SPDX-License-Identifier: MIT
 * ingest_connections.c - the list of connections, and who has to go. */
#include "ingest/ingest_connections.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/socket.h>

void ingest_connections_init(struct ingest_connections *connections, size_t count_max)
{
    *connections = (struct ingest_connections){.count_max = count_max};
    pthread_mutex_init(&connections->lock, NULL);
}

void ingest_connections_done(struct ingest_connections *connections)
{
    pthread_mutex_destroy(&connections->lock);
}

static void close_locked(struct ingest_connections *connections, struct ingest_connection *connection)
{
    connection->closed = true;
    shutdown(connection->fd, SHUT_RDWR);
    atomic_fetch_add(&connections->evicted, 1);
}

static bool is_silent(struct ingest_connection *connection)
{
    return !connection->closed && atomic_load(&connection->activity) == INGEST_SILENT;
}

static void evict_longest_silent(struct ingest_connections *connections)
{
    struct ingest_connection *longest = NULL;
    for (struct ingest_connection *c = connections->oldest; c != NULL; c = c->next)
        if (is_silent(c) && (longest == NULL || atomic_load(&c->since_ms) < atomic_load(&longest->since_ms)))
            longest = c;
    if (longest != NULL)
        close_locked(connections, longest);
}

struct ingest_connection *ingest_connections_add(struct ingest_connections *connections, int fd)
{
    struct ingest_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->fd = fd;
    ingest_connection_mark(connection, INGEST_SILENT);
    pthread_mutex_lock(&connections->lock);
    if (connections->count >= connections->count_max)
        evict_longest_silent(connections);
    connection->previous = connections->newest;
    if (connections->newest != NULL)
        connections->newest->next = connection;
    else
        connections->oldest = connection;
    connections->newest = connection;
    connections->count++;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void ingest_connections_remove(struct ingest_connections *connections, struct ingest_connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&connections->lock);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connections->oldest = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    else
        connections->newest = connection->previous;
    connections->count--;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

void ingest_connection_mark(struct ingest_connection *connection, enum ingest_activity activity)
{
    if (connection == NULL)
        return;
    atomic_store_explicit(&connection->since_ms, clock_monotonic_ms(), memory_order_relaxed);
    atomic_store_explicit(&connection->activity, (int)activity, memory_order_release);
}

void ingest_connections_reap(struct ingest_connections *connections, int64_t silent_ms_max, int64_t sending_ms_max)
{
    int64_t now_ms = clock_monotonic_ms();
    pthread_mutex_lock(&connections->lock);
    for (struct ingest_connection *c = connections->oldest; c != NULL; c = c->next) {
        int activity = atomic_load_explicit(&c->activity, memory_order_acquire);
        int64_t for_ms = now_ms - atomic_load_explicit(&c->since_ms, memory_order_relaxed);
        if (!c->closed && ((activity == INGEST_SILENT && for_ms > silent_ms_max) || (activity == INGEST_SENDING && for_ms > sending_ms_max)))
            close_locked(connections, c);
    }
    pthread_mutex_unlock(&connections->lock);
}
