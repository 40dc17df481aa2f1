/* SPDX-License-Identifier: MIT
 * advice.c - the table of what to do. */
#include "bridge/client/advice.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define E(name)          RD_KAFKA_RESP_ERR_##name
#define ANY_STEP         (-1)
#define ACL              "grant it: kafka-acls --add --allow-principal User:<agent> "
#define OR_AT_LEAST_ONCE ", or set bridge.delivery: at_least_once"
#define MAKE_TOPIC       "make it: kafka-topics --create --topic %t --partitions 1"

/* %g: group and transactional id, %t: the cursor topic. The first row that fits counts. */
static const struct {
    int step;
    rd_kafka_resp_err_t code;
    const char *text;
} bridge_advice_table[] = {
    {ANY_STEP, E(TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
     ACL "--operation Write --operation Describe --transactional-id %g" OR_AT_LEAST_ONCE},
    {ANY_STEP, E(GROUP_AUTHORIZATION_FAILED), ACL "--operation Read --group %g" OR_AT_LEAST_ONCE},
    {BRIDGE_STEP_TOPIC, E(TOPIC_AUTHORIZATION_FAILED),
     MAKE_TOPIC ", and let the agent use it: kafka-acls --add --allow-principal User:<agent> "
                "--operation Read --topic %t"},
    {BRIDGE_STEP_TOPIC, E(CLUSTER_AUTHORIZATION_FAILED),
     MAKE_TOPIC ", and let the agent use it: kafka-acls --add --allow-principal User:<agent> "
                "--operation Read --topic %t"},
    {BRIDGE_STEP_TOPIC, E(POLICY_VIOLATION),
     MAKE_TOPIC " with the settings that the cluster's policy asks for"},
    {BRIDGE_STEP_TOPIC, E(INVALID_REPLICATION_FACTOR),
     MAKE_TOPIC " --replication-factor <what the cluster has>"},
    {ANY_STEP, E(TOPIC_AUTHORIZATION_FAILED), ACL "--operation Read --topic %t" OR_AT_LEAST_ONCE},
    {ANY_STEP, E(CLUSTER_AUTHORIZATION_FAILED), ACL "--operation IdempotentWrite --cluster"},
    {BRIDGE_STEP_OFFSETS, E(UNKNOWN_TOPIC_OR_PART), MAKE_TOPIC},
    {BRIDGE_STEP_OFFSETS, E(OFFSET_METADATA_TOO_LARGE),
     "set offset.metadata.max.bytes of the brokers to 4096 (its default)"},
    {ANY_STEP, E(INVALID_TRANSACTION_TIMEOUT),
     "set transaction.max.timeout.ms of the brokers to 60000 or more" OR_AT_LEAST_ONCE},
    {ANY_STEP, E(_UNSUPPORTED_FEATURE),
     "these brokers have no transactions as needed (Kafka 2.5 and later do): set bridge.delivery: "
     "at_least_once"},
    {ANY_STEP, E(UNSUPPORTED_VERSION),
     "these brokers have no transactions as needed (Kafka 2.5 and later do): set bridge.delivery: "
     "at_least_once"},
    {ANY_STEP, E(_FENCED),
     "another agent runs with the same spool id: a copy of this spool? Only one of them may run"},
    {ANY_STEP, E(PRODUCER_FENCED),
     "another agent runs with the same spool id: a copy of this spool? Only one of them may run"},
};

const char *bridge_step_name(enum bridge_step step)
{
    static const char *const names[] = {"init",        "read_cursor", "make_cursor_topic",
                                        "send_cursor", "commit",      "abort"};
    return names[step];
}

static void bridge_advice_fill(const char *text, const char *group, const char *topic, char *out,
                               size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *p = text; *p != '\0' && used + 1 < size; p++) {
        const char *word = p[0] == '%' && p[1] == 'g'   ? group
                           : p[0] == '%' && p[1] == 't' ? topic
                                                        : NULL;
        int n = word != NULL ? snprintf(out + used, size - used, "%s", word)
                             : snprintf(out + used, size - used, "%c", *p);
        used += (size_t)n;
        p += word != NULL;
    }
}

void bridge_advice(enum bridge_step step, int code, const char *group, const char *cursor_topic,
                   char *ret_text, size_t size)
{
    ret_text[0] = '\0';
    for (size_t i = 0; i < sizeof bridge_advice_table / sizeof bridge_advice_table[0]; i++) {
        if (bridge_advice_table[i].code != (rd_kafka_resp_err_t)code ||
            (bridge_advice_table[i].step != ANY_STEP && bridge_advice_table[i].step != (int)step))
            continue;
        bridge_advice_fill(bridge_advice_table[i].text, group, cursor_topic, ret_text, size);
        return;
    }
}

/* Clients before 2.6.1 send a nonce that is too long, and brokers from Kafka 4 on look at it
 * (librdkafka #4895). */
#define SCRAM_WORKS_FROM 0x02060100

const char *bridge_advice_connection(int code, const char *text)
{
    bool password = code == E(_AUTHENTICATION) || code == E(SASL_AUTHENTICATION_FAILED);
    if (password && strstr(text, "SCRAM") != NULL && rd_kafka_version() < SCRAM_WORKS_FROM)
        return "check sasl.username and sasl.password. If they are right: brokers from Kafka 4 on "
               "refuse SCRAM from "
               "librdkafka before 2.6.1, and this agent was started with an older one: use PLAIN "
               "over TLS, or install a "
               "newer librdkafka; retrying";
    if (password)
        return "check sasl.mechanisms, sasl.username and sasl.password; retrying";
    if (code == E(_SSL))
        return "check security.protocol, ssl.ca.location, the names in the broker's certificate, "
               "and, if brokers ask for "
               "one, ssl.certificate.location and ssl.key.location; retrying";
    return "retrying";
}
