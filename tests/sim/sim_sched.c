/* SPDX-License-Identifier: MIT
 * sim_sched.c - fibers: which one runs, what the others wait for, and the clock. */
#include "tests/sim/sim_sched.h"

#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_switch.h"

#include "base/mutex.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_BEGIN_MS 1750000000000 /* the wall clock when a run begins */

enum state { READY, WAITING, ENDED, KILLED };

struct fiber {
    uint32_t id;
    char name[16];
    bool program; /* dies with the program */
    enum state state;
    struct sim_context context;
    void *(*fn)(void *arg);
    void *arg, *value;
    int error; /* its errno */
    struct mutex_held held;
    const void *object;
    const char *what;
    int64_t until_ns; /* SIM_FOREVER: no limit */
    bool wall, timed_out;
    uint64_t until_call; /* UINT64_MAX: none */
};

static struct {
    struct fiber **all; /* by id - 1; never freed */
    size_t count, capacity;
    struct fiber **live; /* by id */
    size_t live_count;
    struct fiber **ready; /* without the running one, in no order but the same each time */
    size_t ready_count;
    struct fiber *current;
    struct sim_context outside;
    int64_t now_ns, wall_offset_ns;
    int64_t next_due_ns; /* no later than the first deadline */
    uint64_t calls, next_call;
    uint64_t points_left, points_mean; /* until a switch that nobody asked for */
    bool running;
} sched = {.now_ns = 1000000, .next_call = UINT64_MAX};

/* ---- lists ----------------------------------------------------------------------------------- */

static struct fiber *find(uint32_t id)
{
    return id >= 1 && id <= sched.count ? sched.all[id - 1] : NULL;
}

static void grow(void)
{
    sched.capacity = sched.capacity == 0 ? 64 : sched.capacity * 2;
    sched.all = realloc(sched.all, sched.capacity * sizeof(struct fiber *));
    sched.live = realloc(sched.live, sched.capacity * sizeof(struct fiber *));
    sched.ready = realloc(sched.ready, sched.capacity * sizeof(struct fiber *));
    if (sched.all == NULL || sched.live == NULL || sched.ready == NULL)
        abort();
}

static void make_ready(struct fiber *fiber)
{
    fiber->state = READY;
    fiber->object = NULL;
    fiber->until_ns = SIM_FOREVER;
    fiber->until_call = UINT64_MAX;
    sched.ready[sched.ready_count++] = fiber;
}

static void take_from_ready(size_t index)
{
    sched.ready[index] = sched.ready[--sched.ready_count];
}

static void take_from_live(const struct fiber *fiber)
{
    size_t i = 0;
    while (sched.live[i] != fiber)
        i++;
    sched.live_count--;
    memmove(&sched.live[i], &sched.live[i + 1], (sched.live_count - i) * sizeof(struct fiber *));
}

/* ---- time ------------------------------------------------------------------------------------ */

static void wake_due(void)
{
    sched.next_due_ns = SIM_FOREVER;
    for (size_t i = 0; i < sched.live_count; i++) {
        struct fiber *fiber = sched.live[i];
        if (fiber->state != WAITING || fiber->until_ns == SIM_FOREVER)
            continue;
        if (fiber->until_ns <= sched.now_ns) {
            fiber->timed_out = true;
            make_ready(fiber);
        } else if (fiber->until_ns < sched.next_due_ns) {
            sched.next_due_ns = fiber->until_ns;
        }
    }
}

static void pass_time(int64_t cost_ns)
{
    sched.now_ns += cost_ns;
    if (sched.now_ns >= sched.next_due_ns)
        wake_due();
}

static void report_deadlock(void)
{
    char text[4096];
    size_t size = 0;
    for (size_t i = 0; i < sched.live_count && size < sizeof text - 64; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, " %s#%u(%s)", sched.live[i]->name,
                                 sched.live[i]->id, sched.live[i]->what);
    text[size] = '\0';
    sim_red("deadlock", "nobody can run, nobody waits for time:%s", text);
}

/* ---- switches -------------------------------------------------------------------------------- */

static void go_to(struct fiber *next)
{
    struct fiber *before = sched.current;
    if (next == before)
        return;
    before->error = errno;
    mutex_exchange_held(&before->held);
    sched.current = next;
    sim_note_value(next->id);
    sim_context_switch(&before->context, &next->context);
    mutex_exchange_held(&sched.current->held);
    errno = sched.current->error;
}

