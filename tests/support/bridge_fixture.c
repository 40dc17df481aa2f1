/* SPDX-License-Identifier: MIT
 * bridge_fixture.c - spool, bridge, mock cluster, consumer. */
#include "tests/support/bridge_fixture.h"
#include "tests/support/tsan_threads.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define PARTITIONS 4
#define KEYS_MAX   1000

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

void bridge_fixture_init(struct bridge_fixture *f)
{
    assert_int_equal(tsan_threads_linked, 1);
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    spool_fixture_init(&f->spool);
    spool_fixture_open(&f->spool);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, no_log);
    f->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    assert_non_null(f->host);
    f->cluster = rd_kafka_mock_cluster_new(f->host, 1);
    assert_non_null(f->cluster);
    f->options = (struct bridge_options)BRIDGE_OPTIONS_DEFAULT;
    f->options.delivery = BRIDGE_AT_LEAST_ONCE; /* a mock cluster's transactions are not real */
    f->options.backoff_ms_min = 20;
    f->options.backoff_ms_max = 200;
    f->options.properties = f->properties;
    bridge_fixture_set(f, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f->cluster));
    bridge_fixture_set(f, "reconnect.backoff.max.ms", "100");
    bridge_fixture_set(f, "reconnect.backoff.ms", "20");
    bridge_fixture_set(f, "topic.metadata.propagation.max.ms", "500");
}

void bridge_fixture_set(struct bridge_fixture *f, const char *name, const char *value)
{
    assert_true(f->options.property_count < sizeof f->properties / sizeof f->properties[0]);
    f->properties[f->options.property_count++] =
        (struct bridge_property){strdup(name), strdup(value), false};
}

static void on_report(void *arg, const struct bridge_report *report)
{
    struct bridge_fixture *f = arg;
    char line[1500];
    snprintf(line, sizeof line, "%s %s %s", report->problem ? "!" : " ", report->event,
             report->detail);
    if (getenv("BRIDGE_TEST_VERBOSE") != NULL)
        fprintf(stderr, "%lld %s\n", (long long)clock_monotonic_ms(), line);
    pthread_mutex_lock(&f->lock);
    if (f->report_count < BRIDGE_FIXTURE_REPORTS_MAX)
        f->reports[f->report_count++] = strdup(line);
    pthread_mutex_unlock(&f->lock);
}

size_t bridge_fixture_reports(struct bridge_fixture *f, const char *part)
{
    size_t count = 0;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->report_count; i++)
        count += strstr(f->reports[i], part) != NULL;
    pthread_mutex_unlock(&f->lock);
    return count;
}

void bridge_fixture_start(struct bridge_fixture *f)
{
    struct errmsg msg = {""};
    if (bridge_start(&f->options, f->spool.spool, on_report, f, &f->bridge, &msg) != ERR_OK)
        fail_msg("bridge_start: %s", msg.text);
}

void bridge_fixture_stop(struct bridge_fixture *f)
{
    bridge_stop(f->bridge);
    f->bridge = NULL;
}

void bridge_fixture_reopen(struct bridge_fixture *f)
{
    bridge_fixture_stop(f);
    spool_fixture_close(&f->spool);
    spool_fixture_open(&f->spool);
    bridge_fixture_start(f);
}

void bridge_fixture_done(struct bridge_fixture *f)
{
    bridge_fixture_stop(f);
    spool_fixture_done(&f->spool);
    rd_kafka_mock_cluster_destroy(f->cluster);
    rd_kafka_destroy(f->host);
    for (size_t i = 0; i < f->options.property_count; i++) {
        free(f->properties[i].name);
        free(f->properties[i].value);
    }
    for (size_t i = 0; i < f->report_count; i++)
        free(f->reports[i]);
    pthread_mutex_destroy(&f->lock);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int state; /* 0 waiting, 1 good, 2 bad */
};

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct waiter *waiter = arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->state = receipt->err == ERR_OK ? 1 : 2;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->lock);
}

static void submit(struct bridge_fixture *f, struct spool_batch *batch)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    assert_int_equal(spool_submit(f->spool.spool, batch, on_done, &waiter), ERR_OK);
    pthread_mutex_lock(&waiter.lock);
    while (waiter.state == 0)
        pthread_cond_wait(&waiter.cond, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    assert_int_equal(waiter.state, 1);
}

void bridge_fixture_append(struct bridge_fixture *f, const char *topic, unsigned first,
                           unsigned count, unsigned keys)
{
    struct spool_batch *batch = NULL;
    assert_true(keys <= KEYS_MAX);
    assert_int_equal(spool_batch_new(f->spool.spool, bytes_of_string(topic), &batch), ERR_OK);
    for (unsigned i = first; i < first + count; i++) {
        char key[16], value[32];
        snprintf(key, sizeof key, "k%u", i % keys);
        snprintf(value, sizeof value, "%u", i);
        const struct spool_event event = {.key = bytes_of_string(key),
                                          .value = bytes_of_string(value),
                                          .partition = SPOOL_PARTITION_ANY,
                                          .time_ms = clock_wall_ms()};
        assert_int_equal(spool_batch_add(batch, &event), ERR_OK);
    }
    submit(f, batch);
}

void bridge_fixture_append_event(struct bridge_fixture *f, const char *topic,
                                 const struct spool_event *event)
{
    struct spool_batch *batch = NULL;
    assert_int_equal(spool_batch_new(f->spool.spool, bytes_of_string(topic), &batch), ERR_OK);
    assert_int_equal(spool_batch_add(batch, event), ERR_OK);
    submit(f, batch);
}

