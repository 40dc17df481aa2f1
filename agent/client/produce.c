/* SPDX-License-Identifier: MIT
 * produce.c - `penstock produce`: lines to events, until the agent has accepted every one. */
#include "agent/agent.h"

#include "agent/cli/options.h"
#include "agent/client/deliver.h"
#include "agent/client/lines.h"
#include "base/clock.h"
#include "spool/spool_event.h"
#include "spool/spool_options.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BATCH_BYTES = 1 << 20,
    BATCH_EVENTS = 10000,
    BATCH_MS = 50,
    READ_BYTES = 256 << 10,
    LOOK_UP_MS = 200
};

static volatile sig_atomic_t interrupted; /* the number of the signal */

static void on_interrupt(int number)
{
    interrupted = number;
}

/* Signals end the reading; lines read so far are still sent. A second signal ends the program at
 * once. */
static void take_signals(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

struct producer {
    const struct agent_produce_options *options;
    char *delimiter;    /* -K with its escapes resolved, or NULL */
    struct buf headers; /* of every event, as JSON */
    struct agent_batch batch;
    int64_t batch_since_ms;
    uint64_t taken; /* events, for -c */
    struct agent_delivery delivery;
};

/* ---- events ---------------------------------------------------------------------------------- */

static bool flush(struct producer *producer)
{
    bool ok = agent_deliver(&producer->delivery, &producer->batch) == AGENT_DELIVERED_ALL;
    agent_batch_clear(&producer->batch);
    return ok;
}

static bool put_event(struct producer *producer, uint64_t line, struct bytes key,
                      struct bytes value)
{
    if (agent_batch_count(&producer->batch) == 0)
        producer->batch_since_ms = clock_monotonic_ms();
    else if (agent_batch_bytes(&producer->batch) + key.size + value.size > BATCH_BYTES &&
             !flush(producer))
        return false;
    if (!agent_batch_add(&producer->batch, line, key, value)) {
        fprintf(stderr, "penstock produce: %s\n", err_text(ERR_NOMEM));
        return false;
    }
    producer->taken++;
    bool full = agent_batch_bytes(&producer->batch) >= BATCH_BYTES ||
                agent_batch_count(&producer->batch) >= BATCH_EVENTS;
    return full ? flush(producer) : true;
}

static bool enough(const struct producer *producer)
{
    return producer->options->count_max > 0 &&
           producer->taken >= (uint64_t)producer->options->count_max;
}

static bool put_line(struct producer *producer, uint64_t number, struct bytes line)
{
    const struct agent_produce_options *options = producer->options;
    struct agent_line split;
    if (!agent_line_split(line, producer->delimiter, options->empty_is_null, &split))
        return true;
    if (split.key.data == NULL && options->key != NULL)
        split.key = bytes_of_string(options->key);
    return put_event(producer, number, split.key, split.value);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* Takes whole lines off the input, at its end the last one too. */
static bool take_lines(struct producer *producer, struct agent_lines *lines, bool at_end)
{
    while (!enough(producer)) {
        struct bytes line;
        switch (agent_lines_next(lines, at_end, &line)) {
        case AGENT_LINES_NONE: return true;
        case AGENT_LINES_LINE:
            if (!put_line(producer, lines->number, line))
                return false;
            break;
        case AGENT_LINES_TOO_LONG:
            fprintf(stderr, "penstock produce: line %" PRIu64 " refused: longer than %llu bytes\n",
                    lines->number, SPOOL_EVENT_BYTES_LIMIT);
            producer->delivery.refused++;
            break;
        }
    }
    return true;
}

/* Waits for input, and sends what has gathered when its time has come. False: sending failed. */
static bool wait_for_input(struct producer *producer, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    while (interrupted == 0) {
        bool gathered = agent_batch_count(&producer->batch) > 0;
        int64_t left_ms =
            gathered ? producer->batch_since_ms + BATCH_MS - clock_monotonic_ms() : LOOK_UP_MS;
        if (left_ms > 0 && poll(&poller, 1, (int)left_ms) > 0)
            return true;
        if (gathered && producer->batch_since_ms + BATCH_MS <= clock_monotonic_ms() &&
            !flush(producer))
            return false;
    }
    return true;
}

/* Reads once; *ret_size is 0 at the end (and when a signal ends the input). */
static bool read_some(struct producer *producer, int fd, uint8_t *room, const char *name,
                      size_t *ret_size)
{
    *ret_size = 0;
    if (!wait_for_input(producer, fd))
        return false;
    while (interrupted == 0) {
        ssize_t n = read(fd, room, READ_BYTES);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0) {
            fprintf(stderr, "penstock produce: %s: %s\n", name, strerror(errno));
            return false;
        }
        *ret_size = (size_t)n;
        return true;
    }
    return true;
}

static bool produce_lines(struct producer *producer, int fd, const char *name)
{
    struct agent_lines lines = {.line_bytes_max = SPOOL_EVENT_BYTES_LIMIT};
    bool ok = true;
    for (size_t size = 1; ok && size > 0 && !enough(producer);) {
        uint8_t *room = agent_lines_room(&lines, READ_BYTES);
        ok = room != NULL && read_some(producer, fd, room, name, &size);
        if (!ok)
            break;
        agent_lines_filled(&lines, size);
        /* Half a line that a signal cut off is no line. */
        ok = take_lines(producer, &lines, size == 0 && interrupted == 0);
    }
    agent_lines_done(&lines);
    return ok;
}

static bool produce_whole(struct producer *producer, int fd, const char *name)
{
    struct buf content = {0};
    bool ok = true;
    for (size_t size = 1; ok && size > 0;) {
        ok = buf_reserve(&content, READ_BYTES) &&
             read_some(producer, fd, content.data + content.size, name, &size);
        content.size += ok ? size : 0;
        if (ok && content.size > SPOOL_EVENT_BYTES_LIMIT) {
            fprintf(stderr, "penstock produce: %s refused: larger than %llu bytes\n", name,
                    SPOOL_EVENT_BYTES_LIMIT);
            producer->delivery.refused++;
            buf_free(&content);
            return true;
        }
    }
    struct bytes key =
        producer->options->key == NULL ? BYTES_NULL : bytes_of_string(producer->options->key);
    struct bytes value = content.size > 0                   ? buf_bytes(&content)
                         : producer->options->empty_is_null ? BYTES_NULL
                                                            : bytes_of("", 0);
    if (ok && interrupted == 0)
        ok = put_event(producer, 1, key, value);
    buf_free(&content);
    return ok;
}

static bool produce_file(struct producer *producer, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "penstock produce: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool ok = producer->options->files_are_lines ? produce_lines(producer, fd, path)
                                                 : produce_whole(producer, fd, path);
    close(fd);
    return ok;
}

static bool produce_all(struct producer *producer)
{
    const struct agent_produce_options *options = producer->options;
    bool ok = true;
    if (options->file_count == 0)
        ok = produce_lines(producer, STDIN_FILENO, "stdin");
    for (size_t i = 0; ok && interrupted == 0 && i < options->file_count && !enough(producer); i++)
        ok = produce_file(producer, options->files[i]);
    return ok && flush(producer);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool put_headers(struct producer *producer)
{
    const struct agent_produce_options *options = producer->options;
    for (size_t i = 0; i < options->header_count; i++)
        (void)agent_batch_header(&producer->headers, options->headers[i]);
    if (options->header_count == 0)
        return true;
    bool ok = agent_batch_headers_end(&producer->headers);
    producer->batch.headers = (const char *)producer->headers.data;
    return ok;
}

static int prepare(const struct agent_command *self, struct producer *producer)
{
    const struct agent_produce_options *options = producer->options;
    struct agent_delivery *delivery = &producer->delivery;
    struct errmsg msg = {""};
    if (!spool_topic_name_valid(bytes_of_string(options->topic)))
        return agent_usage_error(self, "'%s' is no topic name: 1 to 249 of a-z A-Z 0-9 . _ -",
                                 options->topic);
    if (options->key_delimiter != NULL) {
        producer->delimiter = malloc(strlen(options->key_delimiter) + 1);
        if (producer->delimiter == NULL ||
            !agent_line_unescape(options->key_delimiter, producer->delimiter))
            return agent_usage_error(self, "-K can't be '%s'", options->key_delimiter);
    }
    if (agent_http_client_init(&delivery->client, options->url, options->socket, &msg) != ERR_OK)
        return agent_usage_error(self, "%s", msg.text);
    snprintf(delivery->path, sizeof delivery->path, "/topics/%s", options->topic);
    size_t size = strlen(delivery->path);
    if (options->partition >= 0)
        snprintf(delivery->path + size, sizeof delivery->path - size, "/partitions/%" PRId32,
                 options->partition);
    delivery->timeout_ms = options->timeout_ms;
    delivery->quiet = options->quiet;
    delivery->interrupted = &interrupted;
    return put_headers(producer) ? EXIT_DONE : EXIT_FAILED;
}

static int run(const struct agent_command *self, struct producer *producer)
{
    int code = prepare(self, producer);
    if (code != EXIT_DONE)
        return code;
    take_signals();
    bool ok = produce_all(producer);
    const struct agent_delivery *delivery = &producer->delivery;
    if (!producer->options->quiet)
        fprintf(stderr, "penstock produce: %" PRIu64 " accepted, %" PRIu64 " refused%s\n",
                delivery->accepted, delivery->refused, ok ? "" : ", the rest not sent");
    if (!ok || delivery->refused > 0)
        return EXIT_FAILED;
    return interrupted != 0 ? 128 + interrupted : EXIT_DONE;
}

int agent_produce(const struct agent_command *self, int argc, char **argv)
{
    struct agent_produce_options options;
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    int code = agent_produce_options_parse(self, argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct producer producer = {.options = &options, .delivery = {.client = {.fd = -1}}};
    code = run(self, &producer);
    agent_http_client_done(&producer.delivery.client);
    agent_batch_done(&producer.batch);
    buf_free(&producer.headers);
    free(producer.delimiter);
    return code;
}
