/* SPDX-License-Identifier: MIT
 * tool_load.c - `penstock_load`: closed-loop HTTP load from many connections, with a record of what
 * was acknowledged.
 *
 * Every event's value is unique and tells where it belongs (load_value.h). With --record each
 * acknowledged request becomes a line "A <topic> <key> <connection> <first number> <count> <first
 * event id>", each one that was never answered a line "U …" without the id. It reconnects for ever,
 * so that the agent may die and come back under it. At the end one line of JSON says what was
 * seen. */
#include "base/buf.h"
#include "base/clock.h"
#include "tests/support/load_value.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { INPUT_SIZE = 8192, RETRY_MS = 20, LATENCY_BUCKETS = 100000 };

struct options {
    const char *address, *socket, *record, *sender, *topics[16], *path;
    int port, connections, events, size, keys, topic_count;
    double seconds, rate; /* requests a second of all connections; 0: as fast as it goes */
    int64_t count;
};

struct connection {
    int fd, number;
    enum { AWAY, CONNECTING, SENDING, RECEIVING, PAUSING } state;
    uint64_t next;  /* number of the next event */
    int64_t due_ms; /* when to try again */
    int64_t sent_ns;
    const char *topic;
    char key[48];
    struct buf output;
    size_t output_sent;
    char input[INPUT_SIZE];
    size_t input_size;
};

static struct options options = {.address = "127.0.0.1",
                                 .port = 8080,
                                 .sender = "s",
                                 .connections = 1,
                                 .events = 1,
                                 .size = 200,
                                 .keys = 1,
                                 .seconds = 5};
static struct connection *connections;
static int epoll_fd;
static FILE *record;
static uint64_t acked_requests, acked_events, unknown_events, refused_requests, other_answers,
    reconnects;
static uint64_t latency_10us[LATENCY_BUCKETS];
static int64_t latency_max_ns, start_ns;
static uint64_t begun_requests;
static struct buf body;

static volatile sig_atomic_t told_to_stop;

