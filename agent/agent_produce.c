/* SPDX-License-Identifier: MIT
 * agent_produce.c - `penstock produce`: lines to events, until the agent has accepted every one. */
#include "agent/agent.h"
#include "agent/agent_http_client.h"
#include "agent/agent_lines.h"
#include "agent/agent_options.h"

#include "base/clock.h"
#include "ingest/ingest_base64.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH_BYTES = 1 << 20, BATCH_EVENTS = 10000, BATCH_MS = 50, ANSWER_MS_MAX = 30000, BACKOFF_MS_MAX = 2000, READ_BYTES = 64 << 10 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

struct producer {
    const struct agent_produce_options *options;
    struct agent_http_client client;
    char path[1024];
    struct buf headers;        /* as JSON, or empty */
    struct buf batch;          /* body being filled: {"records":[… */
    uint64_t batch_events;
    struct buf batch_lines;    /* the number of each event's line */
    int64_t batch_started_ms;
    uint64_t line, accepted, refused;
    int64_t give_up_ms;        /* 0: never */
};

/* ---- sending, until it is accepted ------------------------------------------------------------------------------- */

static void refuse(struct producer *producer, struct agent_http_response *response, uint64_t line)
{
    fprintf(stderr, "penstock produce: line %" PRIu64 " refused (%d): %.200s\n", line, response->status, buf_string(&response->body));
    producer->refused++;
}

/* Repeats while the agent is away or says "later"; the events may then be there twice, never less than once. */
static bool send_until_answered(struct producer *producer, struct bytes body, struct agent_http_response *ret_response)
{
    bool said = false;
    for (int64_t backoff_ms = 50;; backoff_ms = backoff_ms * 2 > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : backoff_ms * 2) {
        struct errmsg msg = {""};
        struct agent_http_response response = {0};
        enum err rc = agent_http_client_send(&producer->client, "POST", producer->path, "application/vnd.kafka.binary.v2+json", body,
                                             ANSWER_MS_MAX, &response, &msg);
        if (rc == ERR_OK && response.status != 503) {
            *ret_response = response;
            return true;
        }
        if (rc == ERR_OK)
            errmsg_set(&msg, ERR_BUSY, "the agent refuses for now: %.150s", buf_string(&response.body));
        buf_free(&response.body);
        if (!said && !producer->options->quiet)
            fprintf(stderr, "penstock produce: %s; trying again\n", msg.text);
        said = true;
        if (producer->give_up_ms != 0 && clock_monotonic_ms() >= producer->give_up_ms) {
            fprintf(stderr, "penstock produce: gave up after --timeout: %s\n", msg.text);
            return false;
        }
        clock_sleep_ms(backoff_ms);
    }
}

static uint64_t line_of(const struct producer *producer, uint64_t event)
{
    uint64_t line = 0;
    if ((event + 1) * sizeof line <= producer->batch_lines.size)
        memcpy(&line, producer->batch_lines.data + event * sizeof line, sizeof line);
    return line;
}

/* The events of a refused batch are tried one by one, so that only those at fault are left out. */
static bool send_body(struct producer *producer, struct bytes body, uint64_t first_line, uint64_t events, bool *ret_refused)
{
    struct agent_http_response response = {0};
    *ret_refused = false;
    if (!send_until_answered(producer, body, &response))
        return false;
    if (response.status == 200)
        producer->accepted += events;
    else if (events == 1)
        refuse(producer, &response, first_line);
    else
        *ret_refused = true;
    buf_free(&response.body);
    return true;
}

/* One record a line in the batch's text, so that it can be taken apart again. */
static bool send_one_by_one(struct producer *producer)
{
    const uint8_t *p = producer->batch.data + strlen("{\"records\":["), *end = producer->batch.data + producer->batch.size - 2;
    uint64_t number = 0;
    bool ok = true;
    while (ok && p < end) {
        const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
        size_t size = (size_t)((newline == NULL ? end : newline) - p);
        size_t line_size = size > 0 && p[size - 1] == ',' ? size - 1 : size;
        struct buf body = {0};
        buf_append_string(&body, "{\"records\":[");
        buf_append(&body, p, line_size);
        buf_append_string(&body, "]}");
        bool refused;
        ok = !body.failed && send_body(producer, buf_bytes(&body), line_of(producer, number), 1, &refused);
        buf_free(&body);
        number++;
        p = newline == NULL ? end : newline + 1;
    }
    return ok;
}