/* Lets another go on; returns when the running fiber's turn comes again. */
static void schedule(void)
{
    while (sched.ready_count == 0) {
        wake_due();
        if (sched.ready_count > 0)
            break;
        if (sched.next_due_ns == SIM_FOREVER)
            report_deadlock();
        sched.now_ns = sched.next_due_ns;
    }
    size_t index = sched.ready_count == 1 ? 0 : (size_t)sim_random(sched.ready_count);
    struct fiber *next = sched.ready[index];
    take_from_ready(index);
    go_to(next);
}

static void draw_points(void)
{
    sched.points_left = 1 + sim_random(2 * sched.points_mean);
}

void sim_fiber_point(int64_t cost_ns)
{
    if (!sched.running)
        return;
    pass_time(cost_ns);
    if (--sched.points_left > 0)
        return;
    draw_points();
    if (sched.ready_count > 0) {
        make_ready(sched.current);
        schedule();
    }
}

bool sim_fiber_wait(const void *object, const char *what, int64_t until_ns, bool wall)
{
    struct fiber *self = sched.current;
    int64_t offset_ns = wall ? WALL_BEGIN_MS * 1000000 + sched.wall_offset_ns : 0;
    self->until_ns = until_ns == SIM_FOREVER ? SIM_FOREVER : until_ns - offset_ns;
    self->wall = wall;
    self->object = object;
    self->what = what;
    self->timed_out = false;
    self->state = WAITING;
    if (self->until_ns < sched.next_due_ns)
        sched.next_due_ns = self->until_ns;
    schedule();
    return !self->timed_out;
}

void sim_fiber_wake_one(const void *object)
{
    size_t count = 0;
    for (size_t i = 0; i < sched.live_count; i++)
        count += sched.live[i]->state == WAITING && sched.live[i]->object == object;
    if (count == 0)
        return;
    size_t left = count == 1 ? 0 : (size_t)sim_random(count);
    for (size_t i = 0; i < sched.live_count; i++)
        if (sched.live[i]->state == WAITING && sched.live[i]->object == object && left-- == 0) {
            make_ready(sched.live[i]);
            return;
        }
}

void sim_fiber_wake_all(const void *object)
{
    for (size_t i = 0; i < sched.live_count; i++)
        if (sched.live[i]->state == WAITING && sched.live[i]->object == object)
            make_ready(sched.live[i]);
}

/* ---- fibers ---------------------------------------------------------------------------------- */

static void leave(struct fiber *fiber, enum state state)
{
    fiber->state = state;
    take_from_live(fiber);
    sim_fiber_wake_all(fiber);
    sim_context_free(&fiber->context);
}

static void begin(void)
{
    sim_context_entered();
    struct fiber *self = sched.current;
    errno = 0;
    self->value = self->fn(self->arg);
    if (self->id == 1) { /* the run is over */
        sched.running = false;
        sim_context_switch(&self->context, &sched.outside);
    }
    leave(self, ENDED);
    schedule();
    abort();
}

static struct fiber *start(const char *name, bool program, void *(*fn)(void *arg), void *arg)
{
    if (sched.count == sched.capacity)
        grow();
    struct fiber *fiber = calloc(1, sizeof *fiber);
    if (fiber == NULL)
        abort();
    fiber->id = (uint32_t)sched.count + 1;
    snprintf(fiber->name, sizeof fiber->name, "%s", name);
    fiber->program = program;
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->what = "begin";
    sim_context_make(&fiber->context, begin);
    sched.all[sched.count++] = fiber;
    sched.live[sched.live_count++] = fiber;
    make_ready(fiber);
    return fiber;
}

uint32_t sim_fiber_start(void *(*fn)(void *arg), void *arg)
{
    return start("thread", true, fn, arg)->id;
}

static bool wait_for_end(struct fiber *fiber)
{
    while (fiber->state == READY || fiber->state == WAITING)
        sim_fiber_wait(fiber, "join", SIM_FOREVER, false);
    return fiber->state == ENDED;
}

bool sim_fiber_join(uint32_t id, void **ret_value)
{
    struct fiber *fiber = find(id);
    if (fiber == NULL || !wait_for_end(fiber))
        return false;
    if (ret_value != NULL)
        *ret_value = fiber->value;
    return true;
}

struct call {
    void (*fn)(void *arg);
    void *arg;
};

static void *do_call(void *arg)
{
    struct call call = *(struct call *)arg;
    free(arg);
    call.fn(call.arg);
    return NULL;
}

static struct fiber *start_call(const char *name, bool program, void (*fn)(void *arg), void *arg)
{
    struct call *call = malloc(sizeof *call);
    if (call == NULL)
        abort();
    *call = (struct call){fn, arg};
    return start(name, program, do_call, call);
}

void sim_sched_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
    start_call(name, false, fn, arg);
}

