/* SPDX-License-Identifier: MIT
 * cli.c - the program: finds the command, and prints what is made from the tables. */
#include "agent/cli/cli.h"

#include "config/config.h"

#include <stdio.h>
#include <string.h>

static int print_version(void)
{
    printf("penstock %s\n", PENSTOCK_VERSION);
    return EXIT_DONE;
}

int agent_version(const struct agent_command *self, int argc, char **argv)
{
    return agent_wants_help(self, argc, argv) ? EXIT_DONE : print_version();
}

typedef void render_fn(const struct agent_commands *commands, struct buf *out);

/* The page is made whole before it is printed: without memory there is no half a page. */
static int print(const struct agent_commands *commands, render_fn *render)
{
    struct buf out = {0};
    render(commands, &out);
    bool ok = !out.failed && fputs(buf_string(&out), stdout) >= 0 && fflush(stdout) == 0;
    buf_free(&out);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

/* ---- commands that print what is made from the tables ---------------------------------------- */

static void man_settings(const struct agent_commands *commands, struct buf *out)
{
    (void)commands;
    config_docs_man(PENSTOCK_VERSION, out);
}

struct printed {
    const char *name;
    render_fn *render;
};

static int print_one(const struct agent_commands *commands, const struct agent_command *self,
                     int argc, char **argv, const struct printed *list)
{
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    if (argc != 1)
        return agent_usage_error(self, argc == 0 ? "which one?" : "give one");
    for (; list->name != NULL; list++)
        if (strcmp(list->name, argv[0]) == 0)
            return print(commands, list->render);
    return agent_usage_error(self, "unknown: '%s'", argv[0]);
}

int agent_print_man(const struct agent_commands *commands, const struct agent_command *self,
                    int argc, char **argv)
{
    static const struct printed pages[] = {
        {"1", agent_man_program}, {"5", man_settings}, {NULL, NULL}};
    return print_one(commands, self, argc, argv, pages);
}

int agent_print_completion(const struct agent_commands *commands, const struct agent_command *self,
                           int argc, char **argv)
{
    static const struct printed shells[] = {
        {"bash", agent_completion_bash}, {"zsh", agent_completion_zsh}, {NULL, NULL}};
    return print_one(commands, self, argc, argv, shells);
}

/* ---- the program ----------------------------------------------------------------------------- */

int agent_main(const struct agent_commands *commands, int argc, char **argv)
{
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return print(commands, agent_help_program);
    if (strcmp(name, "--version") == 0)
        return print_version();
    const struct agent_command *command = agent_command_find(commands, name);
    if (command != NULL)
        return command->run(command, argc - 2, argv + 2);
    return name[0] == '\0' ? agent_usage_error(NULL, "no command given")
                           : agent_usage_error(NULL, "unknown command '%s'", name);
}
