/* SPDX-License-Identifier: MIT
 * sim_kafka.c - the brokers: topics and their troubles, requests on their way, the log of records.
 * */
#include "tests/sim/sim_broker.h"
#include "tests/sim/sim_sched.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#define TOPICS_MAX     64
#define PARTITIONS_MAX 8
#define LATE_MS_MAX    5000 /* what a dead process had sent arrives within this time */
#define LOST_MS_MAX    9000 /* until a client knows what became of a request without answer */
#define AWAY_RETRY_MS  200  /* the client's connection attempts while nobody answers */

struct topic {
    char name[64];
    int partitions; /* 0: deleted */
    bool leaderless, forbidden;
    size_t bytes_max; /* 0: no limit */
    uint64_t ends[PARTITIONS_MAX];
};

static struct {
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    bool away;
    int64_t delay_min_ms, delay_max_ms;
    unsigned lost_answers;
    unsigned cluster;
    struct sim_request *requests; /* in the order of sending */
    struct sim_record *records;
    size_t record_count, record_capacity;
    struct sim_kafka_moment *moments;
    size_t moment_count, moment_capacity;
    void (*on_confirmed)(const char *topic, const uint8_t *value, size_t size);
} kafka = {.delay_min_ms = 1, .delay_max_ms = 20};

/* ---- topics ---------------------------------------------------------------------------------- */

static struct topic *find(const char *name)
{
    for (size_t i = 0; i < kafka.topic_count; i++)
        if (strcmp(kafka.topics[i].name, name) == 0)
            return &kafka.topics[i];
    return NULL;
}

static struct topic *find_or_make(const char *name)
{
    struct topic *topic = find(name);
    if (topic == NULL && kafka.topic_count < TOPICS_MAX) {
        topic = &kafka.topics[kafka.topic_count++];
        *topic = (struct topic){0};
        strncpy(topic->name, name, sizeof topic->name - 1);
    }
    return topic;
}

void sim_kafka_reset(void)
{
    memset(&kafka, 0, sizeof kafka);
    kafka.delay_min_ms = 1;
    kafka.delay_max_ms = 20;
}

void sim_kafka_make_topic(const char *name, int partitions)
{
    sim_broker_pump();
    struct topic *topic = find_or_make(name);
    if (topic != NULL && topic->partitions < partitions)
        topic->partitions = partitions <= PARTITIONS_MAX ? partitions : PARTITIONS_MAX;
}

void sim_kafka_delete_topic(const char *name)
{
    sim_broker_pump();
    struct topic *topic = find(name);
    if (topic == NULL)
        return;
    topic->partitions = 0;
    memset(topic->ends, 0, sizeof topic->ends);
}

void sim_kafka_set_leaderless(const char *name, bool leaderless)
{
    sim_broker_pump();
    find_or_make(name)->leaderless = leaderless;
}

void sim_kafka_set_forbidden(const char *name, bool forbidden)
{
    sim_broker_pump();
    find_or_make(name)->forbidden = forbidden;
}

void sim_kafka_set_max_bytes(const char *name, size_t bytes)
{
    sim_broker_pump();
    find_or_make(name)->bytes_max = bytes;
}

void sim_kafka_set_away(bool away)
{
    sim_broker_pump();
    kafka.away = away;
}

void sim_kafka_set_delay_ms(int64_t min_ms, int64_t max_ms)
{
    kafka.delay_min_ms = min_ms;
    kafka.delay_max_ms = max_ms;
}

void sim_kafka_set_lost_answers(unsigned per_1000)
{
    kafka.lost_answers = per_1000;
}

void sim_kafka_change_cluster(void)
{
    sim_broker_pump();
    kafka.cluster++;
    for (size_t i = 0; i < kafka.topic_count; i++)
        memset(kafka.topics[i].ends, 0, sizeof kafka.topics[i].ends);
}

int sim_broker_partitions(const char *name)
{
    const struct topic *topic = find(name);
    return topic != NULL ? topic->partitions : 0;
}

bool sim_broker_leaderless(const char *name)
{
    const struct topic *topic = find(name);
    return topic != NULL && topic->leaderless;
}

bool sim_broker_away(void)
{
    return kafka.away;
}

unsigned sim_broker_cluster(void)
{
    return kafka.cluster;
}

/* ---- records --------------------------------------------------------------------------------- */

size_t sim_kafka_record_count(void)
{
    sim_broker_pump();
    return kafka.record_count;
}

const struct sim_record *sim_kafka_record(size_t index)
{
    return &kafka.records[index];
}

/* The message's key and value become the record's. */
static void append(struct topic *topic, int partition, struct sim_message *message)
{
    if (kafka.record_count == kafka.record_capacity) {
        kafka.record_capacity = kafka.record_capacity * 2 + 1024;
        kafka.records = realloc(kafka.records, kafka.record_capacity * sizeof *kafka.records);
    }
    message->offset = topic->ends[partition]++;
    kafka.records[kafka.record_count++] = (struct sim_record){
        .topic = topic->name,
        .partition = partition,
        .offset = message->offset,
        .key = message->key,
        .value = message->value,
        .key_size = message->key_size,
        .value_size = message->value_size,
        .appended_ms = sim_now_ms(),
        .late = message->late,
    };
}

