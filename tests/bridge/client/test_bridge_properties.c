/* SPDX-License-Identifier: MIT
 * test_bridge_properties.c - which librdkafka properties pass, which are refused, and what is
 * said. */
#include "bridge/bridge.h"
#include "bridge/client/properties.h"
#include "tests/support/tsan_threads.h"

#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BROKER                                                                                     \
    {                                                                                              \
        (char[]){"bootstrap.servers"}, (char[]){"127.0.0.1:9"}, false                              \
    }

static enum err check(const char *name, const char *value, bool secret, struct errmsg *msg)
{
    struct bridge_property properties[] = {
        BROKER, {(char *)(uintptr_t)name, (char *)(uintptr_t)value, secret}};
    struct bridge_options options = BRIDGE_OPTIONS_DEFAULT;
    options.properties = properties;
    options.property_count = name != NULL ? 2 : 1;
    msg->text[0] = '\0';
    return bridge_check_properties(&options, msg);
}

static void test_properties_that_break_a_promise_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const names[] = {
        "acks",
        "request.required.acks",
        "enable.idempotence",
        "message.timeout.ms",
        "delivery.timeout.ms",
        "retries",
        "message.send.max.retries",
        "transactional.id",
        "transaction.timeout.ms",
        "enable.gapless.guarantee",
        "queue.buffering.max.messages",
        "queue.buffering.max.kbytes",
        "dr_cb",
        "dr_msg_cb",
        "opaque",
        "log_cb",
        "error_cb",
        "enabled_events",
        "delivery.report.only.error",
        "plugin.library.paths",
        "queuing.strategy",
        "log.queue",
        "test.mock.num.brokers",
    };
    struct errmsg msg;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_non_null(bridge_property_refused(names[i]));
        assert_int_equal(check(names[i], "1", false, &msg), ERR_INVALID);
        assert_non_null(strstr(msg.text, names[i]));
        assert_non_null(strstr(msg.text, bridge_property_refused(names[i])));
    }
}

static void test_ordinary_properties_pass(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"client.id", "door-17"},
        {"compression.type", "zstd"},
        {"compression.codec", "gzip"},
        {"linger.ms", "50"},
        {"queue.buffering.max.ms", "50"},
        {"partitioner", "consistent"},
        {"batch.size", "100000"},
        {"max.in.flight", "5"},
        {"max.in.flight.requests.per.connection", "1"},
        {"security.protocol", "plaintext"},
        {"socket.timeout.ms", "10000"},
        {"message.max.bytes", "2000000"},
        {"topic.metadata.propagation.max.ms", "100"},
        {"metadata.broker.list", "127.0.0.1:9"},
        {"debug", "broker"},
    };
    struct errmsg msg;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_null(bridge_property_refused(pairs[i][0]));
        if (check(pairs[i][0], pairs[i][1], false, &msg) != ERR_OK)
            fail_msg("%s=%s: %s", pairs[i][0], pairs[i][1], msg.text);
    }
}

static void test_unknown_name_and_bad_value_are_named(void **state)
{
    (void)state;
    struct errmsg msg;
    assert_int_equal(check("linger.mss", "5", false, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "linger.mss"));
    assert_int_equal(check("linger.ms", "soon", false, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "linger.ms"));
    assert_int_equal(check("compression.type", "rar", false, &msg), ERR_INVALID);
    assert_int_equal(check("max.in.flight", "6", false, &msg),
                     ERR_INVALID); /* idempotence: at most 5 */
    assert_non_null(strstr(msg.text, "max.in.flight"));
}

static void test_secret_value_stays_out_of_the_message(void **state)
{
    (void)state;
    struct errmsg msg;
    assert_int_equal(check("security.protocol", "hunter2", true, &msg), ERR_INVALID);
    assert_null(strstr(msg.text, "hunter2"));
    assert_non_null(strstr(msg.text, "security.protocol"));
}

static void test_missing_bootstrap_servers_is_an_error_but_not_for_the_mock(void **state)
{
    (void)state;
    struct errmsg msg = {""};
    struct bridge_options options = BRIDGE_OPTIONS_DEFAULT;
    assert_int_equal(bridge_check_properties(&options, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "bootstrap.servers"));
    options.mock_kafka = true;
    assert_int_equal(bridge_check_properties(&options, &msg), ERR_OK);
}

static void assert_conf(const rd_kafka_conf_t *conf, const char *name, const char *want)
{
    char value[128];
    size_t size = sizeof value;
    if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK)
        fail_msg("no property %s", name);
    assert_string_equal(value, want);
}

static void test_defaults_keep_the_promises_and_the_users_word_goes_over_ours(void **state)
{
    (void)state;
    struct bridge_property properties[] = {BROKER, {(char[]){"linger.ms"}, (char[]){"20"}, false}};
    struct bridge_options options = BRIDGE_OPTIONS_DEFAULT;
    options.properties = properties;
    options.property_count = 2;
    struct errmsg msg = {""};
    rd_kafka_conf_t *conf;
    assert_int_equal(bridge_properties_conf(&options, NULL, NULL, &conf, &msg), ERR_OK);
    assert_conf(conf, "enable.idempotence", "true");
    assert_conf(conf, "message.timeout.ms", "0");
    assert_conf(conf, "acks", "-1");
    assert_conf(conf, "compression.type", "lz4");
    assert_conf(conf, "partitioner", "murmur2_random");
    assert_conf(conf, "queue.buffering.max.ms", "20");
    assert_conf(conf, "bootstrap.servers", "127.0.0.1:9");
    assert_conf(conf, "queue.buffering.max.messages", "200001");
    rd_kafka_conf_destroy(conf);
    assert_int_equal(bridge_properties_conf(&options, "127.0.0.1:10", NULL, &conf, &msg), ERR_OK);
    assert_conf(conf, "bootstrap.servers", "127.0.0.1:10");
    rd_kafka_conf_destroy(conf);
}

int main(void)
{
    if (!tsan_threads_linked)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties_that_break_a_promise_are_refused_with_the_reason),
        cmocka_unit_test(test_ordinary_properties_pass),
        cmocka_unit_test(test_unknown_name_and_bad_value_are_named),
        cmocka_unit_test(test_secret_value_stays_out_of_the_message),
        cmocka_unit_test(test_missing_bootstrap_servers_is_an_error_but_not_for_the_mock),
        cmocka_unit_test(test_defaults_keep_the_promises_and_the_users_word_goes_over_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
