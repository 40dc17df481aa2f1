/* SPDX-License-Identifier: MIT
 * error_table.c - the table of Kafka errors and their treatment. */
#include "bridge/client/error_table.h"

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#define E(name) RD_KAFKA_RESP_ERR_##name

static const struct {
    rd_kafka_resp_err_t code;
    enum bridge_error retry;
} bridge_error_table[] = {
    {E(NO_ERROR), BRIDGE_ERROR_NONE},

    /* The event itself: isolated from its batch it would still fail. */
    {E(MSG_SIZE_TOO_LARGE), BRIDGE_ERROR_EVENT},
    {E(INVALID_RECORD), BRIDGE_ERROR_EVENT},
    {E(INVALID_MSG), BRIDGE_ERROR_EVENT},
    {E(INVALID_MSG_SIZE), BRIDGE_ERROR_EVENT},
    {E(INVALID_TIMESTAMP), BRIDGE_ERROR_EVENT},
    {E(_BAD_MSG), BRIDGE_ERROR_EVENT},
    {E(_UNKNOWN_PARTITION), BRIDGE_ERROR_EVENT}, /* the topic lacks this partition */

    /* The topic: unknown, denied, or refused by policy; people may mend that. */
    {E(UNKNOWN_TOPIC_OR_PART), BRIDGE_ERROR_PARK},
    {E(_UNKNOWN_TOPIC), BRIDGE_ERROR_PARK},
    {E(TOPIC_AUTHORIZATION_FAILED), BRIDGE_ERROR_PARK},
    {E(TOPIC_EXCEPTION), BRIDGE_ERROR_PARK},
    {E(POLICY_VIOLATION), BRIDGE_ERROR_PARK},
    {E(INVALID_REQUIRED_ACKS), BRIDGE_ERROR_PARK},
    {E(UNSUPPORTED_FOR_MESSAGE_FORMAT), BRIDGE_ERROR_PARK},
    {E(UNSUPPORTED_COMPRESSION_TYPE), BRIDGE_ERROR_PARK},

    /* For the time being: leaders move, brokers restart, queues are purged. */
    {E(_MSG_TIMED_OUT), BRIDGE_ERROR_BACKOFF},
    {E(_TRANSPORT), BRIDGE_ERROR_BACKOFF},
    {E(_ALL_BROKERS_DOWN), BRIDGE_ERROR_BACKOFF},
    {E(_TIMED_OUT), BRIDGE_ERROR_BACKOFF},
    {E(_TIMED_OUT_QUEUE), BRIDGE_ERROR_BACKOFF},
    {E(_QUEUE_FULL), BRIDGE_ERROR_BACKOFF},
    {E(_PURGE_QUEUE), BRIDGE_ERROR_BACKOFF},
    {E(_PURGE_INFLIGHT), BRIDGE_ERROR_BACKOFF},
    {E(_DESTROY), BRIDGE_ERROR_BACKOFF},
    {E(NOT_ENOUGH_REPLICAS), BRIDGE_ERROR_BACKOFF},
    {E(NOT_ENOUGH_REPLICAS_AFTER_APPEND), BRIDGE_ERROR_BACKOFF},
    {E(LEADER_NOT_AVAILABLE), BRIDGE_ERROR_BACKOFF},
    {E(NOT_LEADER_FOR_PARTITION), BRIDGE_ERROR_BACKOFF},
    {E(BROKER_NOT_AVAILABLE), BRIDGE_ERROR_BACKOFF},
    {E(REPLICA_NOT_AVAILABLE), BRIDGE_ERROR_BACKOFF},
    {E(REQUEST_TIMED_OUT), BRIDGE_ERROR_BACKOFF},
    {E(NETWORK_EXCEPTION), BRIDGE_ERROR_BACKOFF},
    {E(THROTTLING_QUOTA_EXCEEDED), BRIDGE_ERROR_BACKOFF},
    {E(KAFKA_STORAGE_ERROR), BRIDGE_ERROR_BACKOFF},
    {E(UNKNOWN), BRIDGE_ERROR_BACKOFF},

    /* The producer: its sequence numbers no longer fit the broker's, or another one took its
     * place. */
    {E(_FATAL), BRIDGE_ERROR_RECREATE},
    {E(_FENCED), BRIDGE_ERROR_RECREATE},
    {E(_GAPLESS_GUARANTEE), BRIDGE_ERROR_RECREATE},
    {E(OUT_OF_ORDER_SEQUENCE_NUMBER), BRIDGE_ERROR_RECREATE},
    {E(DUPLICATE_SEQUENCE_NUMBER), BRIDGE_ERROR_RECREATE},
    {E(UNKNOWN_PRODUCER_ID), BRIDGE_ERROR_RECREATE},
    {E(INVALID_PRODUCER_EPOCH), BRIDGE_ERROR_RECREATE},
    {E(INVALID_PRODUCER_ID_MAPPING), BRIDGE_ERROR_RECREATE},
    {E(PRODUCER_FENCED), BRIDGE_ERROR_RECREATE},

    /* People: rights, credentials, versions. */
    {E(CLUSTER_AUTHORIZATION_FAILED), BRIDGE_ERROR_OPERATOR},
    {E(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), BRIDGE_ERROR_OPERATOR},
    {E(SASL_AUTHENTICATION_FAILED), BRIDGE_ERROR_OPERATOR},
    {E(UNSUPPORTED_SASL_MECHANISM), BRIDGE_ERROR_OPERATOR},
    {E(UNSUPPORTED_VERSION), BRIDGE_ERROR_OPERATOR},
    {E(SECURITY_DISABLED), BRIDGE_ERROR_OPERATOR},
    {E(_AUTHENTICATION), BRIDGE_ERROR_OPERATOR},
    {E(_SSL), BRIDGE_ERROR_OPERATOR},
    {E(_UNSUPPORTED_FEATURE), BRIDGE_ERROR_OPERATOR},
};

enum bridge_error bridge_error_of(int code)
{
    for (size_t i = 0; i < sizeof bridge_error_table / sizeof bridge_error_table[0]; i++)
        if (bridge_error_table[i].code == (rd_kafka_resp_err_t)code)
            return bridge_error_table[i].retry;
    return BRIDGE_ERROR_BACKOFF;
}

const char *bridge_error_name(enum bridge_error retry)
{
    static const char *const names[] = {"none", "backoff", "event", "park", "recreate", "operator"};
    return names[retry];
}

const char *bridge_error_code_name(int code)
{
    return rd_kafka_err2name((rd_kafka_resp_err_t)code);
}

const char *bridge_error_code_text(int code)
{
    return rd_kafka_err2str((rd_kafka_resp_err_t)code);
}
