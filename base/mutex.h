/* SPDX-License-Identifier: MIT
 * mutex.h - a mutex that knows its place in an order: two threads that take the same locks take
 * them the same way round, so that neither waits for the other for ever.
 *
 * Debug builds (without NDEBUG) assert the order at each lock; others pay nothing for it. Any
 * thread may call. */
#ifndef PENSTOCK_BASE_MUTEX_H
#define PENSTOCK_BASE_MUTEX_H

#include <pthread.h>
#include <time.h>

struct mutex {
    pthread_mutex_t mutex;
    unsigned rank; /* only mutexes of lower ranks may be held while this one is taken */
};

void mutex_init(struct mutex *mutex, unsigned rank);
void mutex_destroy(struct mutex *mutex);

/* Blocks until the mutex is free. Asserts that each mutex this thread holds has a lower rank. */
void mutex_lock(struct mutex *mutex);
/* Mutexes may be unlocked in any order. */
void mutex_unlock(struct mutex *mutex);

/* Waits for the condition with the mutex held, as pthread_cond_wait() does. Asserts that this
 * thread holds no other mutex meanwhile. */
void mutex_wait(struct mutex *mutex, pthread_cond_t *condition);
/* The same until a time of the condition's clock. Returns 0 or ETIMEDOUT. */
int mutex_wait_until(struct mutex *mutex, pthread_cond_t *condition, const struct timespec *until);

/* The mutexes that a thread holds, as debug builds remember them. */
struct mutex_held {
    const struct mutex *items[8];
    unsigned count;
};

/* Exchanges what the calling thread holds with *held. For a program whose threads are fibers of
 * one: each fiber has a list of its own. Without effect when order isn't asserted. */
void mutex_exchange_held(struct mutex_held *held);

#endif
