/* SPDX-License-Identifier: MIT
 * agent_spool.c - `penstock spool verify|ls|peek|export DIR`: looks into a spool without touching it. */
#include "agent/agent.h"
#include "agent/agent_spool.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: penstock spool verify DIR [--json]\n"
    "       penstock spool ls DIR\n"
    "       penstock spool peek DIR [FILTERS] [-n COUNT]\n"
    "       penstock spool export DIR [FILTERS] [--output FILE]\n\n"
    "Look into a spool, also while an agent uses it or when it is damaged. Nothing is changed.\n\n"
    "  verify   reads everything and says what is damaged and which events are missing; what is in quarantine with\n"
    "           its loss report was dealt with, and doesn't count\n"
    "  ls       its segments and cursors\n"
    "  peek     the first events (10, or -n) as JSON Lines\n"
    "  export   all events as JSON Lines; keys and values that are no UTF-8 as base64\n\n"
    "filters:\n"
    "  --topic TOPIC           only of this topic\n"
    "  --from-id ID --to-id ID only between these event ids, both included\n"
    "  --since MS --until MS   only with times between these, in ms since 1970\n"
    "  --pending               only what the cursors say is not yet in Kafka\n\n"
    "exit codes: 0 done (verify: intact), 1 failed (verify: damaged), 2 usage, 3 verify could not read all\n";

enum { OPTION_JSON = 256, OPTION_TOPIC, OPTION_FROM, OPTION_TO, OPTION_SINCE, OPTION_UNTIL, OPTION_PENDING, OPTION_OUTPUT };

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

static bool take_number(int option, const char *text, struct agent_spool_options *options)
{
    uint64_t *places[] = {&options->from_id, &options->to_id, (uint64_t *)&options->since_ms, (uint64_t *)&options->until_ms};
    return parse_u64(text, places[option - OPTION_FROM]);
}

static int parse(int argc, char **argv, struct agent_spool_options *options)
{
    static const struct option names[] = {
        {"json", no_argument, NULL, OPTION_JSON},           {"topic", required_argument, NULL, OPTION_TOPIC},
        {"from-id", required_argument, NULL, OPTION_FROM},  {"to-id", required_argument, NULL, OPTION_TO},
        {"since", required_argument, NULL, OPTION_SINCE},   {"until", required_argument, NULL, OPTION_UNTIL},
        {"pending", no_argument, NULL, OPTION_PENDING},     {"output", required_argument, NULL, OPTION_OUTPUT},
        {NULL, 0, NULL, 0},
    };
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":n:", names, NULL)) != -1;) {
        if (c == OPTION_JSON)
            options->json = true;
        else if (c == OPTION_TOPIC)
            options->topic = optarg;
        else if (c == OPTION_PENDING)
            options->pending = true;
        else if (c == OPTION_OUTPUT)
            options->output = optarg;
        else if (c == 'n' && parse_u64(optarg, &options->count_max))
            continue;
        else if (c >= OPTION_FROM && c <= OPTION_UNTIL && take_number(c, optarg, options))
            continue;
        else if (c == 'n' || (c >= OPTION_FROM && c <= OPTION_UNTIL))
            return agent_usage_error("spool", "no number: '%s'", optarg);
        else
            return agent_usage_error("spool", c == ':' ? "'%s' needs a value" : "unknown option '%s'", argv[optind - 1]);
    }
    if (optind + 1 != argc)
        return agent_usage_error("spool", optind == argc ? "which spool? Give its directory" : "give one directory");
    options->dir = argv[optind];
    return EXIT_DONE;
}

int agent_spool(int argc, char **argv)
{
    if (agent_wants_help(argc, argv, help))
        return EXIT_DONE;
    if (argc == 0)
        return agent_usage_error("spool", "what? verify, ls, peek or export");
    struct agent_spool_options options = {.to_id = UINT64_MAX, .until_ms = INT64_MAX, .count_max = UINT64_MAX};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (commands[i].run == agent_spool_peek)
            options.count_max = 10;
        int code = parse(argc, argv, &options); /* getopt passes over argv[0] */
        return code == EXIT_DONE ? commands[i].run(&options) : code;
    }
    return agent_usage_error("spool", "unknown command '%s'", argv[0]);
}
