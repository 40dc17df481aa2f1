/* SPDX-License-Identifier: MIT
 * test_bridge_retry.c - every error of Kafka's client has the treatment that keeps the promises. */
#include "bridge/client/error_table.h"

#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_known_errors_are_treated_as_measured(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t code;
        enum bridge_error retry;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_NO_ERROR, BRIDGE_ERROR_NONE},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, BRIDGE_ERROR_EVENT},
        {RD_KAFKA_RESP_ERR_INVALID_RECORD, BRIDGE_ERROR_EVENT},
        {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, BRIDGE_ERROR_EVENT},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, BRIDGE_ERROR_PARK},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, BRIDGE_ERROR_PARK},
        {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, BRIDGE_ERROR_PARK},
        {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, BRIDGE_ERROR_BACKOFF},
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, BRIDGE_ERROR_BACKOFF},
        {RD_KAFKA_RESP_ERR__QUEUE_FULL, BRIDGE_ERROR_BACKOFF},
        {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, BRIDGE_ERROR_BACKOFF},
        {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, BRIDGE_ERROR_RECREATE},
        {RD_KAFKA_RESP_ERR__FENCED, BRIDGE_ERROR_RECREATE},
        {RD_KAFKA_RESP_ERR__FATAL, BRIDGE_ERROR_RECREATE},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, BRIDGE_ERROR_OPERATOR},
        {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, BRIDGE_ERROR_OPERATOR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (bridge_error_of(cases[i].code) != cases[i].retry)
            fail_msg("%s is treated as %s", rd_kafka_err2name(cases[i].code),
                     bridge_error_name(bridge_error_of(cases[i].code)));
}

/* A code that nobody thought of must never make an event disappear or end the producer. */
static void test_every_other_error_is_tried_again(void **state)
{
    (void)state;
    const struct rd_kafka_err_desc *descs;
    size_t count;
    rd_kafka_get_err_descs(&descs, &count);
    size_t named = 0;
    for (size_t i = 0; i < count; i++) {
        if (descs[i].desc == NULL || descs[i].code == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        assert_int_not_equal(bridge_error_of(descs[i].code), BRIDGE_ERROR_NONE);
        named++;
    }
    assert_true(named > 100);
    assert_int_equal(bridge_error_of(-12345), BRIDGE_ERROR_BACKOFF);
    assert_int_equal(bridge_error_of(12345), BRIDGE_ERROR_BACKOFF);
}

static void test_names_are_for_logs(void **state)
{
    (void)state;
    assert_string_equal(bridge_error_code_name(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
                        "TOPIC_AUTHORIZATION_FAILED");
    assert_string_equal(bridge_error_name(BRIDGE_ERROR_OPERATOR), "operator");
    assert_true(bridge_error_code_text(RD_KAFKA_RESP_ERR__TRANSPORT)[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_errors_are_treated_as_measured),
        cmocka_unit_test(test_every_other_error_is_tried_again),
        cmocka_unit_test(test_names_are_for_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
