/* SPDX-License-Identifier: MIT
 * sim_time_calls.c - clocks, sleeps, random bytes, and what else a process asks its system for.
 *
 * Within sim_sched_run() all of it is a function of the seed; outside, it is the kernel's. */
#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_NS = 500 };

/* ---- clocks ---------------------------------------------------------------------------------- */

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static bool is_wall(clockid_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI;
}

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
    if (!sim_fiber_is_running())
        return (int)syscall(SYS_clock_gettime, id, ret_now);
    sim_fiber_point(CLOCK_NS);
    *ret_now = timespec_of(is_wall(id) ? sim_wall_ns() : sim_now_ns());
    return 0;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_now = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

int timespec_get(struct timespec *ret_now, int base)
{
    clock_gettime(CLOCK_REALTIME, ret_now);
    return base;
}

time_t time(time_t *ret_now)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now != NULL)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

/* LevelDB writes local time into its LOG: every machine is in Greenwich. */
struct tm *localtime_r(const time_t *restrict time, struct tm *restrict ret_tm)
{
    return gmtime_r(time, ret_tm);
}

/* ---- sleeps ---------------------------------------------------------------------------------- */

static void sleep_until(int64_t until_ns, bool wall)
{
    (void)sim_fiber_wait(NULL, "sleep", until_ns, wall);
}

int nanosleep(const struct timespec *time, struct timespec *ret_left)
{
    if (!sim_fiber_is_running())
        return (int)syscall(SYS_nanosleep, time, ret_left);
    sleep_until(sim_now_ns() + (int64_t)time->tv_sec * 1000000000 + time->tv_nsec, false);
    return 0;
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *time, struct timespec *ret_left)
{
    if (!sim_fiber_is_running())
        return syscall(SYS_clock_nanosleep, id, flags, time, ret_left) == 0 ? 0 : errno;
    if ((flags & TIMER_ABSTIME) == 0)
        return nanosleep(time, ret_left);
    sleep_until((int64_t)time->tv_sec * 1000000000 + time->tv_nsec, is_wall(id));
    return 0;
}

int usleep(useconds_t us)
{
    struct timespec time = timespec_of((int64_t)us * 1000);
    return nanosleep(&time, NULL);
}

unsigned sleep(unsigned seconds)
{
    struct timespec time = {seconds, 0};
    (void)nanosleep(&time, NULL);
    return 0;
}

int sched_yield(void)
{
    if (sim_fiber_is_running())
        sim_yield();
    return 0;
}

/* ---- the rest -------------------------------------------------------------------------------- */

ssize_t getrandom(void *out, size_t size, unsigned flags)
{
    if (!sim_fiber_is_running())
        return syscall(SYS_getrandom, out, size, flags);
    for (size_t at = 0; at < size; at += 8) {
        uint64_t high = sim_random(1ull << 32), low = sim_random(1ull << 32);
        uint64_t word = high << 32 | low;
        memcpy((char *)out + at, &word, size - at < 8 ? size - at : 8);
    }
    return (ssize_t)size;
}

pid_t getpid(void)
{
    return sim_fiber_is_running() ? 4242 : (pid_t)syscall(SYS_getpid);
}

/* The same number of descriptors everywhere: LevelDB makes its limits of it. */
int getrlimit(__rlimit_resource_t resource, struct rlimit *ret_limit)
{
    if (!sim_fiber_is_running())
        return (int)syscall(SYS_prlimit64, 0, resource, NULL, ret_limit);
    *ret_limit = (struct rlimit){1024, 1024};
    return 0;
}

int setpriority(__priority_which_t which, id_t who, int nice)
{
    return sim_fiber_is_running() ? 0 : (int)syscall(SYS_setpriority, which, who, nice);
}
