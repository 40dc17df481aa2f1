/* SPDX-License-Identifier: MIT
 * tsan_threads.c - C11 threads on top of POSIX threads, for ThreadSanitizer only.
 *
 * Debian's librdkafka makes its threads with glibc's thrd_create(), which ThreadSanitizer doesn't
 * know: such a thread crashes in the first intercepted function, and locks taken with mtx_lock()
 * order nothing in its eyes. Defined in the program, these come before glibc's. The types have the
 * same layout there (glibc implements mtx_t and cnd_t with its pthread types). */
#include "tests/support/tsan_threads.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN_THREADS 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define TSAN_THREADS 1
#endif

#ifdef TSAN_THREADS

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a pthread_cond_t");

/* librdkafka isn't instrumented and counts its references with atomics: what it frees or copies
 * looks like a race. Only what it calls itself is left out; its callbacks into the bridge are
 * checked. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librdkafka.so\n"
           "race:mtx_init\n"; /* its mutexes become known to other threads under its read-write
                               * locks */
}

#define MUTEX(mutex) ((pthread_mutex_t *)(void *)(mutex))
#define COND(cond)   ((pthread_cond_t *)(void *)(cond))

struct start {
    thrd_start_t fn;
    void *arg;
};

static int result_of(int code)
{
    return code == 0           ? thrd_success
           : code == ETIMEDOUT ? thrd_timedout
           : code == EBUSY     ? thrd_busy
                               : thrd_error;
}

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    return (void *)(intptr_t)start.fn(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t fn, void *arg)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL)
        return thrd_nomem;
    *start = (struct start){fn, arg};
    int code = pthread_create((pthread_t *)thread, NULL, run, start);
    if (code != 0)
        free(start);
    return result_of(code);
}

int thrd_join(thrd_t thread, int *result)
{
    void *value = NULL;
    int code = pthread_join((pthread_t)thread, &value);
    if (result != NULL)
        *result = (int)(intptr_t)value;
    return result_of(code);
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE
                                                                 : PTHREAD_MUTEX_NORMAL);
    int code = pthread_mutex_init(MUTEX(mutex), &attr);
    pthread_mutexattr_destroy(&attr);
    return result_of(code);
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy(MUTEX(mutex));
}
int mtx_lock(mtx_t *mutex)
{
    return result_of(pthread_mutex_lock(MUTEX(mutex)));
}
int mtx_trylock(mtx_t *mutex)
{
    return result_of(pthread_mutex_trylock(MUTEX(mutex)));
}
int mtx_unlock(mtx_t *mutex)
{
    return result_of(pthread_mutex_unlock(MUTEX(mutex)));
}
int cnd_init(cnd_t *cond)
{
    return result_of(pthread_cond_init(COND(cond), NULL));
}
void cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy(COND(cond));
}
int cnd_signal(cnd_t *cond)
{
    return result_of(pthread_cond_signal(COND(cond)));
}
int cnd_broadcast(cnd_t *cond)
{
    return result_of(pthread_cond_broadcast(COND(cond)));
}
int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return result_of(pthread_cond_wait(COND(cond), MUTEX(mutex)));
}

int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
    return result_of(pthread_cond_timedwait(COND(cond), MUTEX(mutex), until));
}

#endif

int tsan_threads_linked = 1;
