/* SPDX-License-Identifier: MIT
 * linger.c - lets an early answer reach its client. */
#include "ingest/net/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_READS_MAX 16 /* a turn: others wait for the keeper, too */

void ingest_linger_init(struct ingest_linger *linger)
{
    pthread_mutex_init(&linger->lock, NULL);
    linger->count = 0;
    linger->wake_fd = -1;
}

bool ingest_linger_open(struct ingest_linger *linger)
{
    linger->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return linger->wake_fd >= 0;
}

void ingest_linger_done(struct ingest_linger *linger)
{
    for (size_t i = 0; i < linger->count; i++)
        close(linger->sockets[i].fd);
    linger->count = 0;
    if (linger->wake_fd >= 0)
        close(linger->wake_fd);
    pthread_mutex_destroy(&linger->lock);
}

void ingest_linger_add(struct ingest_linger *linger, int fd, int64_t now_ms)
{
    bool added = false;
    pthread_mutex_lock(&linger->lock);
    int copy = linger->count < INGEST_LINGER_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy >= 0) {
        linger->sockets[linger->count].fd = copy;
        linger->sockets[linger->count].until_ms = now_ms + INGEST_LINGER_MS;
        linger->count++;
        added = true;
    }
    pthread_mutex_unlock(&linger->lock);
    if (added)
        ingest_linger_wake(linger);
}

void ingest_linger_wake(struct ingest_linger *linger)
{
    uint64_t one = 1;
    while (write(linger->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void ingest_linger_take_wake(struct ingest_linger *linger)
{
    uint64_t count;
    while (read(linger->wake_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

size_t ingest_linger_poll(struct ingest_linger *linger, struct pollfd *ret_polls)
{
    pthread_mutex_lock(&linger->lock);
    size_t count = linger->count;
    for (size_t i = 0; i < count; i++)
        ret_polls[i] = (struct pollfd){.fd = linger->sockets[i].fd, .events = POLLIN};
    pthread_mutex_unlock(&linger->lock);
    return count;
}

/* False: the client has hung up. */
static bool read_empty(int fd)
{
    static char nowhere[64 << 10]; /* the keeper's alone */
    for (int i = 0; i < DRAIN_READS_MAX; i++) {
        ssize_t size = recv(fd, nowhere, sizeof nowhere, MSG_DONTWAIT | MSG_TRUNC);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (size < 0)
            return true;
    }
    return true;
}

size_t ingest_linger_drain(struct ingest_linger *linger, int64_t now_ms)
{
    pthread_mutex_lock(&linger->lock);
    for (size_t i = 0; i < linger->count;) {
        if (now_ms < linger->sockets[i].until_ms && read_empty(linger->sockets[i].fd)) {
            i++;
            continue;
        }
        close(linger->sockets[i].fd);
        linger->sockets[i] = linger->sockets[--linger->count];
    }
    size_t count = linger->count;
    pthread_mutex_unlock(&linger->lock);
    return count;
}
