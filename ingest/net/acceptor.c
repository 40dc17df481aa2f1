/* SPDX-License-Identifier: MIT
 * acceptor.c - the thread that accepts connections on all listeners and hands them to the
 * servers. */
#include "ingest/net/acceptor.h"

#include "base/clock.h"
#include "ingest/net/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_TURN_MS = 100, /* a lingering socket may be closed so late */
    PAUSE_MS = 5,         /* when the servers have to catch up first */
    ACCEPTS_MAX = 64,     /* of one listener in one turn */
    IN_BETWEEN_MAX = 256, /* connections on their way in or out */
};

/* Makes room for a descriptor. False: pause first. */
static bool out_of_files(struct ingest *ingest)
{
    ingest_connections_evict_one(&ingest->connections); /* frees a descriptor in a moment */
    return false;
}

static bool accept_some(struct ingest *ingest, int listen_fd)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        if (ingest_connections_in_between(&ingest->connections) >= IN_BETWEEN_MAX)
            return false;
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof address;
        int fd =
            accept4(listen_fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            return out_of_files(ingest);
        if (fd < 0)
            return true; /* no connection waits, or the client has gone again */
        atomic_fetch_add(&ingest->connections.starting, 1);
        ingest_connections_evict(&ingest->connections);
        struct ingest_server *server =
            &ingest->servers[ingest->next_server++ % ingest->server_count];
        if (!ingest->transport->take(server, fd, (struct sockaddr *)&address, size))
            atomic_fetch_sub(&ingest->connections.starting, 1);
    }
    return true;
}

/* Polls, accepts, drains. Returns whether accepting must pause. */
static bool turn(struct ingest *ingest, struct pollfd *polls, bool pause)
{
    size_t listeners = pause ? 0 : ingest->listener_count, count = 0;
    bool go_on = true;
    polls[count++] = (struct pollfd){.fd = ingest->linger.wake_fd, .events = POLLIN};
    for (size_t i = 0; i < listeners; i++)
        polls[count++] = (struct pollfd){.fd = ingest->listeners[i].fd, .events = POLLIN};
    size_t lingering = ingest_linger_poll(&ingest->linger, polls + count);
    poll(polls, count + lingering, pause ? PAUSE_MS : lingering > 0 ? LINGER_TURN_MS : -1);
    if ((polls[0].revents & POLLIN) != 0)
        ingest_linger_take_wake(&ingest->linger);
    for (size_t i = 0; i < listeners; i++)
        if (polls[1 + i].revents != 0)
            go_on = accept_some(ingest, polls[1 + i].fd) && go_on;
    ingest_linger_drain(&ingest->linger, clock_monotonic_ms());
    return !go_on;
}

static void *acceptor_main(void *arg)
{
    struct ingest *ingest = arg;
    bool pause = false;
    while (!atomic_load(&ingest->acceptor_stop))
        pause = turn(ingest, ingest->polls, pause);
    return NULL;
}

enum err ingest_acceptor_start(struct ingest *ingest, struct errmsg *msg)
{
    ingest->polls = calloc(1 + ingest->listener_count + INGEST_LINGER_MAX, sizeof *ingest->polls);
    if (ingest->polls == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    if (!ingest_linger_open(&ingest->linger))
        return errmsg_set(msg, ERR_IO, "make an eventfd: %s", strerror(errno));
    int error = pthread_create(&ingest->acceptor, NULL, acceptor_main, ingest);
    if (error != 0)
        return errmsg_set(msg, ERR_NOMEM, "start the acceptor thread: %s", strerror(error));
    ingest->acceptor_started = true;
    return ERR_OK;
}

void ingest_acceptor_stop(struct ingest *ingest)
{
    if (!ingest->acceptor_started)
        return;
    atomic_store(&ingest->acceptor_stop, true);
    ingest_linger_wake(&ingest->linger);
    pthread_join(ingest->acceptor, NULL);
    ingest->acceptor_started = false;
}
