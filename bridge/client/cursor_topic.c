/* SPDX-License-Identifier: MIT
 * cursor_topic.c - the cursor's topic and offset, by the client's admin, transactional and
 * group calls. */
#include "bridge/client/cursor_topic.h"

#include "bridge/client/sink_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum bridge_txn_result fail(struct bridge_txn_error *ret_error, int code, const char *text)
{
    ret_error->code = code;
    snprintf(ret_error->text, sizeof ret_error->text, "%s",
             text != NULL ? text : rd_kafka_err2str((rd_kafka_resp_err_t)code));
    switch (code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: return BRIDGE_TXN_LATER;
    default: return BRIDGE_TXN_FAILED;
    }
}

/* An admin request under way: its options and the queue that its answer comes to. */
struct request {
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
};

static struct request request_begin(rd_kafka_t *rk, rd_kafka_admin_op_t operation, int timeout_ms)
{
    struct request request = {rd_kafka_AdminOptions_new(rk, operation), rd_kafka_queue_new(rk)};
    char text[64];
    (void)rd_kafka_AdminOptions_set_request_timeout(request.options, timeout_ms, text, sizeof text);
    return request;
}

/* The answer, which the caller destroys; NULL: none came. */
static rd_kafka_event_t *request_end(struct request *request, int timeout_ms)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(request->queue, timeout_ms + 500);
    rd_kafka_AdminOptions_destroy(request->options);
    rd_kafka_queue_destroy(request->queue);
    return event;
}

/* ---- making it ------------------------------------------------------------------------------- */

static enum bridge_txn_result judge_topic(const rd_kafka_event_t *event,
                                          struct bridge_txn_error *ret_error)
{
    size_t count = 0;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result((rd_kafka_event_t *)(uintptr_t)event), &count);
    if (count != 1)
        return fail(ret_error, RD_KAFKA_RESP_ERR__BAD_MSG, "no word about the topic in the answer");
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[0]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return BRIDGE_TXN_OK;
    return fail(ret_error, code, rd_kafka_topic_result_error_string(topics[0]));
}

/* The topic may exist already where the agent may not make topics. */
static bool is_there(struct bridge_sink *sink, const char *topic, int timeout_ms)
{
    struct bridge_sink_topic *handle = bridge_sink_topic_open(sink, topic);
    bool there = handle != NULL && bridge_sink_topic_look(sink, handle, timeout_ms) == 0;
    bridge_sink_topic_close(handle);
    return there;
}

enum bridge_txn_result bridge_cursor_topic_make(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                int timeout_ms, struct bridge_txn_error *ret_error)
{
    rd_kafka_t *rk = bridge_sink_client(sink);
    char text[256] = "";
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(place->topic, 1, -1, text, sizeof text);
    if (topic == NULL)
        return fail(ret_error, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
    struct request request = request_begin(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    rd_kafka_CreateTopics(rk, &topic, 1, request.options, request.queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_event_t *event = request_end(&request, timeout_ms);
    if (event == NULL)
        return fail(ret_error, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
    enum bridge_txn_result result =
        rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR
            ? judge_topic(event, ret_error)
            : fail(ret_error, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
    if (result == BRIDGE_TXN_FAILED && is_there(sink, place->topic, timeout_ms))
        result = BRIDGE_TXN_OK;
    return result;
}

/* ---- committing it --------------------------------------------------------------------------- */

enum bridge_txn_result bridge_cursor_topic_send(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                uint64_t offset_id, const char *meta,
                                                int timeout_ms, struct bridge_txn_error *ret_error)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *offset =
        rd_kafka_topic_partition_list_add(offsets, place->topic, 0);
    offset->offset = (int64_t)offset_id;
    offset->metadata = strdup(meta);
    offset->metadata_size = offset->metadata == NULL ? 0 : strlen(meta);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(place->group);
    enum bridge_txn_result result = bridge_sink_txn_result(
        rd_kafka_send_offsets_to_transaction(bridge_sink_client(sink), offsets, group, timeout_ms),
        ret_error);
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets); /* with the metadata */
    return result;
}

/* ---- reading it ------------------------------------------------------------------------------ */

static enum bridge_txn_result take_offset(const rd_kafka_topic_partition_list_t *list,
                                          struct bridge_cursor_read *ret,
                                          struct bridge_txn_error *ret_error)
{
    if (list == NULL || list->cnt != 1)
        return fail(ret_error, RD_KAFKA_RESP_ERR__BAD_MSG,
                    "no word about the cursor in the answer");
    const rd_kafka_topic_partition_t *offset = &list->elems[0];
    if (offset->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return BRIDGE_TXN_OK; /* no cursor yet */
    if (offset->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(ret_error, offset->err, NULL);
    if (offset->offset < 0)
        return BRIDGE_TXN_OK;
    ret->meta = calloc(1, offset->metadata_size + 1);
    if (ret->meta == NULL)
        return fail(ret_error, RD_KAFKA_RESP_ERR__TIMED_OUT, "out of memory");
    if (offset->metadata_size > 0)
        memcpy(ret->meta, offset->metadata, offset->metadata_size);
    ret->found = true;
    ret->offset_id = (uint64_t)offset->offset;
    return BRIDGE_TXN_OK;
}

/* Without rights on the group the client never finds its coordinator: the call only times out, and
 * the refusal arrives as a message of its own. */
static rd_kafka_resp_err_t refusal(rd_kafka_t *reader, rd_kafka_resp_err_t code)
{
    rd_kafka_message_t *word;
    while ((word = rd_kafka_consumer_poll(reader, 0)) != NULL) {
        if (word->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            code = word->err;
        rd_kafka_message_destroy(word);
    }
    return code;
}

enum bridge_txn_result bridge_cursor_topic_read(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                int timeout_ms, struct bridge_cursor_read *ret,
                                                struct bridge_txn_error *ret_error)
{
    *ret = (struct bridge_cursor_read){0};
    *ret_error = (struct bridge_txn_error){0};
    rd_kafka_t *reader = bridge_sink_group_reader(sink, place->group);
    if (reader == NULL)
        return fail(ret_error, RD_KAFKA_RESP_ERR__FAIL,
                    "no client for reading the cursor could be made");
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, place->topic, 0);
    rd_kafka_resp_err_t code = rd_kafka_committed(reader, offsets, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        code = refusal(reader, code);
    enum bridge_txn_result result = code == RD_KAFKA_RESP_ERR_NO_ERROR
                                        ? take_offset(offsets, ret, ret_error)
                                        : fail(ret_error, code, NULL);
    rd_kafka_topic_partition_list_destroy(offsets);
    return result;
}