static void note_moment(const char *topic)
{
    if (kafka.moment_count > 0) {
        const struct sim_kafka_moment *last = &kafka.moments[kafka.moment_count - 1];
        if (last->at_ms == sim_now_ms() && last->topic == topic)
            return;
    }
    if (kafka.moment_count == kafka.moment_capacity) {
        kafka.moment_capacity = kafka.moment_capacity * 2 + 64;
        kafka.moments = realloc(kafka.moments, kafka.moment_capacity * sizeof *kafka.moments);
    }
    kafka.moments[kafka.moment_count++] = (struct sim_kafka_moment){sim_now_ms(), topic};
}

void sim_kafka_told(const char *name, const struct sim_message *message, bool good)
{
    if (good && kafka.on_confirmed != NULL)
        kafka.on_confirmed(name, message->value, message->value_size);
    if (!good)
        note_moment(find_or_make(name)->name);
}

void sim_kafka_restarted(void)
{
    note_moment(NULL);
}

size_t sim_kafka_moment_count(void)
{
    return kafka.moment_count;
}

const struct sim_kafka_moment *sim_kafka_moment(size_t index)
{
    return &kafka.moments[index];
}

void sim_kafka_on_confirmed(void (*fn)(const char *topic, const uint8_t *value, size_t size))
{
    kafka.on_confirmed = fn;
}

/* ---- requests -------------------------------------------------------------------------------- */

static int64_t draw_delay(void)
{
    int64_t span = kafka.delay_max_ms - kafka.delay_min_ms + 1;
    return kafka.delay_min_ms + (int64_t)sim_random((uint64_t)(span > 0 ? span : 1));
}

void sim_request_free(struct sim_request *request)
{
    /* Keys and values belong to the records by now, or are left to the end of the process. */
    free(request->topic);
    free(request->messages);
    free(request);
}

void sim_broker_send(struct sim_request *request)
{
    struct sim_request **end = &kafka.requests;
    while (*end != NULL)
        end = &(*end)->next;
    request->next = NULL;
    request->arrive_ms = sim_now_ms() + draw_delay();
    request->answer_ms = SIM_NEVER;
    *end = request;
}

/* What the leader says to a whole batch: one event that is too large refuses it all. */
static int verdict(const struct topic *topic, const struct sim_request *request)
{
    if (topic == NULL || request->partition >= topic->partitions)
        return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (topic->forbidden)
        return RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    if (topic->leaderless)
        return RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    for (size_t i = 0; topic->bytes_max != 0 && i < request->count; i++)
        if (request->messages[i].key_size + request->messages[i].value_size > topic->bytes_max)
            return RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    return 0;
}

static void arrive(struct sim_request *request)
{
    if (kafka.away) { /* the client's connection is gone; it asks again until it gives up */
        if (request->client == NULL)
            request->arrive_ms = SIM_NEVER;
        else
            request->arrive_ms = sim_now_ms() + AWAY_RETRY_MS;
        return;
    }
    struct topic *topic = find(request->topic);
    request->arrived = true;
    request->code = verdict(topic, request);
    for (size_t i = 0; request->code == 0 && i < request->count; i++)
        append(topic, request->partition, &request->messages[i]);
    request->answer_ms = sim_now_ms() + draw_delay();
    if (request->code == 0 && kafka.lost_answers > 0 && sim_chance(kafka.lost_answers)) {
        /* Mostly the client asks again, and is told then; else it reports a timeout. */
        if (sim_chance(300))
            request->code = RD_KAFKA_RESP_ERR__TIMED_OUT;
        request->answer_ms = sim_now_ms() + 1000 + (int64_t)sim_random(LOST_MS_MAX);
        sim_note("kafka answer_lost topic=%s events=%zu code=%d", request->topic, request->count,
                 request->code);
    }
}

void sim_broker_pump(void)
{
    int64_t now_ms = sim_now_ms();
    for (struct sim_request **at = &kafka.requests; *at != NULL;) {
        struct sim_request *request = *at;
        if (!request->arrived && request->arrive_ms <= now_ms)
            arrive(request);
        bool over = request->arrived || request->arrive_ms == SIM_NEVER;
        if (request->client == NULL && over) {
            *at = request->next;
            sim_request_free(request);
        } else {
            at = &request->next;
        }
    }
}

struct sim_request *sim_broker_answer(const void *client)
{
    for (struct sim_request **at = &kafka.requests; *at != NULL; at = &(*at)->next) {
        struct sim_request *request = *at;
        if (request->client != client || !request->arrived || request->answer_ms > sim_now_ms())
            continue;
        *at = request->next;
        return request;
    }
    return NULL;
}

int64_t sim_broker_next_ms(const void *client)
{
    int64_t next = SIM_NEVER;
    for (const struct sim_request *request = kafka.requests; request != NULL;
         request = request->next) {
        int64_t at = request->arrived ? request->answer_ms : request->arrive_ms;
        if (request->client == client && at < next)
            next = at;
    }
    return next;
}

void sim_broker_forget(struct sim_request *request)
{
    request->client = NULL;
    if (!request->arrived && sim_chance(500))
        request->arrive_ms = SIM_NEVER;
}

void sim_broker_abandon(const void *client)
{
    for (struct sim_request *request = kafka.requests; request != NULL; request = request->next) {
        if (request->client == NULL || (client != NULL && request->client != client))
            continue;
        sim_broker_forget(request);
        if (!request->arrived && request->arrive_ms != SIM_NEVER)
            request->arrive_ms = sim_now_ms() + (int64_t)sim_random(LATE_MS_MAX);
    }
    sim_broker_pump();
}

void sim_kafka_client_died(void)
{
    sim_broker_pump();
    sim_broker_abandon(NULL);
}
