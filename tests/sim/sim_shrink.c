/* SPDX-License-Identifier: MIT
 * sim_shrink.c - the shortest history that is still red with the same kind. */
#include "tests/sim/sim_runs.h"

#include <stdlib.h>
#include <string.h>

struct shrink {
    struct sim_history *best;
    const char *known, *kind;
    double end;
    unsigned runs;
};

static bool still_red(struct shrink *shrink, const struct sim_history *history)
{
    struct sim_verdict verdict;
    shrink->runs++;
    sim_run(history, shrink->known, false, &verdict);
    return strcmp(verdict.kind, shrink->kind) == 0;
}

static bool has_time(const struct shrink *shrink)
{
    return sim_seconds() < shrink->end;
}

/* Without `count` steps from `first` on. */
static bool try_without(struct shrink *shrink, size_t first, size_t count)
{
    struct sim_history *shorter = malloc(sizeof *shorter);
    *shorter = *shrink->best;
    memmove(shorter->steps + first, shorter->steps + first + count,
            (shorter->count - first - count) * sizeof shorter->steps[0]);
    shorter->count -= count;
    bool red = still_red(shrink, shorter);
    if (red)
        *shrink->best = *shorter;
    free(shorter);
    return red;
}

static bool drop_steps(struct shrink *shrink)
{
    bool any = false;
    for (size_t size = shrink->best->count / 2 + 1; size > 0 && has_time(shrink); size /= 2)
        for (size_t at = shrink->best->count; at > 0 && has_time(shrink);) {
            size_t count = at < size ? at : size;
            at -= count;
            any = try_without(shrink, at, count) || any;
        }
    return any;
}

/* The end comes sooner, faults are shorter, batches fewer. */
static void make_smaller(struct shrink *shrink)
{
    struct sim_history *other = malloc(sizeof *other);
    for (size_t i = 0; i < shrink->best->count && has_time(shrink); i++) {
        *other = *shrink->best;
        struct sim_step *step = &other->steps[i];
        if (step->kind == SIM_STEP_SEND && step->c >> 16 > 1)
            step->c = 1u << 16 | (step->c & 0xffff);
        else
            continue;
        if (still_red(shrink, other))
            *shrink->best = *other;
    }
    int64_t last_ms =
        shrink->best->count > 0 ? shrink->best->steps[shrink->best->count - 1].at_ms : 0;
    *other = *shrink->best;
    other->world.end_ms = last_ms + 60000;
    if (has_time(shrink) && other->world.end_ms < shrink->best->world.end_ms &&
        still_red(shrink, other))
        *shrink->best = *other;
    free(other);
}

unsigned sim_shrink(struct sim_history *history, const char *known, const char *kind,
                    double seconds)
{
    struct shrink shrink = {history, known, kind, sim_seconds() + seconds, 0};
    while (has_time(&shrink) && drop_steps(&shrink))
        ;
    make_smaller(&shrink);
    return shrink.runs;
}
