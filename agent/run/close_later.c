/* SPDX-License-Identifier: MIT
 * close_later.c - closing a spool that is of no more use. */
#include "agent/run/close_later.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct agent_close_later {
    struct spool *spool;
    struct bridge *bridge;
    pthread_t thread;
    pthread_mutex_t lock; /* guards done */
    pthread_cond_t changed;
    bool done;
    struct agent_close_later *next;
};

static void close_both(struct spool *spool, struct bridge *bridge)
{
    spool_stop_taking(spool); /* answers every request that waits for it */
    bridge_stop(bridge);
    spool_close(spool);
}

static void *retire_main(void *arg)
{
    struct agent_close_later *retire = arg;
    close_both(retire->spool, retire->bridge);
    pthread_mutex_lock(&retire->lock);
    retire->done = true;
    pthread_cond_signal(&retire->changed);
    pthread_mutex_unlock(&retire->lock);
    return NULL;
}

static bool wait_done(struct agent_close_later *retire, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&retire->lock);
    while (!retire->done &&
           pthread_cond_clockwait(&retire->changed, &retire->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    bool done = retire->done;
    pthread_mutex_unlock(&retire->lock);
    return done;
}

static void join(struct agent_close_later *retire)
{
    pthread_join(retire->thread, NULL);
    pthread_mutex_destroy(&retire->lock);
    pthread_cond_destroy(&retire->changed);
    free(retire);
}

bool agent_close_later(struct agent_close_later **list, struct spool *spool, struct bridge *bridge,
                       int64_t wait_ms)
{
    struct agent_close_later *retire = calloc(1, sizeof *retire);
    if (retire != NULL) {
        retire->spool = spool;
        retire->bridge = bridge;
        pthread_mutex_init(&retire->lock, NULL);
        pthread_cond_init(&retire->changed, NULL);
    }
    if (retire == NULL || pthread_create(&retire->thread, NULL, retire_main, retire) != 0) {
        free(retire);
        close_both(spool, bridge); /* however long it takes */
        return true;
    }
    if (wait_done(retire, wait_ms)) {
        join(retire);
        return true;
    }
    retire->next = *list;
    *list = retire;
    return false;
}

void agent_close_later_done(struct agent_close_later **list)
{
    while (*list != NULL) {
        struct agent_close_later *retire = *list;
        *list = retire->next;
        join(retire);
    }
}
