/* SPDX-License-Identifier: MIT
 * options.c - command lines. */
#include "agent/cli/options.h"

#include "agent/cli/command.h"
#include "config/config_value.h"

#include <stdlib.h>

/* End of the line, for commands without operands: complains about further arguments. */
static int end_of_line(struct agent_args *args, int last)
{
    int count = 0;
    char **rest = agent_args_rest(args, &count);
    if (last == AGENT_ARGS_WRONG)
        return EXIT_USAGE;
    return count == 0 ? EXIT_DONE
                      : agent_usage_error(args->command, "unexpected argument '%s'", rest[0]);
}

int agent_run_options_parse(const struct agent_command *self, int argc, char **argv,
                            struct agent_run_options *ret_options)
{
    struct agent_run_options options = {0};
    struct agent_args args;
    const char *value;
    int id, code = agent_args_begin(&args, self, argc, argv);
    if (code != EXIT_DONE)
        return code;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        if (id == AGENT_OPTION_CONFIG)
            options.config = value;
        else if (id == AGENT_OPTION_SPOOL)
            options.spool = value;
        else if (id == AGENT_OPTION_LEVEL)
            options.log_level = value;
        else if (id == AGENT_OPTION_MOCK)
            options.mock_kafka = true;
        else if (options.listen_count == AGENT_LISTEN_MAX)
            return agent_usage_error(self, "too many --listen");
        else
            options.listen[options.listen_count++] = value;
    }
    code = end_of_line(&args, id);
    if (code == EXIT_DONE && options.config == NULL && !options.mock_kafka)
        return agent_usage_error(self, "give --config FILE, or --mock-kafka for a first try");
    *ret_options = options;
    return code;
}

int agent_init_options_parse(const struct agent_command *self, int argc, char **argv,
                             struct agent_init_options *ret_options)
{
    struct agent_init_options options = {0};
    struct agent_args args;
    const char *value;
    int id, code = agent_args_begin(&args, self, argc, argv);
    if (code != EXIT_DONE)
        return code;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        if (id == AGENT_OPTION_NEW_ID)
            options.new_id = true;
        else
            *(id == AGENT_OPTION_CONFIG ? &options.config : &options.spool) = value;
    }
    code = end_of_line(&args, id);
    if (code == EXIT_DONE && options.config == NULL && options.spool == NULL)
        return agent_usage_error(self, "give --spool DIR or --config FILE");
    *ret_options = options;
    return code;
}

int agent_status_options_parse(const struct agent_command *self, int argc, char **argv,
                               struct agent_status_options *ret_options)
{
    struct agent_status_options options = {0};
    struct agent_args args;
    const char *value;
    int id, code = agent_args_begin(&args, self, argc, argv);
    if (code != EXIT_DONE)
        return code;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        if (id == AGENT_OPTION_JSON)
            options.json = true;
        else
            *(id == AGENT_OPTION_URL ? &options.url : &options.socket) = value;
    }
    code = end_of_line(&args, id);
    *ret_options = options;
    return code;
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

/* Timeout as a duration, or as plain seconds. */
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

int agent_drain_options_parse(const struct agent_command *self, int argc, char **argv,
                              struct agent_drain_options *ret_options)
{
    struct agent_drain_options options = {0};
    struct agent_args args;
    const char *value;
    int id, code = agent_args_begin(&args, self, argc, argv);
    if (code != EXIT_DONE)
        return code;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        if (id == AGENT_OPTION_CONFIG)
            options.config = value;
        else if (id == AGENT_OPTION_SPOOL)
            options.spool = value;
        else if (id == AGENT_OPTION_BOOTSTRAP)
            options.bootstrap = value;
        else if (id == AGENT_OPTION_LEVEL)
            options.log_level = value;
        else if (!parse_timeout(value, &options.timeout_ms))
            return agent_usage_error(self, "--timeout is no time like 30s or 5m: '%s'", value);
    }
    code = end_of_line(&args, id);
    if (code == EXIT_DONE && options.spool == NULL)
        return agent_usage_error(self, "which spool? Give --spool DIR");
    if (code == EXIT_DONE && options.config == NULL && options.bootstrap == NULL)
        return agent_usage_error(self, "where to? Give --bootstrap HOST:PORT, or --config FILE");
    *ret_options = options;
    return code;
}

static int take_produce_option(const struct agent_command *self,
                               struct agent_produce_options *options, int id, const char *value)
{
    int64_t number = 0;
    switch (id) {
    case 't': options->topic = value; break;
    case 'k': options->key = value; break;
    case 'K': options->key_delimiter = value; break;
    case 'l': options->files_are_lines = true; break;
    case 'Z': options->empty_is_null = true; break;
    case 'q': options->quiet = true; break;
    case AGENT_OPTION_URL: options->url = value; break;
    case AGENT_OPTION_UNIX: options->socket = value; break;
    case 'H':
        if (options->header_count == AGENT_HEADERS_MAX)
            return agent_usage_error(self, "more than %d -H", AGENT_HEADERS_MAX);
        options->headers[options->header_count++] = value;
        break;
    case 'p':
        if (!parse_number(value, INT32_MAX, &number))
            return agent_usage_error(self, "-p is no partition: '%s'", value);
        options->partition = (int32_t)number;
        break;
    case 'c':
        if (!parse_number(value, INT64_MAX, &options->count_max))
            return agent_usage_error(self, "-c is no number: '%s'", value);
        break;
    default: /* --timeout */
        if (!parse_timeout(value, &options->timeout_ms))
            return agent_usage_error(self, "--timeout is no time like 30s or 5m: '%s'", value);
        break;
    }
    return EXIT_DONE;
}

static int take_files(struct agent_args *args, struct agent_produce_options *options)
{
    int count = 0;
    char **files = agent_args_rest(args, &count);
    if (count > AGENT_FILES_MAX)
        return agent_usage_error(args->command, "more than %d files", AGENT_FILES_MAX);
    for (int i = 0; i < count; i++)
        options->files[options->file_count++] = files[i];
    return EXIT_DONE;
}

static int check_produce(const struct agent_command *self,
                         const struct agent_produce_options *options)
{
    if (options->topic == NULL)
        return agent_usage_error(self, "no topic: give -t TOPIC");
    for (size_t i = 0; i < options->header_count; i++)
        if (options->headers[i][0] == '\0' || options->headers[i][0] == '=')
            return agent_usage_error(self, "-H is NAME=VALUE, not '%s'", options->headers[i]);
    if (options->files_are_lines && options->file_count == 0)
        return agent_usage_error(self, "-l needs a FILE");
    return EXIT_DONE;
}

int agent_produce_options_parse(const struct agent_command *self, int argc, char **argv,
                                struct agent_produce_options *ret_options)
{
    struct agent_produce_options options = {.partition = -1};
    struct agent_args args;
    const char *value;
    int id, code = agent_args_begin(&args, self, argc, argv);
    if (code != EXIT_DONE)
        return code;
    while ((id = agent_args_next(&args, &value)) >= 0) {
        code = take_produce_option(self, &options, id, value);
        if (code != EXIT_DONE)
            return code;
    }
    if (id == AGENT_ARGS_WRONG)
        return EXIT_USAGE;
    code = take_files(&args, &options);
    if (code == EXIT_DONE)
        code = check_produce(self, &options);
    *ret_options = options;
    return code;
}