static void on_signal(int number)
{
    (void)number;
    told_to_stop = 1;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void build_request(struct connection *c)
{
    uint64_t request = c->next / (uint64_t)options.events;
    c->topic = options.topics[request % (uint64_t)options.topic_count];
    if (options.keys > 0)
        snprintf(c->key, sizeof c->key, "k%d-%" PRIu64, c->number,
                 request % (uint64_t)options.keys);
    else
        strcpy(c->key, "-"); /* in the record */
    buf_clear(&body);
    for (int i = 0; i < options.events; i++) {
        load_value_put(&body, options.sender, c->number, c->next + (uint64_t)i,
                       (size_t)options.size);
        if (options.events > 1)
            buf_append_char(&body, '\n');
    }
    buf_clear(&c->output);
    if (options.path != NULL)
        buf_printf(&c->output, "POST %s HTTP/1.1\r\n", options.path);
    else if (options.keys > 0)
        buf_printf(&c->output, "POST /topics/%s?key=%s HTTP/1.1\r\n", c->topic, c->key);
    else
        buf_printf(&c->output, "POST /topics/%s HTTP/1.1\r\n", c->topic);
    buf_printf(&c->output, "Host: localhost\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
               options.events > 1 ? "application/x-ndjson" : "application/octet-stream", body.size);
    buf_append(&c->output, body.data, body.size);
    c->output_sent = 0;
    c->input_size = 0;
    c->state = SENDING;
    c->sent_ns = clock_monotonic_ns();
}

static void note(char what, const struct connection *c, uint64_t first_id)
{
    if (record == NULL)
        return;
    fprintf(record, "%c %s %s %d %" PRIu64 " %d", what, c->topic, c->key, c->number, c->next,
            options.events);
    if (first_id != 0)
        fprintf(record, " %" PRIu64, first_id);
    fputc('\n', record);
}

/* Of the answer's receipt; 0 when it has none. */
static uint64_t receipt_first_id(const struct connection *c)
{
    static const char name[] = "\r\nPenstock-First-Event-Id:";
    const char *at = strcasestr(c->input, name);
    return at == NULL ? 0 : strtoull(at + sizeof name - 1, NULL, 10);
}

static void note_latency(int64_t ns)
{
    int64_t bucket = ns / 10000;
    if (ns > latency_max_ns)
        latency_max_ns = ns;
    latency_10us[bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1]++;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void go_away(struct connection *c)
{
    if (c->state == RECEIVING || (c->state == SENDING && c->output_sent > 0)) {
        note('U', c, 0);
        unknown_events += (uint64_t)options.events;
        c->next += (uint64_t)options.events; /* never sent again, so that repeats can only be the
                                              * agent's */
    }
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->state = AWAY;
    c->due_ms = clock_monotonic_ms() + RETRY_MS;
    reconnects++;
}

static void connect_again(struct connection *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } to = {0};
    socklen_t size;
    int yes = 1;
    if (options.socket != NULL) {
        to.un.sun_family = AF_UNIX;
        snprintf(to.un.sun_path, sizeof to.un.sun_path, "%s", options.socket);
        size = sizeof to.un;
    } else {
        to.in.sin_family = AF_INET;
        to.in.sin_port = htons((uint16_t)options.port);
        inet_pton(AF_INET, options.address, &to.in.sin_addr);
        size = sizeof to.in;
    }
    c->fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (options.socket == NULL)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (c->fd < 0 || (connect(c->fd, &to.any, size) != 0 && errno != EINPROGRESS)) {
        go_away(c);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
    c->state = CONNECTING;
}

static void send_more(struct connection *c)
{
    while (c->state == SENDING && c->output_sent < c->output.size) {
        ssize_t n = send(c->fd, c->output.data + c->output_sent, c->output.size - c->output_sent,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            go_away(c);
            return;
        }
        c->output_sent += (size_t)n;
    }
    if (c->state == SENDING)
        c->state = RECEIVING;
}

/* Size of the whole answer, 0 when it isn't all there; its status in *ret_status. */
static size_t answer_size(struct connection *c, int *ret_status)
{
    c->input[c->input_size] = '\0';
    char *end = memmem(c->input, c->input_size, "\r\n\r\n", 4);
    if (end == NULL || memcmp(c->input, "HTTP/1.1 ", 9) != 0)
        return 0;
    *ret_status = atoi(c->input + 9);
    char *length = strcasestr(c->input, "\r\nContent-Length:");
    size_t size = (size_t)(end + 4 - c->input) +
                  (length == NULL || length > end ? 0 : strtoul(length + 17, NULL, 10));
    return c->input_size >= size || size >= INPUT_SIZE ? size : 0;
}

/* When the rate allows another request; the past is made good for. */
static int64_t due_by_rate_ms(void)
{
    return options.rate <= 0
               ? 0
               : start_ns / 1000000 + (int64_t)((double)begun_requests * 1000 / options.rate);
}

static void begin_next(struct connection *c)
{
    c->due_ms = due_by_rate_ms();
    if (c->due_ms > 0 && c->due_ms > clock_monotonic_ms()) {
        begun_requests++; /* its turn is taken */
        c->state = PAUSING;
        return;
    }
    begun_requests++;
    build_request(c);
    send_more(c);
}

static void take_answer(struct connection *c, int status)
{
    if (status >= 200 && status < 300) {
        note('A', c, receipt_first_id(c));
        acked_requests++;
        acked_events += (uint64_t)options.events;
        note_latency(clock_monotonic_ns() - c->sent_ns);
        c->next += (uint64_t)options.events;
        begin_next(c);
        return;
    }
    if (status != 503)
        other_answers++;
    refused_requests++;
    c->state = PAUSING;
    c->due_ms = clock_monotonic_ms() + RETRY_MS;
    c->next += (uint64_t)options.events; /* a refused event stays unused: "unknown" answers are 503
                                          * too */
    if (strstr(c->input, "50004") != NULL) {
        c->next -= (uint64_t)options.events;
        note('U', c, 0);
        c->next += (uint64_t)options.events;
        unknown_events += (uint64_t)options.events;
    }
}

static void receive_more(struct connection *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, c->input + c->input_size, INPUT_SIZE - 1 - c->input_size, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            go_away(c);
            return;
        }
        c->input_size += (size_t)n;
        int status = 0;
        if (c->state == RECEIVING && answer_size(c, &status) > 0)
            take_answer(c, status);
        if (c->state == AWAY)
            return;
    }
}

static void on_event(struct connection *c, uint32_t events)
{
    if (c->state == CONNECTING && (events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP)))
        begin_next(c);
    if (c->state == SENDING)
        send_more(c);
    if (c->fd >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        receive_more(c);
}

static void wake_due(int64_t now_ms)
{
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        if (c->state == AWAY && now_ms >= c->due_ms) {
            connect_again(c);
        } else if (c->state == PAUSING && now_ms >= c->due_ms) {
            build_request(c);
            send_more(c);
        }
    }
}

/* ---- the run --------------------------------------------------------------------------------- */

