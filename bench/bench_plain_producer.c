/* SPDX-License-Identifier: MIT
 * bench_plain_producer.c - `bench_plain_producer BOOTSTRAP TOPIC COUNT`: the yardstick for the
 * bridge.
 *
 * A plain idempotent librdkafka producer (acks=all, lz4, linger 5 ms, Java's partitioner) sends
 * COUNT records from memory, the same ones as `penstock_load --connections 4 --events 1000 --keys
 * 10` makes, and waits for every delivery report. The time runs from before the client is made
 * until the last report. One line of JSON. */
#include "base/clock.h"
#include "tests/support/load_value.h"

#include <err.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { VALUE_SIZE = 200, CONNECTIONS = 4, EVENTS = 1000, KEYS = 10 };

struct record {
    uint32_t key_size;
    char key[16];
};

static uint64_t delivered, failed;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk, (void)opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        delivered++;
    else
        failed++;
}

static rd_kafka_t *open_producer(const char *bootstrap)
{
    static const char *const properties[][2] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"compression.type", "lz4"},
        {"linger.ms", "5"},
        {"partitioner", "murmur2_random"},
        {"message.timeout.ms", "0"},
        {"queue.buffering.max.messages", "200000"},
        {"queue.buffering.max.kbytes", "65536"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++)
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], text, sizeof text) !=
            RD_KAFKA_CONF_OK)
            errx(1, "%s", text);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof text) !=
        RD_KAFKA_CONF_OK)
        errx(1, "%s", text);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (rk == NULL)
        errx(1, "%s", text);
    return rk;
}

/* The order in which the load generator's requests interleave: a thousand of each connection in
 * turn. */
static struct record *make_records(uint64_t count, struct buf *values)
{
    struct record *records = calloc(count, sizeof *records);
    if (records == NULL || !buf_reserve(values, count * VALUE_SIZE))
        errx(1, "out of memory");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t request = i / EVENTS, connection = request % CONNECTIONS,
                 turn = request / CONNECTIONS;
        load_value_put(values, "f", (int)connection, turn * EVENTS + i % EVENTS, VALUE_SIZE);
        records[i].key_size = (uint32_t)snprintf(records[i].key, sizeof records[i].key, "k%d-%d",
                                                 (int)connection, (int)(turn % KEYS));
    }
    return records;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench_plain_producer BOOTSTRAP TOPIC COUNT\n");
        return 2;
    }
    uint64_t count = strtoull(argv[3], NULL, 10);
    struct buf values = {0};
    struct record *records = make_records(count, &values);
    double cpu_before = cpu_seconds();
    int64_t start_ns = clock_monotonic_ns(), now_ms = clock_wall_ms();
    rd_kafka_t *rk = open_producer(argv[1]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    for (uint64_t i = 0; i < count;) {
        const struct record *r = &records[i];
        rd_kafka_resp_err_t code = rd_kafka_producev(
            rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
            RD_KAFKA_V_KEY(r->key, r->key_size),
            RD_KAFKA_V_VALUE(&values.data[i * VALUE_SIZE], VALUE_SIZE),
            RD_KAFKA_V_TIMESTAMP(now_ms), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(rk, 10);
            continue;
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            errx(1, "%s", rd_kafka_err2str(code));
        if (++i % 1000 == 0)
            rd_kafka_poll(rk, 0);
    }
    rd_kafka_flush(rk, 120000);
    double seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    double cpu = cpu_seconds() - cpu_before;
    if (delivered != count)
        errx(1, "%lu of %lu delivered, %lu failed", (unsigned long)delivered, (unsigned long)count,
             (unsigned long)failed);
    printf("{\"events_per_s\":%.1f,\"seconds\":%.3f,\"cpu_s\":%.3f}\n", (double)count / seconds,
           seconds, cpu);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    free(records);
    buf_free(&values);
    return 0;
}
