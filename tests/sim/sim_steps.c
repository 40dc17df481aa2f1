/* SPDX-License-Identifier: MIT
 * sim_steps.c - steps: drawn, printed, read. */
#include "tests/sim/sim_steps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SIM_STEP_NAME(name, text) text,
static const char *const names[] = {SIM_STEP_TABLE(SIM_STEP_NAME)};

const char *sim_step_name(enum sim_step_kind kind)
{
    return names[kind];
}

int64_t sim_step_lasts_ms(const struct sim_step *step)
{
    switch (step->kind) {
    case SIM_STEP_CLOCK:
    case SIM_STEP_REQUEUE:
    case SIM_STEP_DROP:
    case SIM_STEP_GROW: return 0;
    case SIM_STEP_CRASH_LOOP: return (int64_t)step->a * step->b;
    default: return step->a;
    }
}

/* ---- drawing --------------------------------------------------------------------------------- */

struct draw {
    uint64_t state;
    struct sim_history *history;
};

static uint64_t next(struct draw *draw, uint64_t below)
{
    draw->state += 0x9e3779b97f4a7c15ull;
    uint64_t z = draw->state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (z ^ z >> 31) % below;
}

static uint32_t between(struct draw *draw, uint32_t low, uint32_t high)
{
    return low + (uint32_t)next(draw, high - low + 1);
}

static void draw_world(struct draw *draw)
{
    static const uint64_t windows[] = {16 << 10, 64 << 10, 1 << 20, 8 << 20};
    struct sim_world *world = &draw->history->world;
    world->topics = between(draw, 2, 5);
    world->clients = between(draw, 1, 3);
    world->partitions = between(draw, 1, 3);
    world->window_bytes = windows[next(draw, 4)];
    world->size_bytes = next(draw, 5) == 0 ? 48u << 20 : 512u << 20;
    world->topics_max = next(draw, 4) == 0 ? world->topics : 1000;
    world->in_flight_events = next(draw, 3) == 0 ? between(draw, 20, 400) : 20000;
    world->cursor_interval_ms = next(draw, 4) == 0 ? between(draw, 100, 5000) : 1000;
    world->backoff_ms_max = between(draw, 1000, 10000);
    static const int64_t read_ms[] = {0, 0, 1, 3, 8};
    world->read_ms = read_ms[next(draw, 5)];
    world->end_ms = 600000 + (int64_t)next(draw, 300000);
}

static void add(struct draw *draw, int64_t at_ms, enum sim_step_kind kind, uint32_t a, uint32_t b,
                uint32_t c, uint32_t d)
{
    struct sim_history *history = draw->history;
    if (history->count < SIM_STEPS_MAX)
        history->steps[history->count++] = (struct sim_step){at_ms, kind, a, b, c, d};
}

static void draw_sends(struct draw *draw)
{
    const struct sim_world *world = &draw->history->world;
    uint32_t size = between(draw, 100, 5000);
    unsigned burst = next(draw, 3) == 0 ? 3 : 12;
    for (int64_t at = 1000; at < world->end_ms; at += between(draw, 1000, 40000)) {
        uint32_t batches = between(draw, 1, 12), events = between(draw, 1, 25);
        if (next(draw, burst) == 0)
            events = 300; /* a burst */
        if (next(draw, 12) == 0)
            at += between(draw, 20000, 120000); /* all are idle */
        uint32_t poison = next(draw, 3) == 0 ? 1u << 31 : 0;
        /* one after the other: C leaves the order of arguments open */
        uint32_t client = (uint32_t)next(draw, world->clients);
        uint32_t topic = (uint32_t)next(draw, world->topics), bytes = between(draw, 30, size);
        add(draw, at, SIM_STEP_SEND, client, topic, batches << 16 | events, bytes | poison);
    }
}

static uint32_t draw_errno(struct draw *draw)
{
    static const int errors[] = {EIO, EIO, EACCES, EMFILE};
    return (uint32_t)errors[next(draw, 4)];
}

