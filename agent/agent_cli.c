/* SPDX-License-Identifier: MIT
 * agent_cli.c - the table of subcommands, and help made from it. */
#include "agent/agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int print_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("penstock %s\n", PENSTOCK_VERSION);
    return EXIT_DONE;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"init", agent_init, "make a spool"},
    {"run", agent_run, "run the agent in the foreground"},
    {"check-config", agent_check_config, "check a configuration file without starting anything"},
    {"produce", agent_produce, "send lines from stdin or a file to the agent, until it has accepted every one"},
    {"drain", agent_drain, "forward a spool taken from a dead host to Kafka"},
    {"status", agent_status, "show what a running agent is doing"},
    {"version", print_version, "print the version"},
};

static void print_help(void)
{
    printf("penstock - durable spool on each host, bridged to Kafka\n\nusage: penstock COMMAND "
           "[OPTIONS]\n\ncommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf("  %-14s %s\n", commands[i].name, commands[i].summary);
    printf("\n`penstock COMMAND --help` shows a command's options.\nTry it: penstock run --mock-kafka\n"
           "exit codes: 0 done, 1 failed, 2 usage or configuration\n");
}

int agent_usage_error(const char *command, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "penstock%s%s: %s (see `penstock %s%s--help`)\n", command[0] ? " " : "", command, text,
            command, command[0] ? " " : "");
    return EXIT_USAGE;
}

int agent_wants_help(int argc, char **argv, const char *help)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return 1;
        }
    return 0;
}

int agent_main(int argc, char **argv)
{
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0)
        return print_version(0, NULL);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    return name[0] == '\0' ? agent_usage_error("", "no command given")
                           : agent_usage_error("", "unknown command '%s'", name);
}