static bool flush(struct producer *producer)
{
    if (producer->batch_events == 0)
        return true;
    buf_append_string(&producer->batch, "]}");
    bool refused = false;
    bool ok = !producer->batch.failed &&
              send_body(producer, buf_bytes(&producer->batch), line_of(producer, 0), producer->batch_events, &refused);
    if (ok && refused)
        ok = send_one_by_one(producer);
    buf_clear(&producer->batch);
    producer->batch_events = 0;
    return ok;
}

/* ---- filling --------------------------------------------------------------------------------------------------------- */

static void put_base64(struct buf *out, const char *name, struct bytes bytes)
{
    buf_printf(out, "\"%s\":", name);
    if (bytes.data == NULL) {
        buf_append_string(out, "null");
        return;
    }
    buf_append_char(out, '"');
    ingest_base64_encode(bytes, out);
    buf_append_char(out, '"');
}

static bool put_event(struct producer *producer, struct bytes key, struct bytes value)
{
    if (producer->batch_events == 0) {
        buf_append_string(&producer->batch, "{\"records\":[");
        buf_clear(&producer->batch_lines);
        producer->batch_started_ms = clock_monotonic_ms();
    } else {
        buf_append_string(&producer->batch, ",\n");
    }
    buf_append(&producer->batch_lines, &producer->line, sizeof producer->line);
    buf_append_char(&producer->batch, '{');
    put_base64(&producer->batch, "key", key);
    buf_append_char(&producer->batch, ',');
    put_base64(&producer->batch, "value", value);
    if (producer->options->partition >= 0)
        buf_printf(&producer->batch, ",\"partition\":%" PRId32, producer->options->partition);
    buf_append(&producer->batch, producer->headers.data, producer->headers.size);
    buf_append_char(&producer->batch, '}');
    producer->batch_events++;
    return producer->batch.size < BATCH_BYTES && producer->batch_events < BATCH_EVENTS ? true : flush(producer);
}

static bool put_line(struct producer *producer, struct bytes line)
{
    const struct agent_produce_options *options = producer->options;
    struct agent_line split;
    producer->line++;
    if (!agent_line_split(line, options->key_delimiter, options->empty_is_null, &split))
        return true;
    if (split.key.data == NULL && options->key != NULL)
        split.key = bytes_of_string(options->key);
    return put_event(producer, split.key, split.value);
}

static bool enough(const struct producer *producer)
{
    int64_t max = producer->options->count_max;
    return interrupted || (max > 0 && producer->accepted + producer->batch_events + producer->refused >= (uint64_t)max);
}

/* Takes whole lines off the buffer. */
static bool take_lines(struct producer *producer, struct buf *input)
{
    size_t start = 0;
    bool ok = true;
    while (ok && !enough(producer)) {
        const uint8_t *newline = memchr(input->data + start, '\n', input->size - start);
        if (newline == NULL)
            break;
        size_t size = (size_t)(newline - input->data) - start;
        ok = put_line(producer, bytes_of(input->data + start, size));
        start += size + 1;
    }
    input->size -= start;
    memmove(input->data, input->data + start, input->size);
    return ok;
}

static bool flush_when_due(struct producer *producer, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    if (producer->batch_events == 0)
        return true;
    int64_t left_ms = producer->batch_started_ms + BATCH_MS - clock_monotonic_ms();
    bool more = left_ms > 0 && poll(&poller, 1, (int)left_ms) > 0;
    return more ? true : flush(producer);
}

static bool produce_lines(struct producer *producer, int fd)
{
    struct buf input = {0};
    bool ok = true;
    while (ok && !enough(producer)) {
        ok = flush_when_due(producer, fd) && buf_reserve(&input, READ_BYTES);
        ssize_t n = ok ? read(fd, input.data + input.size, input.capacity - input.size) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fprintf(stderr, "penstock produce: read: %s\n", strerror(errno));
            ok = false;
        }
        if (n <= 0)
            break;
        input.size += (size_t)n;
        ok = take_lines(producer, &input);
    }
    if (ok && input.size > 0 && !enough(producer))
        ok = put_line(producer, buf_bytes(&input)); /* the last line may lack its LF */
    buf_free(&input);
    return ok;
}

