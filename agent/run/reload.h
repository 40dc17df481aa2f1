/* SPDX-License-Identifier: MIT
 * reload.h - the configs of a running agent: the one at the start, and those it adopted later. */
#ifndef PENSTOCK_AGENT_RUN_RELOAD_H
#define PENSTOCK_AGENT_RUN_RELOAD_H

#include "agent/cli/options.h"
#include "agent/run/guard.h"
#include "config/config.h"

/* A config; threads may still look at the ones before, so they live as long. */
struct agent_config {
    struct config config;
    struct agent_config *before;
};

/* Defaults, then the file, then the command line; checked. The caller ends it with
 * agent_config_free().
 * Errors: as config_load() and config_check() */
enum err agent_config_load(const struct agent_run_options *options,
                           struct agent_config **ret_config, struct errmsg *msg);
void agent_config_free(struct agent_config *config); /* and those before it; NULL is fine */

/* Reads the config again and adopts all of it, or on errors nothing; logs which. *config is the new
 * one then. state->ingest is there; the main thread only. */
void agent_reload(const struct agent_run_options *options, struct agent_state *state,
                  struct agent_guard *guard, struct agent_config **config);

#endif
