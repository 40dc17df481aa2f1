/* SPDX-License-Identifier: MIT
 * properties.c - librdkafka properties: our defaults, what is refused and why. */
#include "bridge/client/properties.h"

#include "bridge/bridge.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

/* the client's queue takes the last event whole, however large */
#define ROOM_BESIDES_BYTES ((uint64_t)64 << 20)

/* Users may set these to something else. */
static const struct {
    const char *name, *value;
} bridge_property_defaults[] = {
    {"client.id", "penstock"},
    {"compression.type", "lz4"},
    {"linger.ms", "5"},
    {"partitioner", "murmur2_random"}, /* a key lands where Java's producer puts it */
    {"message.max.bytes",
     "1048588"}, /* the broker's own default: room around an event of 1,000,000 bytes */
    {"reconnect.backoff.max.ms", "1000"}, /* to notice soon that Kafka is back */
    {"retry.backoff.ms", "50"},
    {"topic.metadata.propagation.max.ms",
     "5000"}, /* how long a topic may be unknown before its lane backs off */
    {"topic.metadata.refresh.interval.ms", "60000"},
    {"log.connection.close", "false"},
    {"socket.keepalive.enable", "true"},
};

/* In exactly_once on top of these; users may set them too. */
static const struct {
    const char *name, *value;
} bridge_property_txn_defaults[] = {
    {"retry.backoff.ms",
     "5"}, /* a transaction right after another one has to ask again: that wait is part of each */
};

/* Users may not set these. */
static const struct {
    const char *name, *value;
} bridge_property_fixed[] = {
    {"enable.idempotence", "true"}, /* and with it acks=all, and order within a partition */
    {"log.queue", "true"},
};
/* an agent that died holds up read_committed consumers for so long */
#define TRANSACTION_TIMEOUT_MS "60000"

#define LOSES "an event would count as delivered without being safe in Kafka"
#define DISAPPEARS                                                                                 \
    "events would disappear from the client's queue; they are tried until Kafka takes them"
#define REPEATS "events would be repeated or change their order"
#define OWN_QUEUE                                                                                  \
    "the bridge sizes the client's queue itself: see bridge.in_flight_bytes and "                  \
    "bridge.in_flight_events"
#define OWN_CALLBACK "the bridge installs it itself"
#define OWN_MODE     "set bridge.delivery instead"
#define NO_TESTS     "it is for the client's own tests: use --mock-kafka"
#define ONLY_LOGS    "the bridge takes in the client's log itself"

static const struct {
    const char *name, *why;
} bridge_property_refusals[] = {
    {"acks", "acks=all is fixed: " LOSES},
    {"request.required.acks", "acks=all is fixed: " LOSES},
    {"enable.idempotence", "it is always on: " REPEATS},
    {"message.timeout.ms", "it is fixed at 0 (for ever): " DISAPPEARS},
    {"delivery.timeout.ms", "it is fixed at 0 (for ever): " DISAPPEARS},
    {"message.send.max.retries", "retries have no limit: " DISAPPEARS},
    {"retries", "retries have no limit: " DISAPPEARS},
    {"enable.gapless.guarantee",
     "the bridge rewinds by itself; this would stop all topics because of one event"},
    {"queuing.strategy", "it is fifo: " REPEATS},
    {"transactional.id", OWN_MODE},
    {"transaction.timeout.ms", OWN_MODE},
    {"queue.buffering.max.messages", OWN_QUEUE},
    {"queue.buffering.max.kbytes", OWN_QUEUE},
    {"queue.buffering.backpressure.threshold", OWN_QUEUE},
    {"produce.offset.report", "the bridge doesn't look at offsets"},
    {"delivery.report.only.error", "good delivery reports move the cursors"},
    {"dr_cb", OWN_CALLBACK},
    {"dr_msg_cb", OWN_CALLBACK},
    {"error_cb", OWN_CALLBACK},
    {"log_cb", OWN_CALLBACK},
    {"throttle_cb", OWN_CALLBACK},
    {"stats_cb", OWN_CALLBACK},
    {"opaque", OWN_CALLBACK},
    {"enabled_events", OWN_CALLBACK},
    {"partitioner_cb", OWN_CALLBACK},
    {"msg_order_cmp", REPEATS},
    {"interceptors", OWN_CALLBACK},
    {"plugin.library.paths", "code loaded into the agent could drop or change events"},
    {"log.queue", ONLY_LOGS},
    {"log_level", ONLY_LOGS},
    {"log.thread.name", ONLY_LOGS},
    {"statistics.interval.ms",
     "the bridge doesn't take the client's statistics; it has metrics of its own"},
    {"test.mock.num.brokers", NO_TESTS},
    {"test.mock.broker.rtt", NO_TESTS},
    {"ut_handle_ProduceResponse", NO_TESTS},
};

const char *bridge_property_refused(const char *name)
{
    for (size_t i = 0; i < sizeof bridge_property_refusals / sizeof bridge_property_refusals[0];
         i++)
        if (strcmp(bridge_property_refusals[i].name, name) == 0)
            return bridge_property_refusals[i].why;
    return NULL;
}

static bool bridge_property_is_bootstrap(const char *name)
{
    return strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "metadata.broker.list") == 0;
}

