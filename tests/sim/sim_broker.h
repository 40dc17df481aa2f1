/* SPDX-License-Identifier: MIT
 * sim_broker.h - between the two halves of the Kafka model: the client (sim_sink.c) sends requests,
 * the brokers (sim_kafka.c) append and answer, both lazily: a look at the clock does what is due.
 * */
#ifndef PENSTOCK_TESTS_SIM_BROKER_H
#define PENSTOCK_TESTS_SIM_BROKER_H

#include "bridge/client/sink.h"
#include "tests/sim/sim_kafka.h"

#define SIM_NEVER INT64_MAX

/* One message on its way. Key and value are copies, made when the request was sent. */
struct sim_message {
    uint64_t token;
    uint8_t *key, *value;
    size_t key_size, value_size;
    uint64_t offset;
    bool late;
};

/* A batch for one partition. The client frees it once it has read the answer; a request without a
 * client (it died) is freed by the brokers. */
struct sim_request {
    struct sim_request *next;
    const void *client; /* NULL: nobody waits for the answer */
    char *topic;
    int partition;
    struct sim_message *messages;
    size_t count;
    int64_t arrive_ms; /* when the leader reads it; SIM_NEVER: lost on the way */
    int64_t answer_ms; /* when the client reads the answer; SIM_NEVER: lost */
    bool arrived;
    int code; /* of the answer */
};

void sim_broker_send(struct sim_request *request); /* takes it over; draws its times */
void sim_broker_pump(void);                        /* does what is due */
/* An answered request of this client, taken off the list; NULL: none is due. */
struct sim_request *sim_broker_answer(const void *client);
int64_t sim_broker_next_ms(const void *client); /* when the next answer may be there */
void sim_broker_abandon(const void *client);    /* NULL: all clients: their process died */
/* Takes one request off the list that its client gives up; the leader may still read it. */
void sim_broker_forget(struct sim_request *request);
void sim_request_free(struct sim_request *request);

int sim_broker_partitions(const char *topic); /* 0: there is no such topic */
bool sim_broker_leaderless(const char *topic);
bool sim_broker_away(void);
unsigned sim_broker_cluster(void); /* another number: another cluster */

/* How often a client was told of a failure, for the oracle. `good`: the event is Kafka's. */
void sim_kafka_told(const char *topic, const struct sim_message *message, bool good);
void sim_kafka_restarted(void); /* a client was closed: what was in flight is sent again */

#endif
