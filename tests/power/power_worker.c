/* SPDX-License-Identifier: MIT
 * power_worker.c - the loops over operations, models and variants. */
#include "tests/power/power_worker.h"

#include "tests/power/power_check.h"
#include "tests/power/power_seen.h"
#include "tests/power/power_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STATE_SECONDS_MAX = 60, IDLE_FIRST_EVERY = 4 };

struct worker {
    const struct power_plan *plan;
    struct power_progress *progress;
    unsigned number;
    struct disk disk;
    struct oracle oracle;
    struct power_state state;
    struct power_seen states, trees;
    char path[256];
};

static void init(struct worker *worker, const struct power_plan *plan,
                 struct power_progress *progress, unsigned number)
{
    *worker = (struct worker){.plan = plan, .progress = progress, .number = number};
    oracle_init(&worker->oracle, plan->tape);
    snprintf(worker->path, sizeof worker->path, "%s/spool-%u", plan->dir, number);
}

static void done(struct worker *worker)
{
    disk_free(&worker->disk);
    oracle_free(&worker->oracle);
    power_state_free(&worker->state);
    power_seen_free(&worker->states);
    power_seen_free(&worker->trees);
}

static void rewind_tape(struct worker *worker)
{
    disk_free(&worker->disk);
    disk_init(&worker->disk);
    worker->disk.ignore_dir_syncs = worker->plan->plant == POWER_PLANT_DIR_SYNCS;
    worker->disk.ignore_file_syncs = worker->plan->plant == POWER_PLANT_FILE_SYNCS;
    oracle_rewind(&worker->oracle);
}

/* Planted: takes the acknowledgements that wait for the sync which comes next. */
static void acknowledge_early(struct worker *worker, size_t op)
{
    const struct power_tape *tape = worker->plan->tape;
    if (op >= tape->count || tape->ops[op].kind != POWER_SYNC)
        return;
    for (op++; op < tape->count && tape->ops[op].kind == POWER_MARK; op++)
        if (strncmp((const char *)tape->ops[op].data, "ack ", 4) == 0)
            oracle_mark(&worker->oracle, (const char *)tape->ops[op].data);
}

/* Plays one operation, with the marks that stand right behind it: they tell what was promised by
 * then. Returns the next one. */
static size_t play(struct worker *worker, size_t op)
{
    const struct power_tape *tape = worker->plan->tape;
    disk_play(&worker->disk, &tape->ops[op]);
    for (op++; op < tape->count && tape->ops[op].kind == POWER_MARK; op++)
        oracle_mark(&worker->oracle, (const char *)tape->ops[op].data);
    if (worker->plan->plant == POWER_PLANT_EARLY_ACKS)
        acknowledge_early(worker, op);
    return op;
}

/* ---- one state ------------------------------------------------------------------------------- */

static void count(struct worker *worker, const struct power_spec *spec,
                  const struct power_check *check)
{
    struct power_progress *progress = worker->progress;
    atomic_fetch_add(&progress->states, 1);
    if (power_seen_add(&worker->trees, worker->state.hash))
        atomic_fetch_add(&progress->trees, 1);
    if (worker->state.certain)
        atomic_fetch_add(&progress->certain, 1);
    else
        atomic_fetch_add(&progress->by_kind[spec->model][spec->variant], 1);
    atomic_fetch_add(&progress->promised, check->promised);
    atomic_fetch_add(&progress->delivered, check->delivered);
    atomic_fetch_add(&progress->lost, check->lost);
    atomic_fetch_add(&progress->unacknowledged_twice, check->unacknowledged_twice);
    atomic_fetch_add(&progress->torn_ends, check->torn_end);
    if (check->open_us > atomic_load(&progress->open_us_max))
        atomic_store(&progress->open_us_max, check->open_us);
}

static bool run_state(struct worker *worker, struct power_check *check, struct errmsg *msg)
{
    bool idle_first = worker->state.hash / 64 % IDLE_FIRST_EVERY == 0;
    *check = (struct power_check){
        .oracle = &worker->oracle, .path = worker->path, .idle_first = idle_first};
    power_tree_remove(worker->path);
    bool ok =
        power_tree_make(&worker->state, worker->path, msg) == ERR_OK && power_check_run(check, msg);
    power_tree_remove(worker->path);
    return ok;
}