static uint32_t draw_ms(struct draw *draw)
{
    static const uint32_t longest[] = {3000, 8000, 20000, 60000, 120000};
    return between(draw, 500, longest[next(draw, 5)]);
}

/* Which faults come how often, in an episode. */
static const struct {
    enum sim_step_kind kind;
    unsigned weight;
} weights[] = {
    {SIM_STEP_STOP, 8},        {SIM_STEP_KILL, 14},        {SIM_STEP_POWER_CUT, 6},
    {SIM_STEP_CRASH_LOOP, 3},  {SIM_STEP_RELOAD, 14},      {SIM_STEP_AWAY, 14},
    {SIM_STEP_SLOW_KAFKA, 4},  {SIM_STEP_LOST_ANSWERS, 4}, {SIM_STEP_CLUSTER, 2},
    {SIM_STEP_NO_TOPIC, 10},   {SIM_STEP_LEADERLESS, 6},   {SIM_STEP_FORBIDDEN, 6},
    {SIM_STEP_SMALL_LIMIT, 8}, {SIM_STEP_GROW, 2},         {SIM_STEP_UNREADABLE, 18},
    {SIM_STEP_READ_ERROR, 4},  {SIM_STEP_WRITE_ERROR, 5},  {SIM_STEP_DISK_FULL, 3},
    {SIM_STEP_SLOW_DISK, 8},   {SIM_STEP_HANG, 2},         {SIM_STEP_ROT, 12},
    {SIM_STEP_ROT_CURSORS, 5}, {SIM_STEP_ROT_LETTER, 6},   {SIM_STEP_REMOVE, 5},
    {SIM_STEP_CLOCK, 2},       {SIM_STEP_REQUEUE, 3},      {SIM_STEP_DROP, 3},
    {SIM_STEP_LIMITS, 2},      {SIM_STEP_BACKUP, 2},       {SIM_STEP_RESTORE, 2},
};

static unsigned pick(struct draw *draw)
{
    unsigned total = 0, i = 0;
    for (size_t k = 0; k < sizeof weights / sizeof weights[0]; k++)
        total += weights[k].weight;
    uint64_t at = next(draw, total);
    for (; at >= weights[i].weight; i++)
        at -= weights[i].weight;
    return i;
}

/* Faults that are worse together, in about this order. SEND is a burst. */
static const enum sim_step_kind themes[][5] = {
    {SIM_STEP_AWAY, SIM_STEP_SEND, SIM_STEP_KILL, SIM_STEP_UNREADABLE, SIM_STEP_RELOAD},
    {SIM_STEP_SEND, SIM_STEP_KILL, SIM_STEP_UNREADABLE, SIM_STEP_LOST_ANSWERS, SIM_STEP_KILL},
    {SIM_STEP_SEND, SIM_STEP_STOP, SIM_STEP_SEND, SIM_STEP_ROT_CURSORS, SIM_STEP_KILL},
    {SIM_STEP_NO_TOPIC, SIM_STEP_SEND, SIM_STEP_ROT, SIM_STEP_ROT, SIM_STEP_KILL},
    {SIM_STEP_SMALL_LIMIT, SIM_STEP_SEND, SIM_STEP_ROT_LETTER, SIM_STEP_DROP, SIM_STEP_KILL},
    {SIM_STEP_NO_TOPIC, SIM_STEP_SEND, SIM_STEP_STOP, SIM_STEP_REMOVE, SIM_STEP_STOP},
    {SIM_STEP_SEND, SIM_STEP_UNREADABLE, SIM_STEP_KILL, SIM_STEP_SEND, SIM_STEP_KILL},
};

static unsigned weight_of(enum sim_step_kind kind)
{
    unsigned i = 0;
    while (weights[i].kind != kind)
        i++;
    return i;
}

