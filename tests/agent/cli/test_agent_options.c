/* SPDX-License-Identifier: MIT
 * test_agent_options.c - command lines. */
#include "agent/agent.h"
#include "agent/cli/cli.h"
#include "agent/cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* A command line, its words separated by '|'. Strings of options live until the next call. */
static struct {
    char text[256];
    char *argv[32];
    int argc;
} line;

static void type(const char *words)
{
    assert_true(strlen(words) < sizeof line.text);
    char *rest = strcpy(line.text, words);
    line.argc = 0;
    while (rest != NULL && words[0] != '\0')
        line.argv[line.argc++] = strsep(&rest, "|");
    line.argv[line.argc] = NULL;
}

static const struct agent_command *command(const char *name)
{
    return agent_command_find(&agent_commands, name);
}

static void test_run_takes_its_options(void **state)
{
    (void)state;
    struct agent_run_options options;
    type("--config|c.yaml|--spool=/s|--listen|127.0.0.1:1|--listen|unix:/"
         "u|--log-level|debug|--mock-kafka");
    assert_int_equal(agent_run_options_parse(command("run"), line.argc, line.argv, &options),
                     EXIT_DONE);
    assert_string_equal(options.config, "c.yaml");
    assert_string_equal(options.spool, "/s");
    assert_int_equal(options.listen_count, 2);
    assert_string_equal(options.listen[1], "unix:/u");
    assert_string_equal(options.log_level, "debug");
    assert_true(options.mock_kafka);
}

static void test_run_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "--mock-kafka|--what", "--mock-kafka|word", "--config"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct agent_run_options options;
        type(bad[i]);
        if (agent_run_options_parse(command("run"), line.argc, line.argv, &options) != EXIT_USAGE)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_init_takes_a_directory_or_a_file(void **state)
{
    (void)state;
    struct agent_init_options options;
    type("--spool|/s");
    assert_int_equal(agent_init_options_parse(command("init"), line.argc, line.argv, &options),
                     EXIT_DONE);
    assert_string_equal(options.spool, "/s");
    assert_null(options.config);
    assert_false(options.new_id);
    type("--new-id|--spool|/s");
    assert_int_equal(agent_init_options_parse(command("init"), line.argc, line.argv, &options),
                     EXIT_DONE);
    assert_true(options.new_id);
    type("--config=c.yaml");
    assert_int_equal(agent_init_options_parse(command("init"), line.argc, line.argv, &options),
                     EXIT_DONE);
    assert_string_equal(options.config, "c.yaml");
    assert_null(options.spool);
    static const char *const bad[] = {"", "--spool", "--spool|/s|word", "--spool|/s|--force",
                                      "--new-id"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        type(bad[i]);
        if (agent_init_options_parse(command("init"), line.argc, line.argv, &options) != EXIT_USAGE)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_produce_takes_kcats_options(void **state)
{
    (void)state;
    struct agent_produce_options options;
    type("-t|topic|-K:|-k|key|-H|a=b|-Ha=c|-p|3|-lZ|-c|7|--timeout|5m|--unix|/u|f1|f2");
    assert_int_equal(
        agent_produce_options_parse(command("produce"), line.argc, line.argv, &options), EXIT_DONE);
    assert_string_equal(options.topic, "topic");
    assert_string_equal(options.key_delimiter, ":");
    assert_string_equal(options.key, "key");
    assert_int_equal(options.header_count, 2);
    assert_string_equal(options.headers[1], "a=c");
    assert_int_equal(options.partition, 3);
    assert_true(options.files_are_lines);
    assert_true(options.empty_is_null);
    assert_int_equal(options.count_max, 7);
    assert_int_equal(options.timeout_ms, 300000);
    assert_string_equal(options.socket, "/u");
    assert_int_equal(options.file_count, 2);
    assert_string_equal(options.files[1], "f2");
}

static void test_produce_has_quiet_defaults(void **state)
{
    (void)state;
    struct agent_produce_options options;
    type("-t|topic|--timeout|30");
    assert_int_equal(
        agent_produce_options_parse(command("produce"), line.argc, line.argv, &options), EXIT_DONE);
    assert_int_equal(options.partition, -1);
    assert_int_equal(options.timeout_ms, 30000); /* plain seconds */
    assert_null(options.key);
    assert_null(options.url);
    assert_false(options.quiet);
}

static void test_produce_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-p|1",
        "-t",
        "-t|x|-p|-1",
        "-t|x|-p|2147483648",
        "-t|x|-c|many",
        "-t|x|--timeout|soon",
        "-t|x|-H|=v",
        "-t|x|-H|",
        "-t|x|-l",
        "-t|x|-Q",
        "-t|x|--urls|y",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct agent_produce_options options;
        type(bad[i]);
        if (agent_produce_options_parse(command("produce"), line.argc, line.argv, &options) !=
            EXIT_USAGE)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_status_takes_its_options(void **state)
{
    (void)state;
    struct agent_status_options options;
    type("--json|--url|http://x:1");
    assert_int_equal(agent_status_options_parse(command("status"), line.argc, line.argv, &options),
                     EXIT_DONE);
    assert_true(options.json);
    assert_string_equal(options.url, "http://x:1");
    type("word");
    assert_int_equal(agent_status_options_parse(command("status"), line.argc, line.argv, &options),
                     EXIT_USAGE);
}

static void test_unknown_commands_are_usage_errors(void **state)
{
    (void)state;
    type("penstock");
    assert_int_equal(agent_main(&agent_commands, line.argc, line.argv), EXIT_USAGE);
    type("penstock|dance");
    assert_int_equal(agent_main(&agent_commands, line.argc, line.argv), EXIT_USAGE);
    type("penstock|version");
    assert_int_equal(agent_main(&agent_commands, line.argc, line.argv), EXIT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_takes_its_options),
        cmocka_unit_test(test_run_refuses_what_it_does_not_know),
        cmocka_unit_test(test_init_takes_a_directory_or_a_file),
        cmocka_unit_test(test_produce_takes_kcats_options),
        cmocka_unit_test(test_produce_has_quiet_defaults),
        cmocka_unit_test(test_produce_refuses_what_makes_no_sense),
        cmocka_unit_test(test_status_takes_its_options),
        cmocka_unit_test(test_unknown_commands_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
