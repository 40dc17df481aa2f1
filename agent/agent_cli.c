/* SPDX-License-Identifier: MIT
 * agent_cli.c - the program: finds the command, and prints what is made from the tables. */
#include "agent/agent.h"
#include "agent/agent_command.h"

#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int agent_version(int argc, char **argv)
{
    if (agent_wants_help(argc, argv, "version"))
        return EXIT_DONE;
    printf("penstock %s\n", PENSTOCK_VERSION);
    return EXIT_DONE;
}

/* Made whole first: an out of memory is no half a page. */
static int print(void (*render)(struct buf *out))
{
    struct buf out = {0};
    render(&out);
    bool ok = !out.failed && fputs(buf_string(&out), stdout) >= 0 && fflush(stdout) == 0;
    buf_free(&out);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

/* ---- commands that print what is made from the tables ---------------------------------------- */

static void man_settings(struct buf *out)
{
    config_docs_man(PENSTOCK_VERSION, out);
}

struct printed {
    const char *name;
    void (*render)(struct buf *out);
};

static int print_one(const char *command, int argc, char **argv, const struct printed *list)
{
    if (agent_wants_help(argc, argv, command))
        return EXIT_DONE;
    if (argc != 1)
        return agent_usage_error(command, argc == 0 ? "which one?" : "give one");
    for (; list->name != NULL; list++)
        if (strcmp(list->name, argv[0]) == 0)
            return print(list->render);
    return agent_usage_error(command, "unknown: '%s'", argv[0]);
}

int agent_man(int argc, char **argv)
{
    static const struct printed pages[] = {
        {"1", agent_man_program}, {"5", man_settings}, {NULL, NULL}};
    return print_one("man", argc, argv, pages);
}

int agent_completion(int argc, char **argv)
{
    static const struct printed shells[] = {
        {"bash", agent_completion_bash}, {"zsh", agent_completion_zsh}, {NULL, NULL}};
    return print_one("completion", argc, argv, shells);
}

/* ---- the program ----------------------------------------------------------------------------- */

int agent_usage_error(const char *command, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "penstock%s%s: %s (see `penstock %s%s--help`)\n", command[0] ? " " : "",
            command, text, command, command[0] ? " " : "");
    return EXIT_USAGE;
}

int agent_wants_help(int argc, char **argv, const char *command)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0)
            continue;
        struct buf out = {0};
        agent_help_command(agent_command_find(command), &out);
        fputs(buf_string(&out), stdout);
        buf_free(&out);
        return 1;
    }
    return 0;
}

int agent_main(int argc, char **argv)
{
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return print(agent_help_program);
    if (strcmp(name, "--version") == 0)
        return agent_version(0, NULL);
    const struct agent_command *command = agent_command_find(name);
    if (command != NULL)
        return command->run(argc - 2, argv + 2);
    return name[0] == '\0' ? agent_usage_error("", "no command given")
                           : agent_usage_error("", "unknown command '%s'", name);
}
