/* SPDX-License-Identifier: MIT
 * test_config_mistakes.c - every kind of mistake in a file: the exact place and the exact words. */
#include "config/config.h"
#include "tests/support/tsan_threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define S "spool:\n"

struct mistake {
    const char *text;
    const char *message;
};

static const struct mistake in_one_setting[] = {
    /* names */
    {S "  segmet_size: 32MiB\n",
     "t.yaml:2:3: 'spool.segmet_size': no such setting; did you mean 'spool.segment_size'?"},
    {"spool: {path: /x}\nlisten:\n  segment_size: 8MiB\n",
     "t.yaml:3:3: 'listen.segment_size': no such setting; did you mean 'spool.segment_size'?"},
    {"path: /x\n", "t.yaml:1:1: 'path': no such setting; did you mean 'spool.path'?"},
    {S "  colour: blue\n", "t.yaml:2:3: 'spool.colour': no such setting"},
    {"spol:\n  path: /x\n", "t.yaml:1:1: 'spol': no such setting; did you mean 'spool'?"},
    {"database:\n  path: /x\n", "t.yaml:1:1: 'database': no such setting"},
    {S "  ? [a]\n  : b\n", "t.yaml:2:5: the name of a setting must be a single text"},
    {S "  \"pa\\nth\": x\n",
     "t.yaml:2:3: 'spool.pa?th': no such setting; did you mean 'spool.path'?"},
    {S "  \"\": x\n", "t.yaml:2:3: 'spool.': no such setting"},
    {"kafka:\n  \"\": x\n", "t.yaml:2:3: 'kafka.': no such setting"},
    /* twice */
    {S "  path: /a\n  path: /b\n", "t.yaml:3:3: 'spool.path': given twice, first in line 2"},
    {S "  path: /a\nlog: {level: info}\nspool:\n  create: true\n",
     "t.yaml:4:1: 'spool': given twice, first in line 1"},
    {S "  path: /a\nspool.path: /b\n", "t.yaml:3:1: 'spool.path': given twice, first in line 2"},
    {"kafka:\n  client.id: a\n  client.id: b\n",
     "t.yaml:3:3: 'kafka.client.id': given twice, first in line 2"},
    /* types */
    {S "  segment_size: 32XB\n", "t.yaml:2:17: '32XB': spool.segment_size takes a size like 64KiB, "
                                 "32MiB, 10GiB, 64MB or 1000000"},
    {S "  segment_size: -1\n", "t.yaml:2:17: '-1': spool.segment_size takes a size like 64KiB, "
                               "32MiB, 10GiB, 64MB or 1000000"},
    {S "  segment_size: [32MiB]\n", "t.yaml:2:17: spool.segment_size takes one value, not a list"},
    {S "  path:\n    deep: /x\n", "t.yaml:2:3: 'spool.path': takes a value, not settings below it"},
    {S "  create: yes\n", "t.yaml:2:11: 'yes': spool.create takes true or false"},
    {S "  require_mount: data\n", "t.yaml:2:18: 'data': spool.require_mount takes auto, off, or "
                                  "the absolute path of a mount point"},
    {S "  require_mount: \"\"\n", "t.yaml:2:18: '': an empty text"},
    {S "  mount_wait: forever\n",
     "t.yaml:2:15: 'forever': spool.mount_wait takes a duration like 500ms, 10s, 5m, 2h or 1d"},
    {S "  id: 42\n",
     "t.yaml:2:7: '42': not a spool's id like 0b4e1f5c-6ad1-4d1c-9d0a-6d4a2f1f9a51"},
    {S "  commit_timeout: 10\n",
     "t.yaml:2:19: '10': spool.commit_timeout takes a duration like 500ms, 10s, 5m, 2h or 1d"},
    {"listen: {socket_mode: 0999}\n",
     "t.yaml:1:23: '0999': listen.socket_mode takes an octal mode like 0660"},
    {"listen: {threads: two}\n", "t.yaml:1:19: 'two': listen.threads takes a whole number"},
    {"listen:\n  http: 127.0.0.1:8080\n",
     "t.yaml:2:9: '127.0.0.1:8080': a list is needed, like [\"first\", \"second\"]"},
    {"listen:\n  http: [[a]]\n", "t.yaml:2:10: items of a list are single values"},
    {"listen:\n  http: [\"\"]\n", "t.yaml:2:10: '': an empty text"},
    {"listen:\n  http: [~]\n", "t.yaml:2:10: value of listen.http: nothing stands there"},
    {"log: {level: loud}\n", "t.yaml:1:14: 'loud': log.level takes debug, info, warn, error"},
    {"topics: {allow: [good, bad topic]}\n",
     "t.yaml:1:24: 'bad topic': not a topic name: 1 to 249 of a-z A-Z 0-9 . _ -"},
    {S "  path:\n", "t.yaml:2:8: value of spool.path: nothing stands there"},
    {S "  path: ~\n", "t.yaml:2:9: value of spool.path: nothing stands there"},
    {S "  path: \"\"\n", "t.yaml:2:9: '': an empty text"},
    {"spool: 5\n", "t.yaml:1:8: 'spool' is a section: settings go below it"},
    {"spool: [a]\n", "t.yaml:1:8: 'spool' is a section: settings go below it"},
    {"kafka: x\n", "t.yaml:1:8: 'kafka' is a section: settings go below it"},
    {"bridge:\n  delivery: maybe\n",
     "t.yaml:2:13: 'maybe': bridge.delivery takes exactly_once, at_least_once"},
    {"bridge:\n  cursor_topic: no good\n",
     "t.yaml:2:17: 'no good': not a topic name: 1 to 249 of a-z A-Z 0-9 . _ -"},
    /* ranges */
    {S "  segment_size: 1MiB\n",
     "t.yaml:2:17: '1MiB': spool.segment_size must be from 4MiB to 1GiB"},
    {S "  segment_size: 2GiB\n",
     "t.yaml:2:17: '2GiB': spool.segment_size must be from 4MiB to 1GiB"},
    {S "  segment_size: 1073741825\n",
     "t.yaml:2:17: '1073741825': spool.segment_size must be from 4MiB to 1GiB"},
    {S "  segment_size: 4194303\n",
     "t.yaml:2:17: '4194303': spool.segment_size must be from 4MiB to 1GiB"},
    {"topics: {max: 0}\n", "t.yaml:1:15: '0': topics.max must be from 1 to 1000"},
    {"listen: {request_timeout: 2d}\n",
     "t.yaml:1:27: '2d': listen.request_timeout must be from 100ms to 1d"},
    {"listen: {socket_mode: 4755}\n",
     "t.yaml:1:23: '4755': listen.socket_mode must be from 0000 to 0777"},
    {"listen: {threads: 4294967297}\n",
     "t.yaml:1:19: '4294967297': listen.threads must be from 1 to 64"},
    /* kafka */
    {"kafka:\n  client.id: [a]\n", "t.yaml:2:14: kafka.client.id takes one value, not a list"},
    {"kafka:\n  ssl:\n    ca.location: /x\n",
     "t.yaml:2:3: 'kafka.ssl': takes a value, not settings below it"},
    {"kafka:\n  client.id:\n", "t.yaml:2:13: value of kafka.client.id: nothing stands there"},
    /* YAML that settings don't need */
    {"a: &x 1\n", "t.yaml:1:4: anchors (&name) are not supported"},
    {"spool: &x\n  path: /a\n", "t.yaml:1:8: anchors (&name) are not supported"},
    {"topics:\n  allow: &x [a]\n", "t.yaml:2:10: anchors (&name) are not supported"},
    {S "  path: *x\n", "t.yaml:2:9: aliases (*name) are not supported"},
    {S "  <<: *x\n", "t.yaml:2:7: aliases (*name) are not supported"},
    {S "  path: !!str /x\n", "t.yaml:2:9: tags (!name) are not supported"},
    {S "  path: /a\n---\n" S "  path: /b\n", "t.yaml:3:1: a second document in one file"},
    {"- a\n- b\n", "t.yaml:1:1: the file must hold sections with settings, like 'spool:'"},
    {"just a text\n", "t.yaml:1:1: the file must hold sections with settings, like 'spool:'"},
    {S "  path: \"a\\0b\"\n", "t.yaml:2:9: a text with a zero byte in it"},
    {S "\tpath: /x\n", "t.yaml:2:1: not YAML: found character that cannot start any token, while "
                       "scanning for the next token"},
    {S "  path: [a\n",
     "t.yaml:3:1: not YAML: did not find expected ',' or ']', while parsing a flow sequence"},
    {S "  path: \"abc\n",
     "t.yaml:3:1: not YAML: found unexpected end of stream, while scanning a quoted scalar"},
    {S "  path: a\n bad: b\n",
     "t.yaml:3:2: not YAML: did not find expected key, while parsing a block mapping"},
    {S "  path: a\xff\n", "t.yaml:2:10: not YAML: invalid leading UTF-8 octet"},
    {S "  path: a\x01\n", "t.yaml:2:10: not YAML: control characters are not allowed"},
    /* the environment and files */
    {S "  path: /x/${PENSTOCK_TEST_UNSET}\n", "t.yaml:2:9: '/x/${PENSTOCK_TEST_UNSET}': the "
                                              "environment variable PENSTOCK_TEST_UNSET isn't set"},
    {S "  path: ${a\n",
     "t.yaml:2:9: '${a': '${' must be followed by the name of an environment variable and '}' "
     "('$${' stands for '${' itself)"},
    {S "  path: ${}\n",
     "t.yaml:2:9: '${}': '${' must be followed by the name of an environment variable and '}' "
     "('$${' stands for '${' itself)"},
    {"kafka:\n  sasl.password: file:/nowhere/at/all\n",
     "t.yaml:2:18: value of kafka.sasl.password: open '/nowhere/at/all': No such file or "
     "directory"},
    {"kafka:\n  sasl.password: file:here\n",
     "t.yaml:2:18: value of kafka.sasl.password: 'file:' must be followed by an absolute path"},
    {"kafka:\n  sasl.password: pre${PENSTOCK_TEST_UNSET}\n",
     "t.yaml:2:18: value of kafka.sasl.password: the environment variable PENSTOCK_TEST_UNSET "
     "isn't set"},
    /* long texts are cut, and not in the middle of a character */
    {"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkk: "
     "x\n",
     "t.yaml:1:1: 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\xe2\x80\xa6': "
     "no such "
     "setting"},
};

