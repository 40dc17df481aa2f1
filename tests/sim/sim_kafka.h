/* SPDX-License-Identifier: MIT
 * sim_kafka.h - a Kafka behind the seam bridge/client/sink.h: topics, leaders, refusals, delays,
 * what
 * a consumer sees. Transactions are not modelled; the bridge runs at_least_once. */
#ifndef PENSTOCK_TESTS_SIM_KAFKA_H
#define PENSTOCK_TESTS_SIM_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void sim_kafka_reset(void);
/* The agent died: what its client had sent may still arrive, later. */
void sim_kafka_client_died(void);

void sim_kafka_make_topic(const char *topic, int partitions); /* or grows it */
void sim_kafka_delete_topic(const char *topic);
void sim_kafka_set_leaderless(const char *topic, bool leaderless); /* all of its partitions */
void sim_kafka_set_forbidden(const char *topic, bool forbidden);
void sim_kafka_set_max_bytes(const char *topic, size_t bytes); /* larger: MSG_SIZE_TOO_LARGE */
void sim_kafka_set_away(bool away);                            /* no broker answers */
void sim_kafka_set_delay_ms(int64_t min_ms, int64_t max_ms);
void sim_kafka_set_lost_answers(unsigned per_1000); /* appended, but the client sees a timeout */
/* Another cluster with topics of the same names answers under the address. Its brokers know nothing
 * of the producers: open ones end with a fatal error. */
void sim_kafka_change_cluster(void);

/* A record as a consumer sees it. */
struct sim_record {
    const char *topic;
    int partition;
    uint64_t offset;
    const uint8_t *key, *value;
    size_t key_size, value_size;
    int64_t appended_ms;
    bool late; /* labelled as salvaged, or moved: order is not promised */
};
size_t sim_kafka_record_count(void);
const struct sim_record *sim_kafka_record(size_t index); /* in the order of appending */

/* Moments after which a bridge sends events again for good reason. Ascending in time. */
struct sim_kafka_moment {
    int64_t at_ms;
    const char *topic; /* an event of it failed; NULL: a client was closed, all topics */
};
size_t sim_kafka_moment_count(void);
const struct sim_kafka_moment *sim_kafka_moment(size_t index);

/* Called when the client has told the bridge that Kafka has this value. */
void sim_kafka_on_confirmed(void (*fn)(const char *topic, const uint8_t *value, size_t size));

#endif
