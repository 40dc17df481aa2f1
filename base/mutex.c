/* SPDX-License-Identifier: MIT
 * mutex.c - mutexes in an order; in debug builds each thread remembers what it holds. */
#include "base/mutex.h"

#include <assert.h>

#ifndef NDEBUG

enum { HELD_MAX = 8 };

static _Thread_local const struct mutex *held[HELD_MAX];
static _Thread_local unsigned held_count;

static void note_locked(const struct mutex *mutex)
{
    for (unsigned i = 0; i < held_count; i++)
        assert(held[i]->rank < mutex->rank && "locks are taken out of order");
    assert(held_count < HELD_MAX);
    held[held_count++] = mutex;
}

static void note_unlocked(const struct mutex *mutex)
{
    unsigned i = 0;
    while (i < held_count && held[i] != mutex)
        i++;
    assert(i < held_count && "a lock is given back by a thread that does not hold it");
    for (held_count--; i < held_count; i++)
        held[i] = held[i + 1];
}

static void note_waiting(const struct mutex *mutex)
{
    assert(held_count == 1 && held[0] == mutex && "a thread waits while it holds another lock");
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