static enum err bridge_properties_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                      struct errmsg *msg)
{
    char text[384] = "";
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return ERR_OK;
    return errmsg_set(msg, ERR_INVALID, "kafka.%s: %s", name, text);
}

/* librdkafka's words may hold the value: they are kept out of messages when the value is a
 * secret. */
static enum err bridge_properties_set_user(rd_kafka_conf_t *conf,
                                           const struct bridge_property *property,
                                           struct errmsg *msg)
{
    const char *why = bridge_property_refused(property->name);
    if (why != NULL)
        return errmsg_set(msg, ERR_INVALID, "kafka.%s can't be set: %s", property->name, why);
    enum err rc = bridge_properties_set(conf, property->name, property->value, msg);
    if (rc != ERR_OK && property->secret)
        return errmsg_set(msg, rc, "kafka.%s: the client refuses its value", property->name);
    return rc;
}

static enum err bridge_properties_set_all(rd_kafka_conf_t *conf,
                                          const struct bridge_options *options,
                                          const char *bootstrap, const char *transactional_id,
                                          struct errmsg *msg)
{
    enum err rc = ERR_OK;
    for (size_t i = 0;
         rc == ERR_OK && i < sizeof bridge_property_defaults / sizeof bridge_property_defaults[0];
         i++)
        rc = bridge_properties_set(conf, bridge_property_defaults[i].name,
                                   bridge_property_defaults[i].value, msg);
    for (size_t i = 0;
         rc == ERR_OK && transactional_id != NULL &&
         i < sizeof bridge_property_txn_defaults / sizeof bridge_property_txn_defaults[0];
         i++)
        rc = bridge_properties_set(conf, bridge_property_txn_defaults[i].name,
                                   bridge_property_txn_defaults[i].value, msg);
    bool has_bootstrap = bootstrap != NULL;
    for (size_t i = 0; rc == ERR_OK && i < options->property_count; i++) {
        const struct bridge_property *property = &options->properties[i];
        if (bridge_property_is_bootstrap(property->name)) {
            has_bootstrap = has_bootstrap || property->value[0] != '\0';
            if (bootstrap != NULL)
                continue;
        }
        rc = bridge_properties_set_user(conf, property, msg);
    }
    if (rc == ERR_OK && !has_bootstrap)
        return errmsg_set(msg, ERR_INVALID,
                          "kafka.bootstrap.servers isn't set: which brokers to connect to");
    if (rc == ERR_OK && bootstrap != NULL)
        rc = bridge_properties_set(conf, "bootstrap.servers", bootstrap, msg);
    for (size_t i = 0;
         rc == ERR_OK && i < sizeof bridge_property_fixed / sizeof bridge_property_fixed[0]; i++)
        rc = bridge_properties_set(conf, bridge_property_fixed[i].name,
                                   bridge_property_fixed[i].value, msg);

    /* Events are tried for ever. A transaction has an end, and its events are then tried in another
     * one. */
    if (rc == ERR_OK && transactional_id == NULL)
        rc = bridge_properties_set(conf, "message.timeout.ms", "0", msg);
    if (rc == ERR_OK && transactional_id != NULL)
        rc = bridge_properties_set(conf, "transactional.id", transactional_id, msg);
    if (rc == ERR_OK && transactional_id != NULL)
        rc = bridge_properties_set(conf, "transaction.timeout.ms", TRANSACTION_TIMEOUT_MS, msg);

    char number[32];
    snprintf(number, sizeof number, "%" PRIu64,
             (uint64_t)(options->in_flight_bytes_max + ROOM_BESIDES_BYTES) / 1024);
    if (rc == ERR_OK)
        rc = bridge_properties_set(conf, "queue.buffering.max.kbytes", number, msg);
    snprintf(number, sizeof number, "%" PRIu64, (uint64_t)options->in_flight_events_max + 1);
    if (rc == ERR_OK)
        rc = bridge_properties_set(conf, "queue.buffering.max.messages", number, msg);
    return rc;
}

enum err bridge_properties_conf(const struct bridge_options *options, const char *bootstrap,
                                const char *transactional_id, rd_kafka_conf_t **ret_conf,
                                struct errmsg *msg)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err rc = bridge_properties_set_all(conf, options, bootstrap, transactional_id, msg);
    if (rc != ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *ret_conf = conf;
    return ERR_OK;
}

static void bridge_properties_no_log(const rd_kafka_t *rk, int level, const char *facility,
                                     const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

enum err bridge_check_properties(const struct bridge_options *options, struct errmsg *msg)
{
    const char *nowhere = options->mock_kafka ? "127.0.0.1:9" : NULL;
    rd_kafka_conf_t *conf;
    enum err rc = bridge_properties_conf(
        options, nowhere, bridge_options_exactly_once(options) ? "penstock" : NULL, &conf, msg);
    if (rc != ERR_OK)
        return rc;
    /* A client is made because some mistakes show only then; without brokers it connects to
     * none. */
    char text[384] = "";
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", "", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "log.queue", "false", text, sizeof text);
    rd_kafka_conf_set_log_cb(conf, bridge_properties_no_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return errmsg_set(msg, ERR_INVALID, "kafka: %s", text);
    }
    rd_kafka_destroy(rk);
    return ERR_OK;
}