struct spool_books bridge_fixture_books(struct bridge_fixture *f)
{
    struct spool_stats stats;
    spool_stats_get(f->spool.spool, &stats);
    return stats.books;
}

enum bridge_lane_state bridge_fixture_lane(struct bridge_fixture *f, const char *topic,
                                           struct bridge_lane_stats *ret)
{
    struct bridge_lane_stats *lanes;
    size_t count;
    assert_int_equal(bridge_lane_stats_get(f->bridge, &lanes, &count), ERR_OK);
    enum bridge_lane_state state = BRIDGE_LANE_FLOWING;
    for (size_t i = 0; i < count; i++)
        if (strcmp(lanes[i].topic, topic) == 0) {
            state = lanes[i].state;
            if (ret != NULL)
                *ret = lanes[i];
        }
    free(lanes);
    return state;
}

static rd_kafka_t *consumer_of(struct bridge_fixture *f, const char *topic)
{
    struct bridge_stats stats = {0};
    if (f->bridge != NULL)
        bridge_stats_get(f->bridge, &stats);
    const char *bootstrap =
        stats.bootstrap[0] != '\0' ? stats.bootstrap : rd_kafka_mock_cluster_bootstraps(f->cluster);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof text), 0);
    assert_int_equal(rd_kafka_conf_set(conf, "group.id", "looker", text, sizeof text), 0);
    assert_int_equal(rd_kafka_conf_set(conf, "fetch.wait.max.ms", "20", text, sizeof text), 0);
    rd_kafka_conf_set_log_cb(conf, no_log);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    assert_non_null(consumer);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(consumer, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    return consumer;
}

struct seen {
    unsigned *values, *keys;
    size_t count, capacity;
};

static void keep(struct seen *seen, const rd_kafka_message_t *message)
{
    if (seen->count == seen->capacity) {
        seen->capacity = seen->capacity * 2 + 1024;
        seen->values = realloc(seen->values, seen->capacity * sizeof(unsigned));
        seen->keys = realloc(seen->keys, seen->capacity * sizeof(unsigned));
    }
    char text[32] = "";
    memcpy(text, message->payload, message->len < 31 ? message->len : 31);
    seen->values[seen->count] = (unsigned)strtoul(text, NULL, 10);
    memset(text, 0, sizeof text);
    memcpy(text, message->key, message->key_len < 31 ? message->key_len : 31);
    seen->keys[seen->count++] = (unsigned)strtoul(text + 1, NULL, 10);
}

/* Backwards: the first sight of a value is its last copy; per key they must descend. */
static unsigned check_order(const struct seen *seen, const char *topic, unsigned count)
{
    bool *known = calloc(count, sizeof *known);
    unsigned next[KEYS_MAX], repeats = 0;
    for (unsigned i = 0; i < KEYS_MAX; i++)
        next[i] = UINT32_MAX;
    for (size_t i = seen->count; i-- > 0;) {
        unsigned value = seen->values[i], key = seen->keys[i];
        assert_true(value < count);
        if (known[value]) {
            repeats++;
            continue;
        }
        known[value] = true;
        if (value >= next[key])
            fail_msg("%s: key k%u has %u before %u", topic, key, next[key], value);
        next[key] = value;
    }
    free(known);
    return repeats;
}

unsigned bridge_fixture_expect(struct bridge_fixture *f, const char *topic, unsigned count)
{
    rd_kafka_t *consumer = consumer_of(f, topic);
    struct seen seen = {0};
    bool *known = calloc(count + 1, sizeof *known);
    unsigned different = 0;
    int64_t deadline_ms = clock_monotonic_ms() + 20000, quiet_since_ms = 0;
    while (clock_monotonic_ms() < deadline_ms) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);
        if (message != NULL && message->err == 0) {
            keep(&seen, message);
            unsigned value = seen.values[seen.count - 1];
            if (value < count && !known[value]) {
                known[value] = true;
                different++;
            }
            quiet_since_ms = 0;
        } else if (different == count) {
            if (quiet_since_ms == 0)
                quiet_since_ms = clock_monotonic_ms();
            else if (clock_monotonic_ms() - quiet_since_ms > 300)
                break; /* and no repeats are coming */
        }
        if (message != NULL)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    free(known);
    unsigned repeats = check_order(&seen, topic, count);
    free(seen.values);
    free(seen.keys);
    if (different != count)
        fail_msg("%s: %u of %u events arrived", topic, different, count);
    return repeats;
}

int64_t bridge_fixture_log_size(struct bridge_fixture *f, const char *topic)
{
    rd_kafka_t *consumer = consumer_of(f, topic);
    int64_t size = 0;
    for (int i = 0; i < PARTITIONS; i++) {
        int64_t low = 0, high = 0;
        if (rd_kafka_query_watermark_offsets(consumer, topic, i, &low, &high, 5000) == 0)
            size += high;
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return size;
}

rd_kafka_message_t *bridge_fixture_first(struct bridge_fixture *f, const char *topic,
                                         rd_kafka_t **ret_consumer)
{
    rd_kafka_t *consumer = consumer_of(f, topic);
    rd_kafka_message_t *message = NULL;
    for (int i = 0; i < 200 && message == NULL; i++) {
        message = rd_kafka_consumer_poll(consumer, 100);
        if (message != NULL && message->err != 0) {
            rd_kafka_message_destroy(message);
            message = NULL;
        }
    }
    assert_non_null(message);
    *ret_consumer = consumer;
    return message;
}