static bool produce_whole(struct producer *producer, int fd)
{
    struct buf input = {0};
    ssize_t n = 1;
    while (n > 0 && buf_reserve(&input, READ_BYTES))
        if ((n = read(fd, input.data + input.size, input.capacity - input.size)) > 0)
            input.size += (size_t)n;
    producer->line++;
    struct bytes key = producer->options->key == NULL ? BYTES_NULL : bytes_of_string(producer->options->key);
    bool ok = n == 0 && put_event(producer, key, input.size == 0 ? bytes_of("", 0) : buf_bytes(&input));
    buf_free(&input);
    return ok;
}

static bool produce_file(struct producer *producer, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "penstock produce: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool ok = producer->options->files_are_lines ? produce_lines(producer, fd) : produce_whole(producer, fd);
    close(fd);
    return ok;
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static const char help[] =
    "usage: penstock produce -t TOPIC [OPTIONS] [FILE...]\n\n"
    "Sends each line of stdin as an event and waits until the agent has synced every one. While the agent is away or refuses\n"
    "for now it waits and tries again; nothing is dropped.\n\n"
    "  -t TOPIC         where to\n"
    "  -k KEY           key of all events\n"
    "  -K DELIMITER     each line is KEY DELIMITER VALUE, split at the first delimiter\n"
    "  -H NAME=VALUE    a header for all events (can be given several times)\n"
    "  -p PARTITION     ask for a partition\n"
    "  -l               the FILEs hold lines (otherwise each FILE is one event)\n"
    "  -Z               an empty key or value is null\n"
    "  -c COUNT         stop after so many events\n"
    "  --timeout S      give up when the agent has not taken an event for S seconds in all (default: never)\n"
    "  --url URL        the agent (default http://127.0.0.1:8080)\n"
    "  --unix PATH      the agent's Unix socket instead\n"
    "  -q, --quiet      no counts at the end\n\n"
    "An empty line is skipped. exit codes: 0 every line accepted, 1 some refused or given up, 2 usage\n";

static void put_headers(struct producer *producer)
{
    const struct agent_produce_options *options = producer->options;
    for (size_t i = 0; i < options->header_count; i++) {
        const char *equals = strchr(options->headers[i], '=');
        buf_append_string(&producer->headers, i == 0 ? ",\"headers\":[{\"key\":" : ",{\"key\":");
        buf_append_json_string(&producer->headers, options->headers[i], (size_t)(equals - options->headers[i]));
        buf_append_char(&producer->headers, ',');
        put_base64(&producer->headers, "value", bytes_of_string(equals + 1));
        buf_append_char(&producer->headers, '}');
    }
    if (options->header_count > 0)
        buf_append_char(&producer->headers, ']');
}

static bool put_path(struct producer *producer)
{
    char *p = producer->path + snprintf(producer->path, sizeof producer->path, "/topics/");
    for (const char *c = producer->options->topic; *c != '\0'; c++) {
        if (p + 4 > producer->path + sizeof producer->path)
            return false;
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("._-", *c) != NULL;
        p += plain ? sprintf(p, "%c", *c) : sprintf(p, "%%%02X", (unsigned char)*c);
    }
    return true;
}

int agent_produce(int argc, char **argv)
{
    struct agent_produce_options options;
    if (agent_wants_help(argc, argv, help))
        return EXIT_DONE;
    int code = agent_produce_options_parse(argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct producer producer = {.options = &options};
    struct errmsg msg = {""};
    if (agent_http_client_init(&producer.client, options.url, options.socket, &msg) != ERR_OK)
        return agent_usage_error("produce", "%s", msg.text);
    if (!put_path(&producer))
        return agent_usage_error("produce", "the topic's name is too long");
    struct sigaction action = {.sa_handler = on_interrupt}; /* what was read is still sent */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    put_headers(&producer);
    producer.give_up_ms = options.timeout_ms == 0 ? 0 : clock_monotonic_ms() + options.timeout_ms;

    bool ok = true;
    if (options.file_count == 0)
        ok = produce_lines(&producer, STDIN_FILENO);
    for (size_t i = 0; ok && i < options.file_count; i++)
        ok = produce_file(&producer, options.files[i]);
    ok = ok && flush(&producer);
    if (!options.quiet)
        fprintf(stderr, "penstock produce: %" PRIu64 " accepted, %" PRIu64 " refused%s\n", producer.accepted, producer.refused,
                ok ? "" : ", the rest not sent");
    agent_http_client_done(&producer.client);
    buf_free(&producer.batch);
    buf_free(&producer.batch_lines);
    buf_free(&producer.headers);
    return ok && producer.refused == 0 ? EXIT_DONE : EXIT_FAILED;
}
