/* SPDX-License-Identifier: MIT
 * sim_agent.h - the program under test as agent/ runs it: a spool and a bridge, started, stopped in
 * order, killed. One fiber starts, stops and kills; others call in between. */
#ifndef PENSTOCK_TESTS_SIM_AGENT_H
#define PENSTOCK_TESTS_SIM_AGENT_H

#include "spool/spool.h"
#include "tests/sim/sim_steps.h"

#define SIM_SPOOL_PATH "/sim/spool" /* as the program sees it */
#define SIM_SPOOL_DIR  "spool"      /* below SIM_DISK_ROOT */

void sim_agent_begin(const struct sim_world *world);

/* Tries for ever, as the agent's guard does; false: killed meanwhile. */
bool sim_agent_start(void);
void sim_agent_stop(void); /* SIGTERM: judges how long it takes */
void sim_agent_kill(bool power_cut);
void sim_agent_reload(void);
void sim_agent_set_limits(uint64_t size_bytes_max);

/* Calls fn with the open spool, as a fiber of the program. False: none runs, or it was killed. */
bool sim_agent_call(void (*fn)(struct spool *spool, void *arg), void *arg);
bool sim_agent_runs(void);

/* `penstock drain`: a spool that takes nothing, and a bridge, until all is done or max_ms. */
void sim_agent_drain(const char *path, int64_t max_ms);
/* `penstock init --new-id` */
bool sim_agent_renew(void);

#endif
