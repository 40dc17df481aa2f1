/* SPDX-License-Identifier: MIT
 * linger.h - lets an early answer reach its client.
 *
 * A socket that is closed while unread bytes arrive is reset, and a reset may overtake the answer.
 * So a second descriptor of such a socket is kept for a moment and read empty until the client
 * hangs up. */
#ifndef PENSTOCK_INGEST_NET_LINGER_H
#define PENSTOCK_INGEST_NET_LINGER_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INGEST_LINGER_MAX 64
#define INGEST_LINGER_MS  5000

struct ingest_linger {
    pthread_mutex_t lock;
    struct {
        int fd;
        int64_t until_ms;
    } sockets[INGEST_LINGER_MAX];
    size_t count;
    int wake_fd; /* an eventfd: there is something new to poll; -1: not opened yet */
};

void ingest_linger_init(struct ingest_linger *linger);
/* Makes wake_fd, before the keeper starts. False: errno says why. */
bool ingest_linger_open(struct ingest_linger *linger);
void ingest_linger_done(struct ingest_linger *linger); /* closes all */

/* Keeps a second descriptor of fd, whose sending side has been shut down, and wakes the keeper up;
 * not when there are too many. Any thread. */
void ingest_linger_add(struct ingest_linger *linger, int fd, int64_t now_ms);

/* Wakes the keeper up: wake_fd becomes readable. Any thread. */
void ingest_linger_wake(struct ingest_linger *linger);
/* The keeper: wake_fd was readable, and is no longer. */
void ingest_linger_take_wake(struct ingest_linger *linger);

/* The keeper: what to poll for, and after that what came. Both return the number of sockets. */
size_t ingest_linger_poll(struct ingest_linger *linger, struct pollfd *ret_polls);
size_t ingest_linger_drain(struct ingest_linger *linger, int64_t now_ms);

#endif
