/* SPDX-License-Identifier: MIT
 * sim_sink.c - the client behind the seam bridge/client/sink.h: queues per partition, one request
 * of
 * each under way, refusals and timeouts as librdkafka tells them. */
#include "tests/sim/sim_broker.h"
#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_sched.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_EVENTS_MAX 100000
#define BATCH_EVENTS_MAX 64
#define BATCH_BYTES_MAX  1000000
#define EVENT_BYTES_MAX  1048588 /* message.max.bytes: refused before anything is sent */
#define UNKNOWN_MS       5000    /* topic.metadata.propagation.max.ms */
#define LOOK_MS          100     /* for topics and leaders */
#define IDLE_POLLS_MAX   5000    /* in a row: a whole core is used for nothing */

struct queued {
    struct queued *next;
    uint64_t token;
    const uint8_t *key, *value; /* borrowed until the report, or owned */
    size_t key_size, value_size;
    uint8_t *copied_key, *copied_value;
    int32_t partition;
    int64_t since_ms;
    bool late;
};

struct queue {
    struct queued *first, **end;
    size_t count;
};

struct bridge_sink_topic {
    struct bridge_sink_topic *next;
    struct bridge_sink *sink;
    char *name;
    struct queue queues[8]; /* by partition */
    struct queue homeless;  /* the topic isn't known */
    struct sim_request *under_way[8];
    bool closed;
};

struct bridge_sink {
    pthread_mutex_t lock; /* guards woken */
    pthread_cond_t changed;
    bool woken;
    struct bridge_sink_handler handler;
    struct bridge_sink_topic *topics;
    size_t queued;
    unsigned cluster;
    int64_t trouble_due_ms;
    unsigned idle_polls; /* in a row, without a wait, an event or a report */
};

/* ---- queues ---------------------------------------------------------------------------------- */

static void push(struct queue *queue, struct queued *item)
{
    if (queue->first == NULL)
        queue->end = &queue->first;
    item->next = NULL;
    *queue->end = item;
    queue->end = &item->next;
    queue->count++;
}

static struct queued *pop(struct queue *queue)
{
    struct queued *item = queue->first;
    if (item == NULL)
        return NULL;
    queue->first = item->next;
    queue->count--;
    return item;
}

static void free_item(struct queued *item)
{
    free(item->copied_key);
    free(item->copied_value);
    free(item);
}

static uint32_t hash(const uint8_t *data, size_t size)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ data[i]) * 16777619u;
    return h ^ h >> 15;
}

static int place(const struct queued *item, int partitions)
{
    if (item->partition >= 0)
        return item->partition < partitions ? item->partition : -1;
    if (item->key != NULL)
        return (int)(hash(item->key, item->key_size) % (uint32_t)partitions);
    return (int)sim_random((uint64_t)partitions);
}

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
    if (data == NULL)
        return NULL;
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, data, size);
    return copy;
}

/* ---- opening and closing --------------------------------------------------------------------- */

enum err bridge_sink_open(const struct bridge_options *options, const char *bootstrap,
                          const uint8_t spool_uuid[16], const struct bridge_sink_handler *handler,
                          struct bridge_sink **ret_sink, struct errmsg *msg)
{
    (void)options, (void)bootstrap, (void)spool_uuid, (void)msg;
    struct bridge_sink *sink = calloc(1, sizeof *sink);
    pthread_condattr_t attr;
    sink->handler = *handler;
    sink->cluster = sim_broker_cluster();
    pthread_mutex_init(&sink->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->changed, &attr);
    pthread_condattr_destroy(&attr);
    *ret_sink = sink;
    return ERR_OK;
}

static void drop_queue(struct queue *queue)
{
    for (struct queued *item; (item = pop(queue)) != NULL;)
        free_item(item);
}

void bridge_sink_close(struct bridge_sink *sink)
{
    if (sink == NULL)
        return;
    sim_broker_pump();
    sim_broker_abandon(sink);
    sim_kafka_restarted();
    while (sink->topics != NULL) {
        struct bridge_sink_topic *topic = sink->topics;
        sink->topics = topic->next;
        for (int i = 0; i < 8; i++)
            drop_queue(&topic->queues[i]);
        drop_queue(&topic->homeless);
        free(topic->name);
        free(topic);
    }
    pthread_cond_destroy(&sink->changed);
    pthread_mutex_destroy(&sink->lock);
    free(sink);
}

