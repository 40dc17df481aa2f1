/* SPDX-License-Identifier: MIT
 * sim_pthread.c - pthread_* for fibers: the program's definitions stand before libc's.
 *
 * The state of a lock lies in the bytes of libc's own type, so that static initialisers work; all
 * zeros is an open lock. All functions of a type are here: none may reach libc's layout. Before
 * sim_sched_run() there is one thread, and every lock is free. */
#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOCK_NS = 400 };

static int64_t to_ns(const struct timespec *time)
{
    return time == NULL ? SIM_FOREVER : (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* ---- mutexes --------------------------------------------------------------------------------- */

struct mutex {
    uint32_t owner; /* fiber id + 1: 0 is nobody */
    uint32_t depth;
    uint32_t waiters;
    uint32_t unused;
    int kind; /* where glibc's static initialisers have it */
};
_Static_assert(sizeof(struct mutex) <= sizeof(pthread_mutex_t), "the state has room");

static struct mutex *state_of(pthread_mutex_t *mutex)
{
    return (struct mutex *)(void *)mutex;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    int kind = PTHREAD_MUTEX_NORMAL;
    if (attr != NULL)
        pthread_mutexattr_gettype(attr, &kind);
    memset(mutex, 0, sizeof *mutex);
    state_of(mutex)->kind = kind;
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    if (state_of(mutex)->owner != 0 && sim_fiber_is_running())
        sim_red("mutex", "fiber %u destroys a mutex that fiber %u holds", sim_fiber_id(),
                state_of(mutex)->owner - 1);
    return 0;
}

static bool try_lock(struct mutex *mutex)
{
    uint32_t self = sim_fiber_id() + 1;
    if (mutex->owner == self && mutex->kind == PTHREAD_MUTEX_RECURSIVE) {
        mutex->depth++;
        return true;
    }
    if (mutex->owner != 0)
        return false;
    mutex->owner = self;
    mutex->depth = 1;
    return true;
}

static int lock_until(struct mutex *mutex, int64_t until_ns, bool wall)
{
    sim_fiber_point(LOCK_NS);
    while (!try_lock(mutex)) {
        if (mutex->owner == sim_fiber_id() + 1 && mutex->kind == PTHREAD_MUTEX_ERRORCHECK)
            return EDEADLK;
        if (!sim_fiber_is_running())
            abort();
        mutex->waiters++;
        bool in_time = sim_fiber_wait(mutex, "mutex", until_ns, wall);
        mutex->waiters--;
        if (!in_time)
            return ETIMEDOUT;
    }
    return 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock_until(state_of(mutex), SIM_FOREVER, false);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    sim_fiber_point(LOCK_NS);
    return try_lock(state_of(mutex)) ? 0 : EBUSY;
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
    return lock_until(state_of(mutex), to_ns(until), true);
}

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
    return lock_until(state_of(mutex), to_ns(until), clock == CLOCK_REALTIME);
}

static void unlock(struct mutex *mutex)
{
    if (mutex->owner != sim_fiber_id() + 1 && sim_fiber_is_running())
        sim_red("mutex", "fiber %u unlocks a mutex that it doesn't hold", sim_fiber_id());
    if (--mutex->depth > 0)
        return;
    mutex->owner = 0;
    if (mutex->waiters > 0)
        sim_fiber_wake_one(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    unlock(state_of(mutex));
    sim_fiber_point(LOCK_NS);
    return 0;
}

/* ---- conditions ------------------------------------------------------------------------------ */

struct cond {
    uint32_t waiters;
    uint32_t monotonic;
};
_Static_assert(sizeof(struct cond) <= sizeof(pthread_cond_t), "the state has room");

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    clockid_t clock = CLOCK_REALTIME;
    if (attr != NULL)
        pthread_condattr_getclock(attr, &clock);
    memset(cond, 0, sizeof *cond);
    ((struct cond *)(void *)cond)->monotonic = clock != CLOCK_REALTIME;
    return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
    if (((struct cond *)(void *)cond)->waiters > 0 && sim_fiber_is_running())
        sim_red("cond", "fiber %u destroys a condition that others wait for", sim_fiber_id());
    return 0;
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ns, bool wall)
{
    struct cond *state = (struct cond *)(void *)cond;
    if (!sim_fiber_is_running())
        abort();
    uint32_t depth = state_of(mutex)->depth;
    state_of(mutex)->depth = 1;
    unlock(state_of(mutex));
    state->waiters++;
    bool in_time = sim_fiber_wait(cond, "condition", until_ns, wall);
    state->waiters--;
    lock_until(state_of(mutex), SIM_FOREVER, false);
    state_of(mutex)->depth = depth;
    return in_time ? 0 : ETIMEDOUT;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return wait_until(cond, mutex, SIM_FOREVER, false);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    return wait_until(cond, mutex, to_ns(until), !((struct cond *)(void *)cond)->monotonic);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until)
{
    return wait_until(cond, mutex, to_ns(until), clock == CLOCK_REALTIME);
}

int pthread_cond_signal(pthread_cond_t *cond)
{
    if (((struct cond *)(void *)cond)->waiters > 0)
        sim_fiber_wake_one(cond);
    sim_fiber_point(LOCK_NS);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
    if (((struct cond *)(void *)cond)->waiters > 0)
        sim_fiber_wake_all(cond);
    sim_fiber_point(LOCK_NS);
    return 0;
}

/* ---- read-write locks ------------------------------------------------------------------------ */

struct rwlock {
    uint32_t readers, writer, waiters;
};
_Static_assert(sizeof(struct rwlock) <= sizeof(pthread_rwlock_t), "the state has room");

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
    (void)attr;
    memset(lock, 0, sizeof *lock);
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    (void)lock;
    return 0;
}

