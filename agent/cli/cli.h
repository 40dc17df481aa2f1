/* SPDX-License-Identifier: MIT
 * cli.h - the program: finds the command in the table and runs it; the commands that print what is
 * made from the table. Each returns the exit code. */
#ifndef PENSTOCK_AGENT_CLI_CLI_H
#define PENSTOCK_AGENT_CLI_CLI_H

#include "agent/cli/command.h"

/* The whole program: finds the command and runs it. */
int agent_main(const struct agent_commands *commands, int argc, char **argv);

int agent_version(const struct agent_command *self, int argc, char **argv);
int agent_print_man(const struct agent_commands *commands, const struct agent_command *self,
                    int argc, char **argv);
int agent_print_completion(const struct agent_commands *commands, const struct agent_command *self,
                           int argc, char **argv);

#endif
