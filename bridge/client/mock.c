/* SPDX-License-Identifier: MIT
 * mock.c - librdkafka's mock cluster. */
#include "bridge/client/mock.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

struct bridge_mock {
    rd_kafka_t *host; /* the cluster needs a client instance to live in */
    rd_kafka_mock_cluster_t *cluster;
};

static void bridge_mock_no_log(const rd_kafka_t *rk, int level, const char *facility,
                               const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

enum err bridge_mock_start(struct bridge_mock **ret_mock, struct errmsg *msg)
{
    struct bridge_mock *mock = calloc(1, sizeof *mock);
    if (mock == NULL)
        return ERR_NOMEM;
    char text[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, bridge_mock_no_log);
    (void)rd_kafka_conf_set(conf, "client.id", "penstock-mock-kafka", text, sizeof text);
    mock->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (mock->host == NULL) {
        rd_kafka_conf_destroy(conf);
        bridge_mock_stop(mock);
        return errmsg_set(msg, ERR_IO, "mock Kafka: %s", text);
    }
    mock->cluster = rd_kafka_mock_cluster_new(mock->host, 1);
    if (mock->cluster == NULL) {
        bridge_mock_stop(mock);
        return errmsg_set(msg, ERR_IO, "mock Kafka: the cluster could not be started");
    }
    *ret_mock = mock;
    return ERR_OK;
}

const char *bridge_mock_bootstrap(const struct bridge_mock *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

void bridge_mock_stop(struct bridge_mock *mock)
{
    if (mock == NULL)
        return;
    if (mock->cluster != NULL)
        rd_kafka_mock_cluster_destroy(mock->cluster);
    if (mock->host != NULL)
        rd_kafka_destroy(mock->host);
    free(mock);
}