static void draw_fault(struct draw *draw, int64_t at_ms, uint32_t topic, unsigned i)
{
    uint32_t a = draw_ms(draw), b = (uint32_t)next(draw, 1000), c = (uint32_t)next(draw, 1u << 30),
             d = (uint32_t)next(draw, 8);
    switch (weights[i].kind) {
    case SIM_STEP_STOP: a = between(draw, 100, 20000); break;
    case SIM_STEP_KILL:
    case SIM_STEP_POWER_CUT:
        a = between(draw, 100, 20000);
        b = next(draw, 2) == 0 ? between(draw, 1, 200) : 0;
        break;
    case SIM_STEP_CRASH_LOOP:
        a = next(draw, 4) == 0 ? 150 : between(draw, 2, 30);
        b = between(draw, 100, 3000);
        break;
    case SIM_STEP_SLOW_KAFKA: b = between(draw, 100, 3000); break;
    case SIM_STEP_LOST_ANSWERS: b = between(draw, 50, 500); break;
    case SIM_STEP_NO_TOPIC:
    case SIM_STEP_LEADERLESS:
    case SIM_STEP_FORBIDDEN:
    case SIM_STEP_SMALL_LIMIT:
    case SIM_STEP_GROW: b = topic; break;
    case SIM_STEP_UNREADABLE: c = draw_errno(draw); break;
    case SIM_STEP_READ_ERROR:
    case SIM_STEP_WRITE_ERROR:
        c = weights[i].kind == SIM_STEP_WRITE_ERROR && next(draw, 2) == 0 ? ENOSPC
                                                                          : draw_errno(draw);
        d = next(draw, 2) == 0 ? 1000 : between(draw, 1, 300);
        break;
    case SIM_STEP_SLOW_DISK: b = between(draw, 1, 300); break;
    case SIM_STEP_REMOVE: a = next(draw, 3) == 0 ? between(draw, 1000, 60000) : 0; break;
    case SIM_STEP_REQUEUE:
    case SIM_STEP_DROP: a = between(draw, 1, 3); break;
    default: break;
    }
    add(draw, at_ms, weights[i].kind, a, b, c, d);
}

static void draw_burst(struct draw *draw, int64_t at_ms, uint32_t topic)
{
    const struct sim_world *world = &draw->history->world;
    for (uint32_t i = 0; i < world->topics; i++) {
        if (i != topic && next(draw, 2) != 0)
            continue;
        uint32_t client = (uint32_t)next(draw, world->clients);
        uint32_t batches = between(draw, 4, 14), events = between(draw, 60, 300);
        uint32_t bytes = between(draw, 1000, 4500);
        uint32_t poison = next(draw, 3) == 0 ? 1u << 31 : 0;
        add(draw, at_ms, SIM_STEP_SEND, client, i, batches << 16 | events, bytes | poison);
    }
}

static void draw_theme(struct draw *draw, int64_t at_ms, uint32_t topic)
{
    static const uint32_t pauses[] = {300, 1500, 6000, 15000};
    const enum sim_step_kind *theme = themes[next(draw, sizeof themes / sizeof themes[0])];
    for (int i = 0; i < 5; i++) {
        if (theme[i] == SIM_STEP_SEND)
            draw_burst(draw, at_ms, topic);
        else if (next(draw, 8) != 0)
            draw_fault(draw, at_ms, topic, weight_of(theme[i]));
        at_ms += between(draw, 0, pauses[next(draw, 4)]);
    }
}

static void draw_episode(struct draw *draw, int64_t at_ms, uint32_t topic)
{
    static const uint32_t pauses[] = {300, 3000, 6000, 40000};
    unsigned faults = between(draw, 3, 9);
    unsigned few[4] = {pick(draw), pick(draw), pick(draw), pick(draw)};
    bool repeats = next(draw, 2) == 0; /* the same few faults again and again */
    for (unsigned f = 0; f < faults; f++) {
        draw_fault(draw, at_ms, topic, repeats ? few[next(draw, 4)] : pick(draw));
        at_ms += between(draw, 0, pauses[next(draw, 4)]);
    }
}

