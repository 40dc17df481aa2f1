/* SPDX-License-Identifier: MIT
 * test_config_reload.c - which changes a running agent goes along with, and how the others are
 * named. */
#include "config/config_keys.h"
#include "tests/support/tsan_threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define BASE "spool: {path: /s}\nkafka: {bootstrap.servers: 'a:1'}\n"

static void load(const char *text, struct config *config)
{
    struct errmsg msg = {""};
    assert_int_equal(config_init_defaults(config), ERR_OK);
    if (config_load_text("file", bytes_of_string(text), config, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
}

/* From one file to another: what changes, or the message. */
static enum err change(const char *from, const char *to, struct buf *changed, struct errmsg *msg)
{
    struct config now, next;
    load(from, &now);
    load(to, &next);
    enum err rc = config_reload_check(&now, &next, changed, msg);
    config_free(&now);
    config_free(&next);
    return rc;
}

static void assert_goes(const char *from, const char *to, const char *names)
{
    struct buf changed = {0};
    struct errmsg msg = {""};
    if (change(from, to, &changed, &msg) != ERR_OK)
        fail_msg("%s", msg.text);
    assert_string_equal(buf_string(&changed), names);
    buf_free(&changed);
}

static void assert_refused(const char *from, const char *to, const char *names)
{
    struct buf changed = {0};
    struct errmsg msg = {""};
    assert_int_equal(change(from, to, &changed, &msg), ERR_INVALID);
    assert_int_equal(strncmp(msg.text, names, strlen(names)), 0);
    assert_int_equal(strncmp(msg.text + strlen(names), ": can't be changed", 18), 0);
    buf_free(&changed);
}

static void test_the_same_is_no_change(void **state)
{
    (void)state;
    assert_goes(BASE, BASE, "");
    assert_goes(BASE "topics: {allow: [a, b]}\n",
                BASE "topics: {allow: [a, b]}\nlog: {level: info}\n", "");
}

static void test_limits_topics_and_the_level_of_the_log_change(void **state)
{
    (void)state;
    assert_goes(BASE, BASE "log: {level: debug}\n", "log.level");
    assert_goes(BASE "topics: {allow: [a, b]}\n", BASE "topics: {allow: [a, c]}\n", "topics.allow");
    assert_goes(BASE "topics: {allow: [a, b]}\n", BASE "topics: {allow: [a]}\n", "topics.allow");
    assert_goes(BASE "topics: {allow: [a]}\n", BASE, "topics.allow");
    assert_goes(BASE "listen: {max_body: 1MiB}\n",
                BASE "listen: {idle_timeout: 5s}\ntopics: {max: 7}\n",
                "listen.max_body,listen.idle_timeout,topics.max");
}

static void test_every_other_setting_is_refused_by_its_name(void **state)
{
    (void)state;
    assert_refused(BASE, "spool: {path: /t}\nkafka: {bootstrap.servers: 'a:1'}\n", "spool.path");
    assert_refused(BASE, BASE "listen: {http: ['127.0.0.1:1']}\n", "listen.http");
    assert_refused(BASE, BASE "listen: {socket_group: g, threads: 2}\nlog: {level: warn}\n",
                   "listen.socket_group,listen.threads");
    assert_refused(BASE "listen: {socket_group: g}\n", BASE, "listen.socket_group");
    assert_refused(BASE, BASE "bridge: {id_header: true}\n", "bridge.id_header");
}

static void test_kafkas_properties_change_and_are_named_without_their_values(void **state)
{
    (void)state;
#define WITH(properties) "spool: {path: /s}\nkafka: {bootstrap.servers: 'a:1'" properties "}\n"
    assert_goes(BASE, "spool: {path: /s}\nkafka: {bootstrap.servers: 'b:1'}\n",
                "kafka.bootstrap.servers");
    assert_goes(BASE, WITH(", linger.ms: 7"), "kafka.linger.ms");
    assert_goes(WITH(", linger.ms: 7"), WITH(", linger.ms: 7"), "");
    assert_goes(WITH(", linger.ms: 7"), WITH(", linger.ms: 8"), "kafka.linger.ms");
    assert_goes(WITH(", linger.ms: 7"), BASE, "kafka.linger.ms");
    assert_goes(WITH(", sasl.password: old-word"), WITH(", sasl.password: new-word"),
                "kafka.sasl.password");
    assert_refused(BASE, WITH(", linger.ms: 7") "bridge: {id_header: true}\n", "bridge.id_header");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_is_no_change),
        cmocka_unit_test(test_limits_topics_and_the_level_of_the_log_change),
        cmocka_unit_test(test_every_other_setting_is_refused_by_its_name),
        cmocka_unit_test(test_kafkas_properties_change_and_are_named_without_their_values),
    };
    return tsan_threads_linked ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