static const char *load_message(const char *text, bool check, enum err *ret_rc)
{
    static struct errmsg msg;
    struct config config;
    msg.text[0] = '\0';
    assert_int_equal(config_init_defaults(&config), ERR_OK);
    *ret_rc = config_load_text("t.yaml", bytes_of_string(text), &config, &msg);
    if (*ret_rc == ERR_OK && check)
        *ret_rc = config_check(&config, &msg);
    config_free(&config);
    return msg.text;
}

static void run(const struct mistake *mistakes, size_t count, bool check)
{
    unsetenv("PENSTOCK_TEST_UNSET");
    for (size_t i = 0; i < count; i++) {
        enum err rc;
        const char *message = load_message(mistakes[i].text, check, &rc);
        if (rc != ERR_INVALID || strcmp(message, mistakes[i].message) != 0)
            fail_msg("%s\ngave   %s\nwanted %s", mistakes[i].text,
                     rc == ERR_OK ? "no error" : message, mistakes[i].message);
    }
}

static void test_mistake_in_one_setting_names_place_text_and_remedy(void **state)
{
    (void)state;
    run(in_one_setting, sizeof in_one_setting / sizeof in_one_setting[0], false);
}

#define P "spool:\n  path: /x\n"
#define K "kafka:\n  bootstrap.servers: b:1\n"

