/* SPDX-License-Identifier: MIT
 * agent.h - the program's subcommands. Each takes its row of the table and the arguments after its
 * name, and returns the exit code: 0 done, 1 failed, 2 usage or configuration. */
#ifndef PENSTOCK_AGENT_H
#define PENSTOCK_AGENT_H

#include "agent/cli/command.h"

/* The table of subcommands: agent_commands.c. */
extern const struct agent_commands agent_commands;

int agent_init(const struct agent_command *self, int argc, char **argv);
int agent_run(const struct agent_command *self, int argc, char **argv);
int agent_check_config(const struct agent_command *self, int argc, char **argv);
int agent_produce(const struct agent_command *self, int argc, char **argv);
int agent_drain(const struct agent_command *self, int argc, char **argv);
int agent_spool(const struct agent_command *self, int argc, char **argv);
int agent_letters(const struct agent_command *self, int argc, char **argv);
int agent_quarantine(const struct agent_command *self, int argc, char **argv);
int agent_status(const struct agent_command *self, int argc, char **argv);

#endif