bool sim_sched_call_program(void (*fn)(void *arg), void *arg)
{
    return wait_for_end(start_call("call", true, fn, arg));
}

void sim_sched_kill_program(void)
{
    struct fiber *self = sched.current;
    for (size_t i = sched.live_count; i-- > 0;) {
        struct fiber *fiber = sched.live[i];
        if (!fiber->program)
            continue;
        for (size_t r = 0; r < sched.ready_count; r++)
            if (sched.ready[r] == fiber) {
                take_from_ready(r);
                break;
            }
        leave(fiber, KILLED);
    }
    sim_statics_restore();
    if (self->program) {
        schedule();
        abort();
    }
}

size_t sim_sched_program_fibers(void)
{
    size_t count = 0;
    for (size_t i = 0; i < sched.live_count; i++)
        count += sched.live[i]->program;
    return count;
}

void sim_sched_run(uint64_t seed, void (*fn)(void *arg), void *arg)
{
    static const uint16_t means[] = {6, 40, 300, 3000, 20000};
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* the process is short: pages are worth keeping */
    mallopt(M_TRIM_THRESHOLD, INT32_MAX);
    mallopt(M_TOP_PAD, 4 << 20);
    sim_note_begin(seed);
    sim_statics_save();
    sched.points_mean = means[sim_random(sizeof means / sizeof means[0])];
    draw_points();
    sched.next_due_ns = SIM_FOREVER;
    sched.running = true;
    sched.current = start_call("main", false, fn, arg);
    take_from_ready(0);
    sim_context_switch(&sched.outside, &sched.current->context);
    sched.current = NULL;
}

/* ---- what others ask ------------------------------------------------------------------------ */

bool sim_fiber_is_running(void)
{
    return sched.running;
}

bool sim_fiber_is_program(void)
{
    return sched.running && sched.current->program;
}

uint32_t sim_fiber_id(void)
{
    return sched.running ? sched.current->id : 0;
}

bool sim_fiber_set_name(uint32_t id, const char *name)
{
    struct fiber *fiber = find(id);
    if (fiber != NULL)
        snprintf(fiber->name, sizeof fiber->name, "%s", name);
    return fiber != NULL;
}

int64_t sim_now_ns(void)
{
    return sched.now_ns;
}

int64_t sim_wall_ns(void)
{
    return WALL_BEGIN_MS * 1000000 + sched.now_ns + sched.wall_offset_ns;
}

int64_t sim_now_ms(void)
{
    return sim_now_ns() / 1000000;
}

int64_t sim_wall_ms(void)
{
    return sim_wall_ns() / 1000000;
}

void sim_set_wall_offset_ms(int64_t offset_ms)
{
    int64_t step_ns = offset_ms * 1000000 - sched.wall_offset_ns;
    sched.wall_offset_ns += step_ns;
    for (size_t i = 0; i < sched.live_count; i++)
        if (sched.live[i]->state == WAITING && sched.live[i]->wall &&
            sched.live[i]->until_ns != SIM_FOREVER)
            sched.live[i]->until_ns -= step_ns;
    wake_due();
}

void sim_sleep_ms(int64_t ms)
{
    (void)sim_fiber_wait(NULL, "sleep", sched.now_ns + ms * 1000000, false);
}

void sim_yield(void)
{
    pass_time(1000);
    make_ready(sched.current);
    schedule();
}

/* ---- file calls ------------------------------------------------------------------------------ */

static void find_next_call(void)
{
    sched.next_call = UINT64_MAX;
    for (size_t i = 0; i < sched.live_count; i++)
        if (sched.live[i]->state == WAITING && sched.live[i]->until_call < sched.next_call)
            sched.next_call = sched.live[i]->until_call;
}

bool sim_sleep_calls(uint64_t calls, int64_t max_ms)
{
    sched.current->until_call = sched.calls + calls;
    if (sched.current->until_call < sched.next_call)
        sched.next_call = sched.current->until_call;
    return sim_fiber_wait(NULL, "calls", sched.now_ns + max_ms * 1000000, false);
}

void sim_fiber_count_call(void)
{
    if (++sched.calls < sched.next_call)
        return;
    struct fiber *due = NULL;
    for (size_t i = 0; i < sched.live_count && due == NULL; i++)
        if (sched.live[i]->state == WAITING && sched.live[i]->until_call <= sched.calls)
            due = sched.live[i];
    if (due != NULL) {
        make_ready(due);
        sched.ready_count--; /* runs at once */
        make_ready(sched.current);
        find_next_call();
        go_to(due);
    } else {
        find_next_call();
    }
}