struct bridge_sink_topic *bridge_sink_topic_open(struct bridge_sink *sink, const char *name)
{
    for (struct bridge_sink_topic *topic = sink->topics; topic != NULL; topic = topic->next)
        if (strcmp(topic->name, name) == 0)
            return topic;
    struct bridge_sink_topic *topic = calloc(1, sizeof *topic);
    topic->sink = sink;
    topic->name = strdup(name);
    topic->next = sink->topics;
    sink->topics = topic;
    return topic;
}

/* The topic's queues live on until the sink ends, as librdkafka's do. */
void bridge_sink_topic_close(struct bridge_sink_topic *topic)
{
    (void)topic;
}

/* ---- handing over ---------------------------------------------------------------------------- */

int bridge_sink_produce(struct bridge_sink *sink, struct bridge_sink_topic *topic,
                        const struct spool_event *event, uint64_t token, bool copy)
{
    if (topic == NULL)
        return RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (event->key.size + event->value.size + event->headers.size > EVENT_BYTES_MAX)
        return RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    if (sink->queued >= QUEUE_EVENTS_MAX)
        return BRIDGE_SINK_FULL;
    struct queued *item = calloc(1, sizeof *item);
    item->token = token;
    item->copied_key = copy_of(event->key.data, event->key.size);
    item->key = item->copied_key;
    if (copy)
        item->copied_value = copy_of(event->value.data, event->value.size);
    item->value = copy ? item->copied_value : event->value.data;
    item->key_size = event->key.size;
    item->value_size = event->value.size;
    item->partition = event->partition;
    item->since_ms = sim_now_ms();
    item->late = event->salvaged || event->origin_id != 0;
    int partitions = sim_broker_away() ? 0 : sim_broker_partitions(topic->name);
    int at = partitions > 0 && topic->homeless.count == 0 ? place(item, partitions) : 0;
    if (at < 0) {
        free_item(item);
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    }
    sink->queued++;
    sink->idle_polls = 0;
    push(partitions > 0 && topic->homeless.count == 0 ? &topic->queues[at] : &topic->homeless,
         item);
    return 0;
}

static void report(struct bridge_sink *sink, const struct bridge_sink_topic *topic,
                   const struct sim_message *message, int code, int partition)
{
    sink->queued--;
    sim_kafka_told(topic->name, message, code == 0);
    sink->handler.report(sink->handler.arg, message->token, code, partition,
                         code == 0 ? (int64_t)message->offset : -1);
}

static void refuse(struct bridge_sink *sink, const struct bridge_sink_topic *topic,
                   struct queued *item, int code)
{
    const struct sim_message message = {.token = item->token};
    free_item(item); /* its memory may go with the report */
    report(sink, topic, &message, code, -1);
}

/* Events without a known topic find their partitions, or fail. True: some were reported. */
static bool tend_homeless(struct bridge_sink *sink, struct bridge_sink_topic *topic)
{
    int partitions = sim_broker_away() ? 0 : sim_broker_partitions(topic->name);
    bool reported = false;
    size_t count = topic->homeless.count;
    while (count-- > 0) {
        struct queued *item = topic->homeless.first;
        bool too_long = !sim_broker_away() && sim_now_ms() - item->since_ms >= UNKNOWN_MS;
        if (partitions == 0 && !too_long)
            break;
        (void)pop(&topic->homeless);
        int at = partitions > 0 ? place(item, partitions) : -1;
        if (at >= 0) {
            push(&topic->queues[at], item);
            continue;
        }
        refuse(sink, topic, item,
               partitions > 0 ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
                              : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC);
        reported = true;
    }
    return reported;
}

static void send_batch(struct bridge_sink *sink, struct bridge_sink_topic *topic, int partition)
{
    struct queue *queue = &topic->queues[partition];
    struct sim_request *request = calloc(1, sizeof *request);
    size_t room = 1 + sim_random(BATCH_EVENTS_MAX), bytes = 0;
    request->client = sink;
    request->topic = strdup(topic->name);
    request->partition = partition;
    request->messages = calloc(room, sizeof *request->messages);
    while (request->count < room && queue->first != NULL) {
        if (request->count > 0 && bytes + queue->first->value_size > BATCH_BYTES_MAX)
            break;
        struct queued *item = pop(queue);
        bytes += item->value_size;
        request->messages[request->count++] = (struct sim_message){
            .token = item->token,
            .key = copy_of(item->key, item->key_size),
            .key_size = item->key_size,
            .value = copy_of(item->value, item->value_size),
            .value_size = item->value_size,
            .late = item->late,
        };
        free_item(item);
    }
    topic->under_way[partition] = request;
    sim_broker_send(request);
}

