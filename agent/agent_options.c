/* SPDX-License-Identifier: MIT
 * agent_options.c - command lines. */
#include "agent/agent_options.h"

#include "agent/agent.h"
#include "config/config_value.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_CONFIG = 256,
    OPTION_SPOOL,
    OPTION_LISTEN,
    OPTION_MOCK,
    OPTION_LEVEL,
    OPTION_URL,
    OPTION_UNIX,
    OPTION_JSON,
    OPTION_TIMEOUT,
    OPTION_BOOTSTRAP
};

/* getopt wants the program's name in front. */
struct shifted {
    int argc;
    char *argv[130];
};

static bool shift(const char *command, int argc, char **argv, struct shifted *ret)
{
    if (argc > 128)
        return false;
    ret->argc = argc + 1;
    ret->argv[0] = (char *)command;
    memcpy(ret->argv + 1, argv, (size_t)argc * sizeof *argv);
    ret->argv[argc + 1] = NULL;
    optind = 0; /* start anew */
    opterr = 0;
    return true;
}

static int wrong_option(const char *command, const struct shifted *args, int c)
{
    const char *text = args->argv[optind > 0 ? optind - 1 : 0];
    return c == ':' ? agent_usage_error(command, "'%s' needs a value", text)
                    : agent_usage_error(command, "unknown option '%s'", text);
}

int agent_run_options_parse(int argc, char **argv, struct agent_run_options *ret_options)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},   {"spool", required_argument, NULL, OPTION_SPOOL},
        {"listen", required_argument, NULL, OPTION_LISTEN},   {"mock-kafka", no_argument, NULL, OPTION_MOCK},
        {"log-level", required_argument, NULL, OPTION_LEVEL}, {NULL, 0, NULL, 0},
    };
    struct agent_run_options options = {0};
    struct shifted args;
    if (!shift("run", argc, argv, &args))
        return agent_usage_error("run", "too many arguments");
    for (int c; (c = getopt_long(args.argc, args.argv, ":", names, NULL)) != -1;) {
        switch (c) {
        case OPTION_CONFIG:
            options.config = optarg;
            break;
        case OPTION_SPOOL:
            options.spool = optarg;
            break;
        case OPTION_LEVEL:
            options.log_level = optarg;
            break;
        case OPTION_MOCK:
            options.mock_kafka = true;
            break;
        case OPTION_LISTEN:
            if (options.listen_count == AGENT_LISTEN_MAX)
                return agent_usage_error("run", "too many --listen");
            options.listen[options.listen_count++] = optarg;
            break;
        default:
            return wrong_option("run", &args, c);
        }
    }
    if (optind < args.argc)
        return agent_usage_error("run", "unexpected argument '%s'", args.argv[optind]);
    if (options.config == NULL && !options.mock_kafka)
        return agent_usage_error("run", "give --config FILE, or --mock-kafka for a first try");
    *ret_options = options;
    return EXIT_DONE;
}

int agent_init_options_parse(int argc, char **argv, struct agent_init_options *ret_options)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"spool", required_argument, NULL, OPTION_SPOOL},
        {NULL, 0, NULL, 0},
    };
    struct agent_init_options options = {0};
    struct shifted args;
    if (!shift("init", argc, argv, &args))
        return agent_usage_error("init", "too many arguments");
    for (int c; (c = getopt_long(args.argc, args.argv, ":", names, NULL)) != -1;) {
        if (c == OPTION_CONFIG)
            options.config = optarg;
        else if (c == OPTION_SPOOL)
            options.spool = optarg;
        else
            return wrong_option("init", &args, c);
    }
    if (optind < args.argc)
        return agent_usage_error("init", "unexpected argument '%s'", args.argv[optind]);
    if (options.config == NULL && options.spool == NULL)
        return agent_usage_error("init", "give --spool DIR or --config FILE");
    *ret_options = options;
    return EXIT_DONE;
}

int agent_status_options_parse(int argc, char **argv, struct agent_status_options *ret_options)
{
    static const struct option names[] = {
        {"url", required_argument, NULL, OPTION_URL},
        {"unix", required_argument, NULL, OPTION_UNIX},
        {"json", no_argument, NULL, OPTION_JSON},
        {NULL, 0, NULL, 0},
    };
    struct agent_status_options options = {0};
    struct shifted args;
    if (!shift("status", argc, argv, &args))
        return agent_usage_error("status", "too many arguments");
    for (int c; (c = getopt_long(args.argc, args.argv, ":", names, NULL)) != -1;) {
        switch (c) {
        case OPTION_URL:
            options.url = optarg;
            break;
        case OPTION_UNIX:
            options.socket = optarg;
            break;
        case OPTION_JSON:
            options.json = true;
            break;
        default:
            return wrong_option("status", &args, c);
        }
    }
    if (optind < args.argc)
        return agent_usage_error("status", "unexpected argument '%s'", args.argv[optind]);
    *ret_options = options;
    return EXIT_DONE;
}

static bool parse_number(const char *text, int64_t max, int64_t *ret_number)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || number < 0 || number > max)
        return false;
    *ret_number = number;
    return true;
}

