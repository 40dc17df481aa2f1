/* SPDX-License-Identifier: MIT
 * bridge_fixture.h - a real spool, the bridge, and librdkafka's mock cluster, with a consumer to
 * look at what arrived. */
#ifndef PENSTOCK_TESTS_BRIDGE_FIXTURE_H
#define PENSTOCK_TESTS_BRIDGE_FIXTURE_H

#include "bridge/bridge.h"
#include "tests/support/spool_fixture.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>

#define BRIDGE_FIXTURE_REPORTS_MAX 512

struct bridge_fixture {
    struct spool_fixture spool;
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
    struct bridge_property properties[8]; /* [0] is bootstrap.servers */
    struct bridge_options options;
    struct bridge *bridge;
    pthread_mutex_t lock; /* guards reports */
    char *reports[BRIDGE_FIXTURE_REPORTS_MAX];
    size_t report_count;
};

void bridge_fixture_init(struct bridge_fixture *f); /* cluster of one broker, spool open, bridge not
                                                     * started */
void bridge_fixture_start(struct bridge_fixture *f);
void bridge_fixture_stop(struct bridge_fixture *f); /* the bridge, without draining */
void bridge_fixture_reopen(
    struct bridge_fixture *f); /* stops the bridge, closes and opens the spool, starts the bridge */
void bridge_fixture_done(struct bridge_fixture *f);
/* a property, before start */
void bridge_fixture_set(struct bridge_fixture *f, const char *name, const char *value);

/* how many reports hold this text */
size_t bridge_fixture_reports(struct bridge_fixture *f, const char *part);

/* Appends count events in one batch: the keys k0, k1, … in turn, the values "<first>", "<first +
 * 1>", … */
void bridge_fixture_append(struct bridge_fixture *f, const char *topic, unsigned first,
                           unsigned count, unsigned keys);
void bridge_fixture_append_event(struct bridge_fixture *f, const char *topic,
                                 const struct spool_event *event);

struct spool_books bridge_fixture_books(struct bridge_fixture *f);
enum bridge_lane_state bridge_fixture_lane(struct bridge_fixture *f, const char *topic,
                                           struct bridge_lane_stats *ret);

/* Reads a topic from its beginning until `count` different values arrived or 20 s are over. Fails
 * the test unless the values are exactly 0 … count - 1 and, once repeats are dropped (the last one
 * stays), ascend per key. Returns the repeats. */
unsigned bridge_fixture_expect(struct bridge_fixture *f, const char *topic, unsigned count);
/* How many messages there are in the topic now, as the high watermarks say. */
int64_t bridge_fixture_log_size(struct bridge_fixture *f, const char *topic);
/* The first message of a topic, whole; the caller destroys it. */
rd_kafka_message_t *bridge_fixture_first(struct bridge_fixture *f, const char *topic,
                                         rd_kafka_t **ret_consumer);

#endif