static void check_state(struct worker *worker, const struct power_spec *spec)
{
    struct power_progress *progress = worker->progress;
    struct power_check check;
    struct errmsg msg = {""};
    power_state_build(&worker->disk, spec, &worker->state);
    uint64_t key = worker->state.hash ^ power_mix(worker->oracle.acknowledged);
    if (worker->state.hash % worker->plan->workers != worker->number ||
        !power_seen_add(&worker->states, key))
        return;
    power_spec_print(spec, progress->now[worker->number]);
    alarm(STATE_SECONDS_MAX); /* a state that hangs ends the worker: its name is in progress */
    if (!run_state(worker, &check, &msg)) {
        atomic_fetch_add(&progress->failures, 1);
        fprintf(stderr, "FAILED state %s: %s\n", progress->now[worker->number], msg.text);
    }
    alarm(0);
    count(worker, spec, &check);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool failed_enough(const struct worker *worker)
{
    return atomic_load(&worker->progress->failures) >= worker->plan->failures_max;
}

static void check_cut(struct worker *worker, size_t op, uint64_t seed)
{
    for (int model = 0; model < POWER_MODEL_COUNT; model++)
        for (int variant = 0; variant < POWER_VARIANT_COUNT; variant++) {
            struct power_spec spec = {op, (enum power_model)model, (enum power_variant)variant,
                                      seed};
            check_state(worker, &spec);
            if (worker->state.certain)
                break; /* the variants are all the same */
        }
}

static void round_of(struct worker *worker, uint64_t round)
{
    const struct power_tape *tape = worker->plan->tape;
    uint64_t seed = round < 2 ? round : worker->plan->seed + round;
    rewind_tape(worker);
    for (size_t op = 0; op < tape->count && !failed_enough(worker);) {
        size_t next = play(worker, op);
        check_cut(worker, op, seed);
        atomic_store(&worker->progress->op, op);
        op = next;
    }
}

/* All go on together, or all have enough. */
static void wait_for_others(struct worker *worker, unsigned round)
{
    struct power_progress *progress = worker->progress;
    atomic_fetch_add(&progress->arrived, 1);
    while (atomic_load(&progress->arrived) < worker->plan->workers * (round + 1) &&
           !failed_enough(worker))
        usleep(1000);
}

void power_worker_run(const struct power_plan *plan, struct power_progress *progress,
                      unsigned number)
{
    struct worker worker;
    init(&worker, plan, progress, number);
    for (unsigned round = 0; round < plan->rounds_max && !failed_enough(&worker); round++) {
        atomic_store(&progress->round, round);
        round_of(&worker, round);
        wait_for_others(&worker, round);
        if (atomic_load(&progress->states) >= plan->states && round >= 2)
            break;
    }
    power_tree_remove(worker.path);
    done(&worker);
}

bool power_worker_one(const struct power_plan *plan, const struct power_spec *spec, bool keep)
{
    struct worker worker;
    struct power_check check;
    struct errmsg msg = {""};
    bool ok = false;
    init(&worker, plan, NULL, 0);
    rewind_tape(&worker);
    for (size_t op = 0; op < plan->tape->count;) {
        size_t next = play(&worker, op);
        if (op == spec->op) {
            power_state_build(&worker.disk, spec, &worker.state);
            if (keep) {
                ok = power_tree_make(&worker.state, worker.path, &msg) == ERR_OK;
                printf("%s\n", worker.path);
            } else {
                ok = true;
                for (uint64_t i = 0; ok && i < plan->repeat; i++)
                    ok = run_state(&worker, &check, &msg);
                printf("%" PRIu64 " events promised, %" PRIu64 " delivered, %" PRIu64 " lost: %s\n",
                       check.promised, check.delivered, check.lost, ok ? "ok" : msg.text);
            }
        }
        op = next;
    }
    done(&worker);
    return ok;
}
