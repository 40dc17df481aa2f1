/* SPDX-License-Identifier: MIT
 * sink_kafka.c - an idempotent librdkafka producer, as bridge/client/sink.h declares it. */
#include "bridge/client/sink_kafka.h"

#include "base/random.h"
#include "bridge/client/error_table.h"
#include "bridge/client/properties.h"
#include "bridge/client/sink.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

struct bridge_sink {
    rd_kafka_t *rk;
    rd_kafka_queue_t *main_queue; /* for waking */
    rd_kafka_t *group_reader;     /* NULL: not needed now */
    const struct bridge_options *options;
    char *bootstrap; /* owned; NULL: the properties' */
    struct bridge_sink_handler handler;
    bool id_header;
    char spool_uuid[UUID_TEXT_SIZE];
};

/* struct bridge_sink_topic is librdkafka's own rd_kafka_topic_t. */
static rd_kafka_topic_t *as_rkt(struct bridge_sink_topic *topic)
{
    return (rd_kafka_topic_t *)topic;
}

/* Code of a report. From librdkafka 2.4 on, the events of a refused batch that were not at fault
 * have a code of their own, which older headers lack. Here all events of a batch get the same code,
 * and the search for the one at fault goes through them all. */
static int code_of(const rd_kafka_message_t *message)
{
    enum { INVALID_DIFFERENT_RECORD = -138 };
    return (int)message->err == INVALID_DIFFERENT_RECORD ? (int)RD_KAFKA_RESP_ERR_INVALID_RECORD
                                                         : (int)message->err;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct bridge_sink *sink = opaque;
    sink->handler.report(sink->handler.arg, (uint64_t)(uintptr_t)message->_private,
                         code_of(message), message->partition, message->offset);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct bridge_sink *sink = opaque;
    sink->handler.trouble(sink->handler.arg, code, reason);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    struct bridge_sink *sink = rd_kafka_opaque(rk);
    char line[512];
    snprintf(line, sizeof line, "%s: %s", facility, text);
    sink->handler.line(sink->handler.arg, level <= LOG_WARNING, line);
}

enum err bridge_sink_open(const struct bridge_options *options, const char *bootstrap,
                          const uint8_t spool_uuid[16], const struct bridge_sink_handler *handler,
                          struct bridge_sink **ret_sink, struct errmsg *msg)
{
    struct bridge_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return ERR_NOMEM;
    sink->handler = *handler;
    sink->id_header = options->id_header;
    sink->options = options;
    sink->bootstrap = bootstrap == NULL ? NULL : strdup(bootstrap);
    uuid_format(spool_uuid, sink->spool_uuid);

    rd_kafka_conf_t *conf;
    char transactional_id[64];
    snprintf(transactional_id, sizeof transactional_id, "penstock.%s", sink->spool_uuid);
    enum err rc = bridge_properties_conf(
        options, bootstrap, bridge_options_exactly_once(options) ? transactional_id : NULL, &conf,
        msg);
    if (rc != ERR_OK) {
        free(sink->bootstrap);
        free(sink);
        return rc;
    }
    rd_kafka_conf_set_opaque(conf, sink);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    char text[384] = "";
    sink->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (sink->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        free(sink->bootstrap);
        free(sink);
        return errmsg_set(msg, ERR_INVALID, "kafka: %s", text);
    }
    sink->main_queue = rd_kafka_queue_get_main(sink->rk);
    rd_kafka_set_log_queue(sink->rk, NULL); /* log lines come through bridge_sink_poll() */
    *ret_sink = sink;
    return ERR_OK;
}

struct rd_kafka_s *bridge_sink_client(struct bridge_sink *sink)
{
    return sink->rk;
}

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

struct rd_kafka_s *bridge_sink_group_reader(struct bridge_sink *sink, const char *group)
{
    if (sink->group_reader != NULL)
        return sink->group_reader;
    rd_kafka_conf_t *conf;
    char text[128];
    if (bridge_properties_conf(sink->options, sink->bootstrap, NULL, &conf, NULL) != ERR_OK)
        return NULL;
    /* A consumer would complain about the producer's properties. */
    rd_kafka_conf_set_log_cb(conf, no_log);
    (void)rd_kafka_conf_set(conf, "log.queue", "false", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "group.id", group, text, sizeof text);
    (void)rd_kafka_conf_set(conf, "enable.auto.commit", "false", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "isolation.level", "read_committed", text,
                            sizeof text); /* waits for pending commits */
    sink->group_reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (sink->group_reader == NULL)
        rd_kafka_conf_destroy(conf);
    return sink->group_reader;
}

