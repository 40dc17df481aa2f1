/* SPDX-License-Identifier: MIT
 * sim_life.h - lives through a history: executes its steps, mends everything at the end, and has
 * the oracle judge. Once per process. */
#ifndef PENSTOCK_TESTS_SIM_LIFE_H
#define PENSTOCK_TESTS_SIM_LIFE_H

#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_steps.h"

/* known: as for sim_oracle_begin(). Returns when all is well; a finding ends the process. */
void sim_life_run(const struct sim_history *history, struct sim_verdict *verdict,
                  const char *known);

/* What a sending fiber does: `client`'s send steps, at their times. */
void sim_client_run(const struct sim_history *history, unsigned client);
const char *sim_topic_name(unsigned topic);
/* Events whose value is larger are refused while a topic has its small limit. */
#define SIM_SMALL_LIMIT 6000
#define SIM_POISON_SIZE 9000

#endif
