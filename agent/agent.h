/* SPDX-License-Identifier: MIT
 * agent.h - the program's subcommands. Each takes the arguments behind its name and returns the
 * exit code: 0 done, 1 failed, 2 usage or configuration. */
#ifndef PENSTOCK_AGENT_H
#define PENSTOCK_AGENT_H

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int agent_main(int argc, char **argv);

int agent_init(int argc, char **argv);
int agent_run(int argc, char **argv);
int agent_check_config(int argc, char **argv);
int agent_produce(int argc, char **argv);
int agent_drain(int argc, char **argv);
int agent_spool(int argc, char **argv);
int agent_letters(int argc, char **argv);
int agent_quarantine(int argc, char **argv);
int agent_status(int argc, char **argv);
int agent_man(int argc, char **argv);
int agent_completion(int argc, char **argv);
int agent_version(int argc, char **argv);

/* One line on stderr that says what is wrong and where help is; returns EXIT_USAGE. */
int agent_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* True (and the help of that command is printed) when the arguments ask for it. */
int agent_wants_help(int argc, char **argv, const char *command);

#endif
