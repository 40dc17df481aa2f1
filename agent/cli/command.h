/* SPDX-License-Identifier: MIT
 * command.h - the table of commands and their options: what parses a command line also prints
 * its help, the man page and the completion of shells. */
#ifndef PENSTOCK_AGENT_CLI_COMMAND_H
#define PENSTOCK_AGENT_CLI_COMMAND_H

#include "base/buf.h"

#include <getopt.h>
#include <stddef.h>

/* Exit codes of a command. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Ids of options, for the parsers; larger than every letter. */
enum agent_option_id {
    AGENT_OPTION_ALL = 256,
    AGENT_OPTION_BOOTSTRAP,
    AGENT_OPTION_CONFIG,
    AGENT_OPTION_FROM,
    AGENT_OPTION_JSON,
    AGENT_OPTION_LEVEL,
    AGENT_OPTION_LISTEN,
    AGENT_OPTION_MOCK,
    AGENT_OPTION_NEW_ID,
    AGENT_OPTION_OUTPUT,
    AGENT_OPTION_PENDING,
    AGENT_OPTION_PRINT_EXAMPLE,
    AGENT_OPTION_PRINT_REFERENCE,
    AGENT_OPTION_SINCE,
    AGENT_OPTION_SPOOL,
    AGENT_OPTION_TIMEOUT,
    AGENT_OPTION_TO,
    AGENT_OPTION_TOPIC,
    AGENT_OPTION_UNIX,
    AGENT_OPTION_UNTIL,
    AGENT_OPTION_URL,
    AGENT_OPTION_YES,
};

struct agent_option {
    const char *name;  /* --name; NULL: there is only a letter */
    char letter;       /* -l; 0: there is only a name */
    int id;            /* an agent_option_id, or the letter */
    const char *value; /* word for the value, in capitals: FILE, DIR, LEVEL mean something to
                        * completion. NULL: no value */
    const char *help;
};

struct agent_word {
    const char *name, *help;
};

enum { AGENT_USAGE_MAX = 5, AGENT_WORDS_MAX = 5, AGENT_OPTIONS_MAX = 14 };

/* Texts are one line a paragraph; lists end with a row without a name. */
struct agent_command {
    const char *name;
    /* takes itself and the arguments after the name; returns the exit code */
    int (*run)(const struct agent_command *self, int argc, char **argv);
    const char *summary;                    /* a few words without a full stop */
    const char *usage[AGENT_USAGE_MAX + 1]; /* arguments after the name, in their forms */
    const char *about;
    struct agent_word words[AGENT_WORDS_MAX + 1]; /* words that the first argument can be */
    struct agent_option options[AGENT_OPTIONS_MAX + 1];
    const char *operand; /* FILE or DIR: what other arguments are, for completion. May be NULL */
    const char *notes;   /* text after the options. May be NULL */
    const char *exits;   /* "0 done, 1 failed" */
};

/* Commands, in the order in which help lists them. */
struct agent_commands {
    const struct agent_command *items;
    size_t count;
};

/* NULL: there is no such command. */
const struct agent_command *agent_command_find(const struct agent_commands *commands,
                                               const char *name);

/* ---- answers to a command line --------------------------------------------------------------- */

/* Line on stderr that says what is wrong and where help is; command NULL: no command was named.
 * Returns EXIT_USAGE. */
int agent_usage_error(const struct agent_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Do the arguments ask for help? Then the command's help is printed. */
int agent_wants_help(const struct agent_command *command, int argc, char **argv);

/* ---- taking a command line apart ------------------------------------------------------------- */

enum { AGENT_ARGUMENTS_MAX = 128 };

struct agent_args {
    const struct agent_command *command;
    struct option names[AGENT_OPTIONS_MAX + 1];
    char letters[2 * AGENT_OPTIONS_MAX + 2];
    int argc;
    char *argv[AGENT_ARGUMENTS_MAX + 2];
};

enum { AGENT_ARGS_END = -1, AGENT_ARGS_WRONG = -2 };

/* The arguments of a command. EXIT_DONE, or EXIT_USAGE when there are too many. One thread at a
 * time: this is getopt_long(). */
int agent_args_begin(struct agent_args *args, const struct agent_command *command, int argc,
                     char **argv);

/* Returns the next option's id, with its value in *ret_value; AGENT_ARGS_WRONG after an error line;
 * AGENT_ARGS_END at the end: the other arguments come from agent_args_rest(). */
int agent_args_next(struct agent_args *args, const char **ret_value);
char **agent_args_rest(struct agent_args *args, int *ret_count);

/* ---- what is made from the table ------------------------------------------------------------- */

/* `penstock --help` */
void agent_help_program(const struct agent_commands *commands, struct buf *out);
/* `penstock COMMAND --help` */
void agent_help_command(const struct agent_command *command, struct buf *out);
/* penstock(1) */
void agent_man_program(const struct agent_commands *commands, struct buf *out);
void agent_completion_bash(const struct agent_commands *commands, struct buf *out);
void agent_completion_zsh(const struct agent_commands *commands, struct buf *out);

#endif