static double percentile_us(double share)
{
    uint64_t want = (uint64_t)((double)acked_requests * share), seen = 0;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        if ((seen += latency_10us[i]) > want)
            return i * 10.0;
    return LATENCY_BUCKETS * 10.0;
}

static bool is_finished(int64_t end_ms)
{
    return told_to_stop || clock_monotonic_ms() >= end_ms ||
           (options.count > 0 && acked_events >= (uint64_t)options.count);
}

static void run(void)
{
    int64_t end_ms = clock_monotonic_ms() + (int64_t)(options.seconds * 1000), woken_ms = 0;
    int turn_ms = options.rate > 0 ? 1 : RETRY_MS / 2;
    start_ns = clock_monotonic_ns();
    struct epoll_event events[256];
    while (!is_finished(end_ms)) {
        int64_t now_ms = clock_monotonic_ms();
        if (now_ms - woken_ms >= turn_ms) {
            wake_due(now_ms);
            woken_ms = now_ms;
        }
        int n = epoll_wait(epoll_fd, events, 256, turn_ms);
        for (int i = 0; i < n; i++)
            on_event(events[i].data.ptr, events[i].events);
    }
    for (int i = 0; i < options.connections; i++)
        if (connections[i].state == RECEIVING || connections[i].state == SENDING)
            go_away(&connections[i]); /* not answered by the end: unknown */
    double seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    printf("{\"acked_requests\":%" PRIu64 ",\"acked_events\":%" PRIu64
           ",\"unknown_events\":%" PRIu64 ",\"refused_requests\":%" PRIu64
           ",\"other_answers\":%" PRIu64 ",\"reconnects\":%" PRIu64
           ",\"seconds\":%.3f,\"requests_per_s\":%.1f,\"events_per_s\":%.1f,"
           "\"p50_us\":%.0f,\"p99_us\":%.0f,\"p999_us\":%.0f,\"max_us\":%.0f}\n",
           acked_requests, acked_events, unknown_events, refused_requests, other_answers,
           reconnects, seconds, (double)acked_requests / seconds, (double)acked_events / seconds,
           percentile_us(0.5), percentile_us(0.99), percentile_us(0.999),
           (double)latency_max_ns / 1e3);
}

static void split_topics(char *list)
{
    for (char *topic = strtok(list, ","); topic != NULL && options.topic_count < 16;
         topic = strtok(NULL, ","))
        options.topics[options.topic_count++] = topic;
}

static void usage(void)
{
    fprintf(stderr, "usage: penstock_load [--port N | --unix PATH] [--connections N] [--events "
                    "PER_REQUEST] [--size BYTES] [--keys PER_CONNECTION]\n"
                    "       [--topics A,B] [--seconds S] [--count EVENTS] [--rate REQUESTS_PER_S] "
                    "[--sender NAME]\n"
                    "       [--record FILE] [--path PATH]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", 1, NULL, 'p'},   {"unix", 1, NULL, 'u'},    {"connections", 1, NULL, 'n'},
        {"events", 1, NULL, 'e'}, {"size", 1, NULL, 's'},    {"keys", 1, NULL, 'k'},
        {"topics", 1, NULL, 't'}, {"seconds", 1, NULL, 'd'}, {"count", 1, NULL, 'c'},
        {"sender", 1, NULL, 'x'}, {"record", 1, NULL, 'r'},  {"path", 1, NULL, 'P'},
        {"rate", 1, NULL, 'R'},   {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'p': options.port = atoi(optarg); break;
        case 'u': options.socket = optarg; break;
        case 'n': options.connections = atoi(optarg); break;
        case 'e': options.events = atoi(optarg); break;
        case 's': options.size = atoi(optarg); break;
        case 'k': options.keys = atoi(optarg); break;
        case 't': split_topics(optarg); break;
        case 'd': options.seconds = atof(optarg); break;
        case 'c': options.count = atoll(optarg); break;
        case 'x': options.sender = optarg; break;
        case 'r': options.record = optarg; break;
        case 'P': options.path = optarg; break;
        case 'R': options.rate = atof(optarg); break;
        default: usage();
        }
    }
    if (options.topic_count == 0)
        options.topics[options.topic_count++] = "load";
    if (options.record != NULL && (record = fopen(options.record, "w")) == NULL) {
        perror(options.record);
        return 1;
    }
    signal(SIGTERM, on_signal); /* ends the run early, with its record whole */
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc((size_t)options.connections, sizeof *connections);
    for (int i = 0; i < options.connections; i++)
        connections[i] = (struct connection){.fd = -1, .number = i};
    run();
    return record != NULL && fclose(record) != 0;
}