/* Plain seconds too. */
static bool parse_timeout(const char *text, int64_t *ret_ms)
{
    uint64_t ms = 0;
    int64_t seconds;
    if (parse_number(text, INT32_MAX, &seconds))
        ms = (uint64_t)seconds * 1000;
    else if (!config_value_duration(text, &ms) || ms > INT32_MAX * 1000ull)
        return false;
    *ret_ms = (int64_t)ms;
    return true;
}

int agent_drain_options_parse(int argc, char **argv, struct agent_drain_options *ret_options)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},       {"spool", required_argument, NULL, OPTION_SPOOL},
        {"bootstrap", required_argument, NULL, OPTION_BOOTSTRAP}, {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"log-level", required_argument, NULL, OPTION_LEVEL},     {NULL, 0, NULL, 0},
    };
    struct agent_drain_options options = {0};
    struct shifted args;
    if (!shift("drain", argc, argv, &args))
        return agent_usage_error("drain", "too many arguments");
    for (int c; (c = getopt_long(args.argc, args.argv, ":", names, NULL)) != -1;) {
        switch (c) {
        case OPTION_CONFIG:
            options.config = optarg;
            break;
        case OPTION_SPOOL:
            options.spool = optarg;
            break;
        case OPTION_BOOTSTRAP:
            options.bootstrap = optarg;
            break;
        case OPTION_LEVEL:
            options.log_level = optarg;
            break;
        case OPTION_TIMEOUT:
            if (!parse_timeout(optarg, &options.timeout_ms))
                return agent_usage_error("drain", "--timeout is no time like 30s or 5m: '%s'", optarg);
            break;
        default:
            return wrong_option("drain", &args, c);
        }
    }
    if (optind < args.argc)
        return agent_usage_error("drain", "unexpected argument '%s'", args.argv[optind]);
    if (options.spool == NULL)
        return agent_usage_error("drain", "which spool? Give --spool DIR");
    if (options.config == NULL && options.bootstrap == NULL)
        return agent_usage_error("drain", "where to? Give --bootstrap HOST:PORT, or --config FILE");
    *ret_options = options;
    return EXIT_DONE;
}

static int take_produce_option(struct agent_produce_options *options, int c)
{
    int64_t number = 0;
    switch (c) {
    case 't':
        options->topic = optarg;
        break;
    case 'k':
        options->key = optarg;
        break;
    case 'K':
        options->key_delimiter = optarg;
        break;
    case 'l':
        options->files_are_lines = true;
        break;
    case 'Z':
        options->empty_is_null = true;
        break;
    case 'q':
        options->quiet = true;
        break;
    case OPTION_URL:
        options->url = optarg;
        break;
    case OPTION_UNIX:
        options->socket = optarg;
        break;
    case 'H':
        if (options->header_count == AGENT_HEADERS_MAX)
            return agent_usage_error("produce", "more than %d -H", AGENT_HEADERS_MAX);
        options->headers[options->header_count++] = optarg;
        break;
    case 'p':
        if (!parse_number(optarg, INT32_MAX, &number))
            return agent_usage_error("produce", "-p is no partition: '%s'", optarg);
        options->partition = (int32_t)number;
        break;
    case 'c':
        if (!parse_number(optarg, INT64_MAX, &options->count_max))
            return agent_usage_error("produce", "-c is no number: '%s'", optarg);
        break;
    case OPTION_TIMEOUT:
        if (!parse_timeout(optarg, &options->timeout_ms))
            return agent_usage_error("produce", "--timeout is no time like 30s or 5m: '%s'", optarg);
        break;
    default:
        return -1;
    }
    return EXIT_DONE;
}

int agent_produce_options_parse(int argc, char **argv, struct agent_produce_options *ret_options)
{
    static const struct option names[] = {
        {"url", required_argument, NULL, OPTION_URL},
        {"unix", required_argument, NULL, OPTION_UNIX},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"topic", required_argument, NULL, 't'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    struct agent_produce_options options = {.partition = -1};
    struct shifted args;
    if (!shift("produce", argc, argv, &args))
        return agent_usage_error("produce", "too many arguments");
    for (int c; (c = getopt_long(args.argc, args.argv, ":t:k:K:H:p:c:lZq", names, NULL)) != -1;) {
        int code = take_produce_option(&options, c);
        if (code == -1)
            return wrong_option("produce", &args, c);
        if (code != EXIT_DONE)
            return code;
    }
    for (int i = optind; i < args.argc; i++) {
        if (options.file_count == AGENT_FILES_MAX)
            return agent_usage_error("produce", "more than %d files", AGENT_FILES_MAX);
        options.files[options.file_count++] = args.argv[i];
    }
    if (options.topic == NULL)
        return agent_usage_error("produce", "no topic: give -t TOPIC");
    for (size_t i = 0; i < options.header_count; i++)
        if (options.headers[i][0] == '\0' || options.headers[i][0] == '=')
            return agent_usage_error("produce", "-H is NAME=VALUE, not '%s'", options.headers[i]);
    if (options.files_are_lines && options.file_count == 0)
        return agent_usage_error("produce", "-l needs a FILE");
    *ret_options = options;
    return EXIT_DONE;
}
