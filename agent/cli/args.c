/* SPDX-License-Identifier: MIT
 * args.c - a command line taken apart by the table of its options. */
#include "agent/cli/command.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct agent_command *agent_command_find(const struct agent_commands *commands,
                                               const char *name)
{
    for (size_t i = 0; i < commands->count; i++)
        if (strcmp(commands->items[i].name, name) == 0)
            return &commands->items[i];
    return NULL;
}

int agent_usage_error(const struct agent_command *command, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *name = command == NULL ? "" : command->name;
    fprintf(stderr, "penstock%s%s: %s (see `penstock %s%s--help`)\n", name[0] ? " " : "", name,
            text, name, name[0] ? " " : "");
    return EXIT_USAGE;
}

int agent_wants_help(const struct agent_command *command, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0)
            continue;
        struct buf out = {0};
        agent_help_command(command, &out);
        fputs(buf_string(&out), stdout);
        buf_free(&out);
        return 1;
    }
    return 0;
}

static void list_options(struct agent_args *args)
{
    size_t names = 0;
    char *letters = args->letters;
    *letters++ = ':'; /* a missing value is told apart from an unknown option */
    for (const struct agent_option *option = args->command->options; option->help != NULL;
         option++) {
        int has = option->value != NULL ? required_argument : no_argument;
        if (option->name != NULL)
            args->names[names++] = (struct option){option->name, has, NULL, option->id};
        if (option->letter == '\0')
            continue;
        assert(option->id == option->letter);
        *letters++ = option->letter;
        if (option->value != NULL)
            *letters++ = ':';
    }
    *letters = '\0';
    args->names[names] = (struct option){0};
}

int agent_args_begin(struct agent_args *args, const struct agent_command *command, int argc,
                     char **argv)
{
    if (argc > AGENT_ARGUMENTS_MAX)
        return agent_usage_error(command, "too many arguments");
    args->command = command;
    list_options(args);
    args->argc = argc + 1;
    args->argv[0] = (char *)args->command->name; /* getopt wants the program's name in front */
    memcpy(args->argv + 1, argv, (size_t)argc * sizeof *argv);
    args->argv[argc + 1] = NULL;
    optind = 0; /* start anew */
    opterr = 0;
    return EXIT_DONE;
}

int agent_args_next(struct agent_args *args, const char **ret_value)
{
    int id = getopt_long(args->argc, args->argv, args->letters, args->names, NULL);
    if (id == -1)
        return AGENT_ARGS_END;
    if (id != ':' && id != '?') {
        *ret_value = optarg;
        return id;
    }
    const char *text = args->argv[optind > 0 ? optind - 1 : 0];
    (void)agent_usage_error(args->command, id == ':' ? "'%s' needs a value" : "unknown option '%s'",
                            text);
    return AGENT_ARGS_WRONG;
}

char **agent_args_rest(struct agent_args *args, int *ret_count)
{
    *ret_count = args->argc - optind;
    return args->argv + optind;
}