/* Episodes: faults that meet, and quiet between. */
static void draw_faults(struct draw *draw)
{
    const struct sim_world *world = &draw->history->world;
    unsigned episodes = between(draw, 2, 5);
    for (unsigned e = 0; e < episodes; e++) {
        int64_t at_ms = 5000 + (int64_t)next(draw, (uint64_t)world->end_ms - 60000);
        uint32_t topic = (uint32_t)next(draw, world->topics);
        if (next(draw, 2) == 0)
            draw_theme(draw, at_ms, topic);
        else
            draw_episode(draw, at_ms, topic);
    }
    if (next(draw, 8) == 0)
        add(draw, world->end_ms, SIM_STEP_RESCUE, 0, 0, 0, 0);
}

static int by_time(const void *a, const void *b)
{
    const struct sim_step *x = a, *y = b;
    return x->at_ms != y->at_ms ? (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms)
                                : memcmp(x, y, sizeof *x);
}

void sim_steps_draw(uint64_t seed, struct sim_history *ret_history)
{
    struct draw draw = {seed * 0x2545f4914f6cdd1dull + 77, ret_history};
    memset(ret_history, 0, sizeof *ret_history);
    ret_history->world.seed = seed;
    draw_world(&draw);
    draw_sends(&draw);
    draw_faults(&draw);
    qsort(ret_history->steps, ret_history->count, sizeof ret_history->steps[0], by_time);
}

/* ---- case files ------------------------------------------------------------------------------ */

void sim_steps_print(FILE *out, const struct sim_history *history)
{
    const struct sim_world *w = &history->world;
    fprintf(out,
            "world %" PRIu64 " %u %u %u %" PRIu64 " %" PRIu64 " %u %u %" PRId64 " %" PRId64
            " %" PRId64 " %" PRId64 "\n",
            w->seed, w->topics, w->clients, w->partitions, w->window_bytes, w->size_bytes,
            w->topics_max, w->in_flight_events, w->cursor_interval_ms, w->backoff_ms_max,
            w->read_ms, w->end_ms);
    for (size_t i = 0; i < history->count; i++) {
        const struct sim_step *s = &history->steps[i];
        fprintf(out, "%8" PRId64 " %-18s %u %u %u %u\n", s->at_ms, names[s->kind], s->a, s->b, s->c,
                s->d);
    }
}

static bool read_world(const char *line, struct sim_world *w)
{
    return sscanf(line,
                  "world %" SCNu64 " %u %u %u %" SCNu64 " %" SCNu64 " %u %u %" SCNd64 " %" SCNd64
                  " %" SCNd64 " %" SCNd64,
                  &w->seed, &w->topics, &w->clients, &w->partitions, &w->window_bytes,
                  &w->size_bytes, &w->topics_max, &w->in_flight_events, &w->cursor_interval_ms,
                  &w->backoff_ms_max, &w->read_ms, &w->end_ms) == 12;
}

bool sim_steps_read(FILE *in, struct sim_history *ret_history)
{
    char line[256], name[64];
    bool has_world = false;
    memset(ret_history, 0, sizeof *ret_history);
    while (fgets(line, sizeof line, in) != NULL) {
        struct sim_step step = {0};
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (strncmp(line, "world", 5) == 0) {
            has_world = read_world(line, &ret_history->world);
            continue;
        }
        if (sscanf(line, "%" SCNd64 " %63s %u %u %u %u", &step.at_ms, name, &step.a, &step.b,
                   &step.c, &step.d) != 6)
            return false;
        while (step.kind < SIM_STEP_KINDS && strcmp(names[step.kind], name) != 0)
            step.kind++;
        if (step.kind == SIM_STEP_KINDS || ret_history->count == SIM_STEPS_MAX)
            return false;
        ret_history->steps[ret_history->count++] = step;
    }
    return has_world;
}
