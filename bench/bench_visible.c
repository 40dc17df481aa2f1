/* SPDX-License-Identifier: MIT
 * bench_visible.c - `bench_visible BOOTSTRAP TOPIC PARTITIONS PORT EVENTS_PER_S SECONDS`: from
 * acknowledged to visible.
 *
 * Some connections send events to an agent at a steady rate and note when each 200 arrived; a
 * consumer of committed records notes when each event did. Both read one clock. What lies between
 * is sorted at the end: an event that was visible before its sender had the answer counts as 0. The
 * first two seconds don't count: leaders are looked up, topics warmed. One line of JSON. */
#include "base/clock.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS = 4, REQUESTS_PER_S = 100, VALUE_SIZE = 200, WARM_UP_S = 2, LATE_S = 30 };

static struct {
    uint16_t port;
    uint32_t per_request, per_connection; /* events; requests */
    const char *topic;
    int64_t *acknowledged_ns, *visible_ns; /* of each request; of each event */
} run;

static struct sender {
    pthread_t thread;
    uint32_t number, late; /* late: requests that began after their time */
} senders[CONNECTIONS];

static int open_connection(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(run.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        err(1, "connect to port %u", run.port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

/* One request: lines "<number of the event>-xxx…". */
static size_t put_request(char *out, size_t size, uint32_t first)
{
    size_t body = (size_t)run.per_request * (VALUE_SIZE + 1);
    int used = snprintf(out, size,
                        "POST /topics/%s HTTP/1.1\r\nHost: x\r\nContent-Type: "
                        "application/x-ndjson\r\nContent-Length: %zu\r\n\r\n",
                        run.topic, body);
    for (uint32_t i = 0; i < run.per_request; i++) {
        char *line = out + used + (size_t)i * (VALUE_SIZE + 1);
        memset(line, 'x', VALUE_SIZE);
        line[VALUE_SIZE] = '\n';
        line[snprintf(line, VALUE_SIZE, "%u", first + i)] = '-';
    }
    return (size_t)used + body;
}

static void exchange(int fd, const char *request, size_t size)
{
    char answer[4096];
    size_t sent = 0, got = 0;
    while (sent < size) {
        ssize_t n = write(fd, request + sent, size - sent);
        if (n <= 0)
            err(1, "write");
        sent += (size_t)n;
    }
    const char *end = NULL;
    while (end == NULL) { /* head and body come in one piece, or the body right behind */
        ssize_t n = read(fd, answer + got, sizeof answer - 1 - got);
        if (n <= 0)
            err(1, "read");
        got += (size_t)n;
        answer[got] = '\0';
        const char *head_end = strstr(answer, "\r\n\r\n"),
                   *length = strcasestr(answer, "\r\nContent-Length:");
        if (head_end != NULL && length != NULL &&
            got >= (size_t)(head_end + 4 - answer) + strtoul(length + 17, NULL, 10))
            end = head_end;
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        errx(1, "refused: %.200s", answer);
}

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    size_t size = 1024 + (size_t)run.per_request * (VALUE_SIZE + 1);
    char *request = malloc(size);
    int fd = open_connection();
    if (request == NULL)
        errx(1, "out of memory");
    int64_t start_ns =
        clock_monotonic_ns() + sender->number * (1000000000ll / REQUESTS_PER_S / CONNECTIONS);
    for (uint32_t i = 0; i < run.per_connection; i++) {
        uint32_t number = i * CONNECTIONS + sender->number;
        size_t used = put_request(request, size, number * run.per_request);
        int64_t due_ns = start_ns + i * (1000000000ll / REQUESTS_PER_S),
                wait_ns = due_ns - clock_monotonic_ns();
        if (wait_ns > 0)
            nanosleep(
                &(struct timespec){.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000},
                NULL);
        sender->late += wait_ns < -1000000000ll / REQUESTS_PER_S;
        exchange(fd, request, used);
        run.acknowledged_ns[number] = clock_monotonic_ns();
    }
    close(fd);
    free(request);
    return NULL;
}

static rd_kafka_t *open_consumer(const char *bootstrap, int partitions)
{
    static const char *const properties[][2] = {{"isolation.level", "read_committed"},
                                                {"enable.auto.commit", "false"},
                                                {"auto.offset.reset", "earliest"},
                                                {"group.id", "bench-visible"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++)
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], text, sizeof text) !=
            RD_KAFKA_CONF_OK)
            errx(1, "%s", text);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof text) !=
        RD_KAFKA_CONF_OK)
        errx(1, "%s", text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (rk == NULL)
        errx(1, "%s", text);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, run.topic, i)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

