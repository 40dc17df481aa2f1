/* SPDX-License-Identifier: MIT
 * ingest_linger.h - lets an early answer reach its client.
 *
 * A socket that is closed while unread bytes arrive is reset, and a reset may overtake the answer.
 * So a second descriptor of such a socket is kept for a moment and read empty until the client
 * hangs up. */
#ifndef PENSTOCK_INGEST_LINGER_H
#define PENSTOCK_INGEST_LINGER_H

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
};

void ingest_linger_init(struct ingest_linger *linger);
void ingest_linger_done(struct ingest_linger *linger); /* closes all */

/* Keeps a second descriptor of fd, whose sending side has been shut down; not when there are too
 * many. True: it is kept and the keeper should poll it. Any thread. */
bool ingest_linger_add(struct ingest_linger *linger, int fd, int64_t now_ms);

/* The keeper: what to poll for, and after that what came. Both return the number of sockets. */
size_t ingest_linger_poll(struct ingest_linger *linger, struct pollfd *ret_polls);
size_t ingest_linger_drain(struct ingest_linger *linger, int64_t now_ms);

#endif