void bridge_sink_group_reader_close(struct bridge_sink *sink)
{
    if (sink->group_reader != NULL)
        rd_kafka_destroy_flags(sink->group_reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    sink->group_reader = NULL;
}

void bridge_sink_close(struct bridge_sink *sink)
{
    if (sink == NULL)
        return;
    rd_kafka_purge(sink->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                 RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_queue_destroy(sink->main_queue);
    bridge_sink_group_reader_close(sink);
    rd_kafka_destroy(sink->rk); /* drops what the client still has; joins its threads */
    free(sink->bootstrap);
    free(sink);
}

struct bridge_sink_topic *bridge_sink_topic_open(struct bridge_sink *sink, const char *topic)
{
    return (struct bridge_sink_topic *)rd_kafka_topic_new(sink->rk, topic, NULL);
}

void bridge_sink_topic_close(struct bridge_sink_topic *topic)
{
    if (topic != NULL)
        rd_kafka_topic_destroy(as_rkt(topic));
}

static bool add_header(rd_kafka_headers_t *headers, struct bytes name, struct bytes value)
{
    return rd_kafka_header_add(headers, (const char *)name.data, (ssize_t)name.size, value.data,
                               (ssize_t)value.size) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Was the event salvaged (found among damage, or in a segment that had been put aside)? Other
 * events may have overtaken it. */
static bool is_late(const struct spool_event *event)
{
    return event->salvaged || event->origin_id != 0;
}

/* The event's own headers, then ours. */
static rd_kafka_headers_t *make_headers(const struct bridge_sink *sink,
                                        const struct spool_event *event)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(event->header_count + 2);
    bool ok = headers != NULL;
    struct bytes rest = event->headers;
    struct spool_header header;
    while (ok && spool_headers_next(&rest, &header))
        ok = add_header(headers, header.name, header.value);
    if (ok && is_late(event))
        ok = add_header(headers, bytes_of_string("penstock-salvaged"), bytes_of_string("1"));
    if (ok && sink->id_header) {
        char id[UUID_TEXT_SIZE + 24];
        snprintf(id, sizeof id, "%s/%" PRIu64, sink->spool_uuid,
                 event->origin_id != 0 ? event->origin_id : event->id);
        ok = add_header(headers, bytes_of_string("penstock-id"), bytes_of_string(id));
    }
    if (!ok && headers != NULL)
        rd_kafka_headers_destroy(headers);
    return ok ? headers : NULL;
}

static int produce_with_headers(struct bridge_sink *sink, struct bridge_sink_topic *topic,
                                const struct spool_event *event, uint64_t token, int flags)
{
    rd_kafka_headers_t *headers = make_headers(sink, event);
    if (headers == NULL)
        return BRIDGE_SINK_FULL;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        sink->rk, RD_KAFKA_V_RKT(as_rkt(topic)), RD_KAFKA_V_PARTITION(event->partition),
        RD_KAFKA_V_KEY(event->key.data, event->key.size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)event->value.data, event->value.size),
        RD_KAFKA_V_MSGFLAGS(flags), RD_KAFKA_V_TIMESTAMP(event->time_ms),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE((void *)(uintptr_t)token), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(headers);
    return code;
}

int bridge_sink_produce(struct bridge_sink *sink, struct bridge_sink_topic *topic,
                        const struct spool_event *event, uint64_t token, bool copy)
{
    _Static_assert(RD_KAFKA_PARTITION_UA == SPOOL_PARTITION_ANY, "no partition asked for");
    _Static_assert(RD_KAFKA_RESP_ERR__QUEUE_FULL == BRIDGE_SINK_FULL,
                   "the one refusal that is nobody's fault");
    if (topic == NULL)
        return RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    int flags = copy ? RD_KAFKA_MSG_F_COPY : 0;
    if (event->header_count > 0 || is_late(event) || sink->id_header)
        return produce_with_headers(sink, topic, event, token, flags);
    return rd_kafka_producev(
        sink->rk, RD_KAFKA_V_RKT(as_rkt(topic)), RD_KAFKA_V_PARTITION(event->partition),
        RD_KAFKA_V_KEY(event->key.data, event->key.size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)event->value.data, event->value.size),
        RD_KAFKA_V_MSGFLAGS(flags), RD_KAFKA_V_TIMESTAMP(event->time_ms),
        RD_KAFKA_V_OPAQUE((void *)(uintptr_t)token), RD_KAFKA_V_END);
}

void bridge_sink_poll(struct bridge_sink *sink, int timeout_ms)
{
    rd_kafka_poll(sink->rk, timeout_ms);
}

void bridge_sink_wake(struct bridge_sink *sink)
{
    rd_kafka_queue_yield(sink->main_queue);
}

bool bridge_sink_probe(struct bridge_sink *sink, struct bridge_sink_topic *topic, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(sink->rk, 0, topic != NULL ? as_rkt(topic) : NULL, &metadata, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    /* _TRANSPORT: no broker is up */
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

int bridge_sink_fatal(struct bridge_sink *sink, char *ret_text, size_t size)
{
    return rd_kafka_fatal_error(sink->rk, ret_text, size);
}