static const struct mistake between_settings[] = {
    {"", "t.yaml: spool.path must be set"},
    {K, "t.yaml: spool.path must be set"},
    {P "  max_size: 100MiB\n" K, "t.yaml:3:13: spool.max_size is 100MiB; it must be at least four "
                                 "times spool.segment_size (32MiB)"},
    {P "  max_event_size: 20MiB\n" K, "t.yaml:3:19: spool.segment_size is 32MiB; it must be at "
                                      "least twice spool.max_event_size (20MiB)"},
    {P K "listen: {max_body: 60MiB}\n",
     "t.yaml:5:20: spool.max_queued is 48MiB; it must be at least listen.max_body (60MiB)"},
    {P K "listen: {max_in_flight: 1MiB}\n",
     "t.yaml:5:25: listen.max_in_flight is 1MiB; it must be at least listen.max_body (32MiB)"},
    {P K "bridge: {backoff_max: 100ms}\n",
     "t.yaml:5:23: bridge.backoff_max is 100ms; it must be at least bridge.backoff_min (250ms)"},
    {P K "listen:\n  http: []\n", "t.yaml:6:9: listen.http must hold at least one address"},
    {P K "listen:\n  http: [\"127.0.0.1:80\", \"127.0.0.1:80\"]\n",
     "t.yaml:6:9: listen.http: '127.0.0.1:80' is given twice"},
    {P, "t.yaml: kafka.bootstrap.servers isn't set: which brokers to connect to"},
    {P "kafka:\n  client.id: x\n",
     "t.yaml:3:1: kafka.bootstrap.servers isn't set: which brokers to connect to"},
    {P K "  compresion.type: lz4\n",
     "t.yaml:5:3: kafka.compresion.type: No such configuration property: \"compresion.type\""},
    {P K "  socket.timeout.ms: soon\n", "t.yaml:5:3: kafka.socket.timeout.ms: Invalid value for "
                                        "configuration property \"socket.timeout.ms\""},
};