static void send_what_is_due(struct bridge_sink *sink)
{
    if (sim_broker_away())
        return;
    for (struct bridge_sink_topic *topic = sink->topics; topic != NULL; topic = topic->next)
        for (int i = 0; i < 8; i++)
            if (topic->under_way[i] == NULL && topic->queues[i].first != NULL &&
                !sim_broker_leaderless(topic->name))
                send_batch(sink, topic, i);
}

/* ---- taking in ------------------------------------------------------------------------------- */

static void take_answer(struct bridge_sink *sink, struct sim_request *request)
{
    struct bridge_sink_topic *topic = bridge_sink_topic_open(sink, request->topic);
    topic->under_way[request->partition] = NULL;
    for (size_t i = 0; i < request->count; i++)
        report(sink, topic, &request->messages[i], request->code, request->partition);
    sim_request_free(request);
}

static bool take_in(struct bridge_sink *sink)
{
    bool any = false;
    sim_broker_pump();
    for (struct sim_request *request; (request = sim_broker_answer(sink)) != NULL; any = true)
        take_answer(sink, request);
    for (struct bridge_sink_topic *topic = sink->topics; topic != NULL; topic = topic->next)
        any = (topic->homeless.count > 0 && tend_homeless(sink, topic)) || any;
    send_what_is_due(sink);
    if (sim_broker_away() && sim_now_ms() >= sink->trouble_due_ms) {
        sink->trouble_due_ms = sim_now_ms() + 1000;
        sink->handler.trouble(sink->handler.arg, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "all down");
    }
    return any;
}

static bool waits_for_a_leader(const struct bridge_sink *sink)
{
    for (const struct bridge_sink_topic *topic = sink->topics; topic != NULL; topic = topic->next) {
        if (topic->homeless.count > 0)
            return true;
        for (int i = 0; i < 8; i++)
            if (topic->under_way[i] == NULL && topic->queues[i].count > 0)
                return true;
    }
    return false;
}

/* Sleeps until something may have happened; true: woken. */
static bool wait_until(struct bridge_sink *sink, int64_t until_ms)
{
    int64_t next_ms = sim_broker_next_ms(sink);
    if (waits_for_a_leader(sink) && sim_now_ms() + LOOK_MS < next_ms)
        next_ms = sim_now_ms() + LOOK_MS;
    if (next_ms > until_ms)
        next_ms = until_ms;
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t left_ms = next_ms - sim_now_ms();
    at.tv_sec += left_ms / 1000;
    at.tv_nsec += left_ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&sink->lock);
    while (!sink->woken && left_ms > 0 &&
           pthread_cond_timedwait(&sink->changed, &sink->lock, &at) == 0)
        ;
    bool woken = sink->woken;
    sink->woken = false;
    pthread_mutex_unlock(&sink->lock);
    return woken;
}

static void note_idle_poll(struct bridge_sink *sink)
{
    if (++sink->idle_polls < IDLE_POLLS_MAX)
        return;
    sink->idle_polls = 0;
    sim_oracle_find("bridge_spins", "%d polls in a row without anything to do", IDLE_POLLS_MAX);
    sim_sleep_ms(1000); /* known: the history goes on */
}

void bridge_sink_poll(struct bridge_sink *sink, int timeout_ms)
{
    int64_t until_ms = sim_now_ms() + timeout_ms;
    for (;;) {
        bool any = take_in(sink);
        if (any || timeout_ms > 0)
            sink->idle_polls = 0;
        else
            note_idle_poll(sink);
        if (any || sim_now_ms() >= until_ms || wait_until(sink, until_ms))
            break;
    }
    (void)take_in(sink);
}

void bridge_sink_wake(struct bridge_sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    sink->woken = true;
    pthread_cond_signal(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
}

bool bridge_sink_probe(struct bridge_sink *sink, struct bridge_sink_topic *topic, int timeout_ms)
{
    (void)sink, (void)topic;
    sim_sleep_ms(sim_broker_away() ? timeout_ms : 1);
    return !sim_broker_away();
}

int bridge_sink_fatal(struct bridge_sink *sink, char *ret_text, size_t size)
{
    if (sink->cluster == sim_broker_cluster() || sim_broker_away())
        return 0;
    snprintf(ret_text, size, "unknown producer id");
    return RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID;
}
