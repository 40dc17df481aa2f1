/* SPDX-License-Identifier: MIT
 * preload_clock.c - a preloaded library between a program and its wall clock, which it puts
 * PENSTOCK_CLOCK_SHIFT_S seconds on (back when negative), as a host whose battery is empty begins
 * in 1970. The monotonic clock stays.
 *
 * Waits until a wall time, as librdkafka makes them (C11 threads), end when they would on such a
 * host: the kernel's clock isn't shifted. */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

static time_t shift_s;

__attribute__((constructor)) static void read_shift(void)
{
    const char *text = getenv("PENSTOCK_CLOCK_SHIFT_S");
    shift_s = text == NULL ? 0 : (time_t)strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift_s;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    static int (*real)(struct timeval *restrict, void *restrict);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(now, zone);
    if (result == 0)
        now->tv_sec += shift_s;
    return result;
}

time_t time(time_t *ret_now)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now != NULL)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *now, int base)
{
    static int (*real)(struct timespec *, int);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "timespec_get");
    int result = real(now, base);
    if (result == TIME_UTC)
        now->tv_sec += shift_s;
    return result;
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    static int (*real)(cnd_t *restrict, mtx_t *restrict, const struct timespec *restrict);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec kernel = {until->tv_sec - shift_s, until->tv_nsec};
    return real(condition, mutex, &kernel);
}