static void test_settings_that_contradict_each_other_are_named(void **state)
{
    (void)state;
    run(between_settings, sizeof between_settings / sizeof between_settings[0], true);
}

static void test_addresses_are_checked_without_binding(void **state)
{
    (void)state;
    static const char *const bad[] = {"0.0.0.0:8080", "127.0.0.1", "127.0.0.1:99999",
                                      "unix:",        "[::1]",     "host name:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];
        enum err rc;
        snprintf(text, sizeof text, P K "listen:\n  http: [\"%s\"]\n", bad[i]);
        const char *message = load_message(text, true, &rc);
        if (rc != ERR_INVALID || strncmp(message, "t.yaml:6:9: listen.http: ", 25) != 0)
            fail_msg("'%s' gave %s", bad[i], rc == ERR_OK ? "no error" : message);
    }
    enum err rc;
    (void)load_message(P K "listen: {http: [\"0.0.0.0:8080\"], allow_remote: true}\n", true, &rc);
    assert_int_equal(rc, ERR_OK);
}

static void test_properties_that_break_a_promise_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const names[] = {"acks", "enable.idempotence", "message.timeout.ms",
                                        "transactional.id"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[256], wanted[512];
        enum err rc;
        snprintf(text, sizeof text, "kafka:\n  bootstrap.servers: b\n  %s: 1\n", names[i]);
        snprintf(wanted, sizeof wanted, "t.yaml:3:3: 'kafka.%s': can't be set: %s", names[i],
                 bridge_property_refused(names[i]));
        assert_string_equal(load_message(text, false, &rc), wanted);
        assert_int_equal(rc, ERR_INVALID);
    }
}

/* Whatever is wrong about a secret, what it is stays out of the message. */
static void test_values_of_secrets_are_never_in_a_message(void **state)
{
    (void)state;
    setenv("PENSTOCK_TEST_SECRET", "hunter2", 1);
    static const char *const texts[] = {
        "kafka:\n  sasl.password: hunter2${PENSTOCK_TEST_UNSET}\n",
        "kafka:\n  sasl.password: [hunter2]\n",
        "kafka:\n  sasl.password: hunter2\n  sasl.password: hunter2\n",
        "kafka:\n  linger.ms: ${PENSTOCK_TEST_SECRET}\n",
        "kafka:\n  security.protocol: ${PENSTOCK_TEST_SECRET}\n",
        "spool:\n  segment_size: ${PENSTOCK_TEST_SECRET}\n",
        "log:\n  level: ${PENSTOCK_TEST_SECRET}\n",
        "topics:\n  allow: [\"${PENSTOCK_TEST_SECRET} !\"]\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[512];
        enum err rc;
        snprintf(text, sizeof text, "%s%s", texts[i],
                 strncmp(texts[i], "kafka", 5) == 0 ? "spool.path: /x\nkafka.bootstrap.servers: b\n"
                                                    : "");
        const char *message = load_message(text, true, &rc);
        assert_int_not_equal(rc, ERR_OK);
        if (strstr(message, "hunter2") != NULL)
            fail_msg("%s", message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistake_in_one_setting_names_place_text_and_remedy),
        cmocka_unit_test(test_settings_that_contradict_each_other_are_named),
        cmocka_unit_test(test_addresses_are_checked_without_binding),
        cmocka_unit_test(test_properties_that_break_a_promise_are_refused_with_the_reason),
        cmocka_unit_test(test_values_of_secrets_are_never_in_a_message),
    };
    return tsan_threads_linked ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
