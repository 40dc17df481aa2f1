/* SPDX-License-Identifier: MIT
 * sim_runs.h - histories in forked children: one each, so that a crash, a hang or the memory of
 * killed programs stays with it. */
#ifndef PENSTOCK_TESTS_SIM_RUNS_H
#define PENSTOCK_TESTS_SIM_RUNS_H

#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_steps.h"

/* Lives through a history in a child. ret->kind is "" when it was green; "program_crashes" and
 * "history_hangs" are kinds, too. known: kinds, one a line. show: the child's history is printed.
 * */
void sim_run(const struct sim_history *history, const char *known, bool show,
             struct sim_verdict *ret);

/* Leaves out steps as long as the same kind is found; at most seconds. Returns the runs it took. */
unsigned sim_shrink(struct sim_history *history, const char *known, const char *kind,
                    double seconds);

double sim_seconds(void); /* of the real clock */

/* How often each pair of faults met, over the histories that were counted. */
void sim_pairs_count(const struct sim_history *history);
void sim_pairs_print(bool all); /* else only pairs that never met */

#endif