/* Until every event is there. */
static void consume(rd_kafka_t *rk, uint32_t events, int seconds_max)
{
    int64_t end_ns = clock_monotonic_ns() + seconds_max * 1000000000ll;
    for (uint32_t seen = 0; seen < events;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
        int64_t now_ns = clock_monotonic_ns();
        if (now_ns > end_ns)
            errx(1, "%u of %u events became visible within %d s", seen, events, seconds_max);
        if (message == NULL)
            continue;
        uint32_t number = message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->len != VALUE_SIZE
                              ? events
                              : (uint32_t)strtoul(message->payload, NULL, 10);
        if (number < events && run.visible_ns[number] == 0) {
            run.visible_ns[number] = now_ns;
            seen++;
        }
        rd_kafka_message_destroy(message);
    }
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print_result(uint32_t events)
{
    uint32_t skipped = WARM_UP_S * REQUESTS_PER_S * CONNECTIONS * run.per_request,
             count = events - skipped, late = 0;
    int64_t *waits = malloc(count * sizeof *waits);
    if (waits == NULL)
        errx(1, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        int64_t wait_ns =
            run.visible_ns[skipped + i] - run.acknowledged_ns[(skipped + i) / run.per_request];
        waits[i] = wait_ns > 0 ? wait_ns : 0;
    }
    qsort(waits, count, sizeof *waits, by_size);
    for (int i = 0; i < CONNECTIONS; i++)
        late += senders[i].late;
    int64_t first_ns = run.acknowledged_ns[skipped / run.per_request],
            last_ns = run.acknowledged_ns[events / run.per_request - 1];
    printf("{\"events\":%u,\"events_per_s\":%.0f,\"late_requests\":%u,\"p50_ms\":%.2f,\"p99_ms\":%."
           "2f,\"max_ms\":%.2f}\n",
           count, (double)count * 1e9 / (double)(last_ns - first_ns), late,
           (double)waits[count / 2] / 1e6, (double)waits[(uint64_t)count * 99 / 100] / 1e6,
           (double)waits[count - 1] / 1e6);
    free(waits);
}

int main(int argc, char **argv)
{
    int seconds = argc == 7 ? atoi(argv[6]) : 0, partitions = argc == 7 ? atoi(argv[3]) : 0,
        rate = argc == 7 ? atoi(argv[5]) : 0;
    if (seconds <= WARM_UP_S || partitions < 1 || rate < CONNECTIONS * REQUESTS_PER_S) {
        fprintf(stderr,
                "usage: bench_visible BOOTSTRAP TOPIC PARTITIONS PORT EVENTS_PER_S SECONDS (at "
                "least %d events, more than %d s)\n",
                CONNECTIONS * REQUESTS_PER_S, WARM_UP_S);
        return 2;
    }
    run.topic = argv[2];
    run.port = (uint16_t)atoi(argv[4]);
    run.per_request = (uint32_t)rate / (CONNECTIONS * REQUESTS_PER_S);
    run.per_connection = (uint32_t)(seconds * REQUESTS_PER_S);
    uint32_t requests = run.per_connection * CONNECTIONS, events = requests * run.per_request;
    run.acknowledged_ns = calloc(requests, sizeof *run.acknowledged_ns);
    run.visible_ns = calloc(events, sizeof *run.visible_ns);
    if (run.acknowledged_ns == NULL || run.visible_ns == NULL)
        errx(1, "out of memory");
    rd_kafka_t *rk = open_consumer(argv[1], partitions);
    for (int i = 0; i < 20; i++) { /* until it stands at the end of each partition */
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
        if (message != NULL)
            rd_kafka_message_destroy(message);
    }
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        senders[i].number = i;
        if (pthread_create(&senders[i].thread, NULL, send_all, &senders[i]) != 0)
            errx(1, "no thread");
    }
    consume(rk, events, seconds + LATE_S);
    for (int i = 0; i < CONNECTIONS; i++)
        pthread_join(senders[i].thread, NULL);
    print_result(events);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    free(run.acknowledged_ns);
    free(run.visible_ns);
    return 0;
}
