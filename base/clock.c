/* SPDX-License-Identifier: MIT
 * clock.c - wall time and monotonic time. */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

static int64_t wall_offset_ms;

static int64_t now_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    return now_ns(CLOCK_REALTIME) / 1000000 + wall_offset_ms;
}

int64_t clock_monotonic_ms(void)
{
    return now_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_monotonic_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

void clock_set_wall_offset_ms(int64_t offset_ms)
{
    wall_offset_ms = offset_ms;
}

void clock_sleep_ms(int64_t duration_ms)
{
    struct timespec left = {duration_ms / 1000, (duration_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}
