/* SPDX-License-Identifier: MIT
 * sink_txn.c - librdkafka's transactional calls, their errors sorted. */
#include "bridge/client/sink_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

enum bridge_txn_result bridge_sink_txn_result(rd_kafka_error_t *error,
                                              struct bridge_txn_error *ret_error)
{
    *ret_error = (struct bridge_txn_error){0};
    if (error == NULL)
        return BRIDGE_TXN_OK;
    enum bridge_txn_result result = BRIDGE_TXN_FAILED;
    if (rd_kafka_error_is_fatal(error))
        result = BRIDGE_TXN_DEAD;
    else if (rd_kafka_error_txn_requires_abort(error))
        result = BRIDGE_TXN_ABORT;
    else if (rd_kafka_error_is_retriable(error))
        result = BRIDGE_TXN_LATER;
    ret_error->code = rd_kafka_error_code(error);
    snprintf(ret_error->text, sizeof ret_error->text, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return result;
}

enum bridge_txn_result bridge_sink_txn_init(struct bridge_sink *sink, int timeout_ms,
                                            struct bridge_txn_error *ret_error)
{
    return bridge_sink_txn_result(rd_kafka_init_transactions(bridge_sink_client(sink), timeout_ms),
                                  ret_error);
}

enum bridge_txn_result bridge_sink_txn_begin(struct bridge_sink *sink,
                                             struct bridge_txn_error *ret_error)
{
    return bridge_sink_txn_result(rd_kafka_begin_transaction(bridge_sink_client(sink)), ret_error);
}

enum bridge_txn_result bridge_sink_txn_commit(struct bridge_sink *sink, int timeout_ms,
                                              struct bridge_txn_error *ret_error)
{
    return bridge_sink_txn_result(rd_kafka_commit_transaction(bridge_sink_client(sink), timeout_ms),
                                  ret_error);
}

enum bridge_txn_result bridge_sink_txn_abort(struct bridge_sink *sink, int timeout_ms,
                                             struct bridge_txn_error *ret_error)
{
    return bridge_sink_txn_result(rd_kafka_abort_transaction(bridge_sink_client(sink), timeout_ms),
                                  ret_error);
}

void bridge_sink_cluster(struct bridge_sink *sink, int timeout_ms,
                         char ret_id[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE])
{
    char *id = rd_kafka_clusterid(bridge_sink_client(sink), timeout_ms);
    snprintf(ret_id, BRIDGE_CURSOR_TEXT_CLUSTER_SIZE, "%s", id == NULL ? "" : id);
    if (id != NULL)
        rd_kafka_mem_free(bridge_sink_client(sink), id);
}

bool bridge_sink_cluster_now(struct bridge_sink *sink, int timeout_ms,
                             char ret_id[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE])
{
    const rd_kafka_metadata_t *metadata = NULL;
    if (rd_kafka_metadata(bridge_sink_client(sink), 0, NULL, &metadata, timeout_ms) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(metadata);
    bridge_sink_cluster(sink, 0, ret_id);
    return ret_id[0] != '\0';
}

static int missing_in(const rd_kafka_metadata_t *metadata)
{
    if (metadata->topic_cnt != 1)
        return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    const rd_kafka_metadata_topic_t *topic = &metadata->topics[0];
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return topic->err;
    for (int i = 0; i < topic->partition_cnt; i++)
        if (topic->partitions[i].leader < 0)
            return RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    return topic->partition_cnt > 0 ? 0 : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

int bridge_sink_topic_look(struct bridge_sink *sink, struct bridge_sink_topic *topic,
                           int timeout_ms)
{
    _Static_assert(RD_KAFKA_RESP_ERR__TIMED_OUT == BRIDGE_SINK_UNSEEN,
                   "no answer is a code of its own");
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(bridge_sink_client(sink), 0,
                                                 (rd_kafka_topic_t *)topic, &metadata, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code == RD_KAFKA_RESP_ERR__TRANSPORT ? BRIDGE_SINK_UNSEEN : code;
    int missing = missing_in(metadata);
    rd_kafka_metadata_destroy(metadata);
    return missing;
}
