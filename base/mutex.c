/* SPDX-License-Identifier: MIT
 * mutex.c - mutexes in an order; in debug builds each thread remembers what it holds. */
#include "base/mutex.h"

#include <assert.h>

#ifndef NDEBUG

static _Thread_local struct mutex_held held;

static void note_locked(const struct mutex *mutex)
{
    for (unsigned i = 0; i < held.count; i++)
        assert(held.items[i]->rank < mutex->rank && "locks are taken out of order");
    assert(held.count < sizeof held.items / sizeof held.items[0]);
    held.items[held.count++] = mutex;
}

static void note_unlocked(const struct mutex *mutex)
{
    unsigned i = 0;
    while (i < held.count && held.items[i] != mutex)
        i++;
    assert(i < held.count && "a lock is given back by a thread that does not hold it");
    for (held.count--; i < held.count; i++)
        held.items[i] = held.items[i + 1];
}

static void note_waiting(const struct mutex *mutex)
{
    assert(held.count == 1 && held.items[0] == mutex &&
           "a thread waits while it holds another lock");
}

void mutex_exchange_held(struct mutex_held *other)
{
    struct mutex_held mine = held;
    held = *other;
    *other = mine;
}

#else

static void note_locked(const struct mutex *mutex)
{
    (void)mutex;
}

static void note_unlocked(const struct mutex *mutex)
{
    (void)mutex;
}

static void note_waiting(const struct mutex *mutex)
{
    (void)mutex;
}

void mutex_exchange_held(struct mutex_held *other)
{
    (void)other;
}

#endif

void mutex_init(struct mutex *mutex, unsigned rank)
{
    pthread_mutex_init(&mutex->mutex, NULL);
    mutex->rank = rank;
}

void mutex_destroy(struct mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
}

void mutex_lock(struct mutex *mutex)
{
    note_locked(mutex); /* first: an order that is broken is told even when nobody waits for it */
    pthread_mutex_lock(&mutex->mutex);
}

void mutex_unlock(struct mutex *mutex)
{
    note_unlocked(mutex);
    pthread_mutex_unlock(&mutex->mutex);
}

void mutex_wait(struct mutex *mutex, pthread_cond_t *condition)
{
    note_waiting(mutex);
    pthread_cond_wait(condition, &mutex->mutex);
}

int mutex_wait_until(struct mutex *mutex, pthread_cond_t *condition, const struct timespec *until)
{
    note_waiting(mutex);
    return pthread_cond_timedwait(condition, &mutex->mutex, until);
}