static bool try_rwlock(struct rwlock *lock, bool write)
{
    if (lock->writer != 0 || (write && lock->readers > 0))
        return false;
    if (write)
        lock->writer = sim_fiber_id() + 1;
    else
        lock->readers++;
    return true;
}

static int rwlock_until(pthread_rwlock_t *rwlock, bool write, int64_t until_ns, bool wall)
{
    struct rwlock *lock = (struct rwlock *)(void *)rwlock;
    sim_fiber_point(LOCK_NS);
    while (!try_rwlock(lock, write)) {
        if (!sim_fiber_is_running())
            abort();
        lock->waiters++;
        bool in_time = sim_fiber_wait(lock, "rwlock", until_ns, wall);
        lock->waiters--;
        if (!in_time)
            return ETIMEDOUT;
    }
    return 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return rwlock_until(lock, false, SIM_FOREVER, false);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return rwlock_until(lock, true, SIM_FOREVER, false);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    return try_rwlock((struct rwlock *)(void *)lock, false) ? 0 : EBUSY;
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    return try_rwlock((struct rwlock *)(void *)lock, true) ? 0 : EBUSY;
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    return rwlock_until(lock, false, to_ns(until), true);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    return rwlock_until(lock, true, to_ns(until), true);
}

int pthread_rwlock_unlock(pthread_rwlock_t *rwlock)
{
    struct rwlock *lock = (struct rwlock *)(void *)rwlock;
    if (lock->writer != 0)
        lock->writer = 0;
    else
        lock->readers--;
    if (lock->waiters > 0)
        sim_fiber_wake_all(lock);
    sim_fiber_point(LOCK_NS);
    return 0;
}

/* ---- once ------------------------------------------------------------------------------------ */

int pthread_once(pthread_once_t *once, void (*fn)(void))
{
    enum { NEW = 0, BUSY = 1, DONE = 2 };
    while (*once == BUSY && sim_fiber_is_running())
        sim_yield();
    if (*once == NEW) {
        *once = BUSY;
        fn();
        *once = DONE;
    }
    return 0;
}

/* ---- threads --------------------------------------------------------------------------------- */

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*fn)(void *),
                   void *arg)
{
    (void)attr;
    if (!sim_fiber_is_running())
        return EAGAIN;
    *ret_thread = sim_fiber_start(fn, arg);
    sim_fiber_point(20000);
    return 0;
}

int pthread_join(pthread_t thread, void **ret_value)
{
    return sim_fiber_join((uint32_t)thread, ret_value) ? 0 : ESRCH;
}

int pthread_detach(pthread_t thread)
{
    (void)thread;
    return 0;
}

pthread_t pthread_self(void)
{
    return (pthread_t)(sim_fiber_id() + (sim_fiber_is_running() ? 0u : 1u));
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    return sim_fiber_set_name((uint32_t)thread, name) ? 0 : ESRCH;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *ret_old)
{
    if (!sim_fiber_is_running())
        return sigprocmask(how, set, ret_old) == 0 ? 0 : errno;
    if (ret_old != NULL)
        sigemptyset(ret_old);
    return 0;
}
