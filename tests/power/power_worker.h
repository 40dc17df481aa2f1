/* SPDX-License-Identifier: MIT
 * power_worker.h - goes through a tape and checks the states that a cut after each operation may
 * leave; one of several processes. */
#ifndef PENSTOCK_TESTS_POWER_WORKER_H
#define PENSTOCK_TESTS_POWER_WORKER_H

#include "tests/power/power_state.h"

#include <stdatomic.h>

/* Faults: acknowledgements come before their sync; these syncs do nothing. */
enum power_plant {
    POWER_PLANT_NOTHING,
    POWER_PLANT_EARLY_ACKS,
    POWER_PLANT_DIR_SYNCS,
    POWER_PLANT_FILE_SYNCS
};

struct power_plan {
    const struct power_tape *tape;
    char dir[200];   /* where the states are laid out */
    uint64_t states; /* stop after a round when there are so many */
    uint64_t rounds_max;
    uint64_t seed; /* of the rounds from the third on */
    unsigned workers;
    uint64_t failures_max;
    uint64_t repeat; /* one state: so often */
    enum power_plant plant;
};

/* Shared by all processes. Counts of states are of different ones. */
struct power_progress {
    atomic_uint_fast64_t states; /* a tree, and what was acknowledged by then */
    atomic_uint_fast64_t trees;  /* different trees among them */
    atomic_uint_fast64_t by_kind[POWER_MODEL_COUNT][POWER_VARIANT_COUNT];
    atomic_uint_fast64_t certain; /* of them with nothing left to chance: counted for no model */
    /* events, over all states */
    atomic_uint_fast64_t promised, delivered, lost, unacknowledged_twice;
    atomic_uint_fast64_t torn_ends; /* states */
    atomic_int_fast64_t open_us_max;
    atomic_uint failures;
    atomic_uint round;
    atomic_uint_fast64_t op;
    atomic_uint waiting, arrived; /* between two rounds */
    char now[16][96];             /* by worker: the state it is at */
};

/* Returns when the plan is fulfilled or failures_max reached. */
void power_worker_run(const struct power_plan *plan, struct power_progress *progress,
                      unsigned worker);

/* One state only, told at length. False: it failed. keep: its tree stays in plan->dir and isn't
 * started. */
bool power_worker_one(const struct power_plan *plan, const struct power_spec *spec, bool keep);

#endif
