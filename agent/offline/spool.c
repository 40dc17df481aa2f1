/* SPDX-License-Identifier: MIT
 * spool.c - `penstock spool verify|ls|peek|export DIR`: looks into a spool without touching
 * it. */
#include "agent/offline/spool.h"

#include "agent/agent.h"
#include "agent/cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(const struct agent_spool_options *options);
} commands[] = {
    {"verify", agent_spool_verify},
    {"ls", agent_spool_ls},
    {"peek", agent_spool_peek},
    {"export", agent_spool_export},
};

static bool parse_u64(const char *text, uint64_t *ret)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-')
        return false;
    *ret = number;
    return true;
}

static int take_option(const struct agent_command *self, struct agent_spool_options *options,
                       int id, const char *value)
{
    uint64_t *number = NULL;
    switch (id) {
    case AGENT_OPTION_JSON: options->json = true; break;
    case AGENT_OPTION_PENDING: options->pending = true; break;
    case AGENT_OPTION_TOPIC: options->topic = value; break;
    case AGENT_OPTION_OUTPUT: options->output = value; break;
    case AGENT_OPTION_FROM: number = &options->from_id; break;
    case AGENT_OPTION_TO: number = &options->to_id; break;
    case AGENT_OPTION_SINCE: number = (uint64_t *)&options->since_ms; break;
    case AGENT_OPTION_UNTIL: number = (uint64_t *)&options->until_ms; break;
    default: /* -n */ number = &options->count_max; break;
    }
    return number == NULL || parse_u64(value, number)
               ? EXIT_DONE
               : agent_usage_error(self, "no number: '%s'", value);
}

/* Parses the arguments after `verify`, `ls`, … */
static int parse(const struct agent_command *self, int argc, char **argv,
                 struct agent_spool_options *options)
{
    struct agent_args args;
    const char *value;
    int id, count = 0, code = agent_args_begin(&args, self, argc, argv);
    if (code != EXIT_DONE)
        return code;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        code = take_option(self, options, id, value);
        if (code != EXIT_DONE)
            return code;
    }
    if (id == AGENT_ARGS_WRONG)
        return EXIT_USAGE;
    char **rest = agent_args_rest(&args, &count);
    if (count != 1)
        return agent_usage_error(self, count == 0 ? "which spool? Give its directory"
                                                  : "give one directory");
    options->dir = rest[0];
    return EXIT_DONE;
}

int agent_spool(const struct agent_command *self, int argc, char **argv)
{
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    if (argc == 0)
        return agent_usage_error(self, "what? verify, ls, peek or export");
    struct agent_spool_options options = {
        .to_id = UINT64_MAX, .until_ms = INT64_MAX, .count_max = UINT64_MAX};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (commands[i].run == agent_spool_peek)
            options.count_max = 10;
        int code = parse(self, argc - 1, argv + 1, &options);
        return code == EXIT_DONE ? commands[i].run(&options) : code;
    }
    return agent_usage_error(self, "unknown command '%s'", argv[0]);
}
