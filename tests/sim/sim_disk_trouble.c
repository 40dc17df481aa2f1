/* SPDX-License-Identifier: MIT
 * sim_disk_trouble.c - calls that fail, take long or hang, and a disk that is full. */
#include "tests/sim/sim_disk_calls.h"
#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FAULTS_MAX = 32, DELAYS_MAX = 16, PART_SIZE = 128, CHECK_AGAIN_NS = 1000000 };

static struct fault {
    unsigned handle, ops, per_1000;
    int error;
    char part[PART_SIZE];
    int64_t until_ms;
} faults[FAULTS_MAX];
static size_t fault_count;
static unsigned last_handle;

static struct delay {
    unsigned ops;
    char part[PART_SIZE];
    int64_t ms;
} delays[DELAYS_MAX];
static size_t delay_count;

static uint64_t disk_bytes = 1ull << 40;

/* ---- what is told to fail -------------------------------------------------------------------- */

unsigned sim_disk_fail(unsigned ops, const char *part, int error, unsigned per_1000,
                       int64_t until_ms)
{
    if (fault_count == FAULTS_MAX) /* the oldest ends */
        sim_disk_mend(faults[0].handle);
    struct fault *fault = &faults[fault_count++];
    *fault = (struct fault){++last_handle, ops, per_1000, error, "", until_ms};
    snprintf(fault->part, sizeof fault->part, "%s", part);
    return fault->handle;
}

void sim_disk_mend(unsigned handle)
{
    for (size_t i = 0; i < fault_count; i++)
        if (faults[i].handle == handle) {
            fault_count--;
            memmove(&faults[i], &faults[i + 1], (fault_count - i) * sizeof faults[0]);
            return;
        }
}

void sim_disk_mend_all(void)
{
    fault_count = 0;
    delay_count = 0;
    sim_fiber_wake_all(delays);
}

void sim_disk_delay(unsigned ops, const char *part, int64_t ms)
{
    size_t at = 0;
    while (at < delay_count && (delays[at].ops != ops || strcmp(delays[at].part, part) != 0))
        at++;
    if (at == DELAYS_MAX)
        at = DELAYS_MAX - 1;
    if (at == delay_count)
        delay_count++;
    delays[at] = (struct delay){.ops = ops, .ms = ms};
    snprintf(delays[at].part, PART_SIZE, "%s", part);
    if (ms == 0) {
        delay_count--;
        memmove(&delays[at], &delays[at + 1], (delay_count - at) * sizeof delays[0]);
    }
    sim_fiber_wake_all(delays); /* calls that hang look again */
}

void sim_disk_set_size(uint64_t bytes)
{
    disk_bytes = bytes;
}

uint64_t sim_disk_size_bytes(void)
{
    return disk_bytes;
}

uint64_t sim_disk_free_bytes(void)
{
    uint64_t used = sim_tree_bytes();
    return used < disk_bytes ? disk_bytes - used : 0;
}

/* ---- a call ---------------------------------------------------------------------------------- */

static int64_t cost_ns(enum sim_disk_op op)
{
    switch (op) {
    case SIM_DISK_READ: return 3000;
    case SIM_DISK_WRITE: return 5000;
    case SIM_DISK_LIST:
    case SIM_DISK_OPEN: return 6000;
    default: return 15000;
    }
}

static int64_t delay_ms(const struct sim_call *call)
{
    int64_t ms = 0;
    for (size_t i = 0; i < delay_count; i++)
        if ((delays[i].ops & call->op) != 0 && strstr(call->path, delays[i].part) != NULL)
            ms = delays[i].ms > ms ? delays[i].ms : ms;
    return ms;
}

/* A delay that is changed meanwhile counts from its beginning; one that is taken away ends. */
static void wait_for_disk(const struct sim_call *call)
{
    int64_t begin_ns = sim_now_ns();
    for (int64_t ms; delay_count > 0 && (ms = delay_ms(call)) > 0;) {
        bool hangs = ms > INT64_MAX / 1000000 - sim_now_ms();
        int64_t until_ns = hangs ? SIM_FOREVER : begin_ns + ms * 1000000;
        if (until_ns <= sim_now_ns())
            return;
        (void)sim_fiber_wait(delays, "disk", until_ns, false);
    }
}

/* A sync takes a while, also on a healthy disk. */
static void wait_for_sync(void)
{
    int64_t us = 50 + (int64_t)sim_random(sim_chance(50) ? 20000 : 1500);
    (void)sim_fiber_wait(NULL, "sync", sim_now_ns() + us * 1000, false);
}

/* Tables of the system lie on no disk. */
static int error_of(const struct sim_call *call)
{
    int64_t now_ms = sim_now_ms();
    for (size_t i = 0; call->inode->parent != NULL && i < fault_count;) {
        const struct fault *fault = &faults[i];
        if (fault->until_ms <= now_ms) {
            sim_disk_mend(fault->handle);
            continue;
        }
        if ((fault->ops & call->op) != 0 && strstr(call->path, fault->part) != NULL &&
            (fault->per_1000 >= 1000 || sim_chance(fault->per_1000)))
            return fault->error;
        i++;
    }
    return 0;
}

static void release(const struct sim_call *call)
{
    if (call->number == sim_fd_process() && call->inode->opens > 0) {
        sim_tree_uncount(call->inode);
        call->inode->opens--;
        sim_tree_count(call->inode);
    }
}

bool sim_call_begin(struct sim_call *call, enum sim_disk_op op, struct sim_inode *inode,
                    const char *name)
{
    call->op = op;
    call->inode = inode;
    call->number = sim_fd_process();
    call->path[0] = '\0';
    call->late = false;
    if (!sim_fiber_is_running())
        return true;
    inode->opens++;
    sim_fiber_count_call();
    sim_fiber_point(cost_ns(op));
    sim_note_value(op ^ inode->number << 8);
    if (fault_count > 0 || delay_count > 0)
        sim_tree_path(inode, name, call->path, sizeof call->path);
    call->late = (delay_count > 0 || op == SIM_DISK_SYNC) && sim_chance(500);
    if (!call->late && op == SIM_DISK_SYNC)
        wait_for_sync();
    if (!call->late && delay_count > 0)
        wait_for_disk(call);
    int error = fault_count > 0 ? error_of(call) : 0;
    if (error == 0)
        return true;
    release(call);
    errno = error;
    return false;
}

int64_t sim_call_end(struct sim_call *call, int64_t result)
{
    int error = errno;
    if (!sim_fiber_is_running())
        return result;
    if (call->late && call->op == SIM_DISK_SYNC)
        wait_for_sync();
    if (call->late && delay_count > 0)
        wait_for_disk(call);
    sim_note_value((uint64_t)result ^ (uint64_t)(result < 0 ? error : 0) << 32);
    release(call);
    errno = error;
    return result;
}
