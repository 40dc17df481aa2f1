/* SPDX-License-Identifier: MIT
 * fuzz_http_body.c - every body parser, and the target parser, on any bytes in pieces of any size.
 *
 * Byte 0 chooses the parser, byte 1 the size of the pieces (0: all at once). What comes out of
 * pieces must be the same as what comes out of the whole. */
#include "ingest/parse/ndjson.h"
#include "ingest/parse/v2.h"
#include "ingest/ingest_parameter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    bool ok;
    int status;
    uint64_t count;
    uint64_t digest;
};

static void mix(uint64_t *digest, struct bytes bytes)
{
    *digest = (*digest ^ (bytes.data == NULL ? 1 : 2)) * 0x100000001b3u;
    for (size_t i = 0; i < bytes.size; i++)
        *digest = (*digest ^ bytes.data[i]) * 0x100000001b3u;
}

static enum err take(void *arg, const struct spool_event *event)
{
    struct outcome *outcome = arg;
    struct bytes headers = event->headers;
    struct spool_header header;
    uint32_t count = 0;
    mix(&outcome->digest, event->key);
    mix(&outcome->digest, event->value);
    while (spool_headers_next(&headers, &header))
        count++;
    if (count != event->header_count || event->partition < SPOOL_PARTITION_ANY)
        abort(); /* what is handed on is sound */
    return event->value.size > 100000 ? ERR_TOO_LARGE : ERR_OK;
}

static bool run_ndjson(struct bytes body, size_t step, struct ingest_sink *sink,
                       struct ingest_problem *problem)
{
    struct ingest_ndjson lines = {0};
    bool ok = true;
    for (size_t at = 0; ok && at < body.size; at += step)
        ok = ingest_ndjson_feed(
            &lines, bytes_of(body.data + at, step < body.size - at ? step : body.size - at), sink,
            problem);
    ok = ok && ingest_ndjson_end(&lines, sink, problem);
    ingest_ndjson_done(&lines);
    return ok;
}

static bool run_v2(enum ingest_format format, struct bytes body, size_t step,
                   struct ingest_sink *sink, struct ingest_problem *problem)
{
    struct ingest_v2 *v2 = ingest_v2_new(format, sink);
    struct buf answer = {0};
    bool ok = true;
    for (size_t at = 0; ok && at < body.size; at += step)
        ok = ingest_v2_feed(
            v2, bytes_of(body.data + at, step < body.size - at ? step : body.size - at), problem);
    ok = ok && ingest_v2_end(v2, problem);
    if (ok) {
        ingest_v2_render(v2, &answer);
        if (answer.size > ingest_v2_render_size(sink->count))
            abort();
    }
    buf_free(&answer);
    ingest_v2_free(v2);
    return ok;
}

static struct outcome run(uint8_t which, struct bytes body, size_t step)
{
    struct outcome outcome = {.digest = 0xcbf29ce484222325u};
    struct ingest_problem problem = {0};
    struct ingest_sink sink = {.event = take,
                               .arg = &outcome,
                               .defaults = {.partition = SPOOL_PARTITION_ANY, .time_ms = 1}};
    outcome.ok = which == 0   ? run_ndjson(body, step, &sink, &problem)
                 : which == 1 ? run_v2(INGEST_JSON_V2, body, step, &sink, &problem)
                              : run_v2(INGEST_BINARY_V2, body, step, &sink, &problem);
    if (outcome.ok != (problem.status == 0) ||
        (!outcome.ok && (problem.status < 400 || problem.message[0] == '\0')))
        abort(); /* accepted, or refused with a reason */
    outcome.status = problem.status;
    outcome.count = sink.count;
    return outcome;
}

static void run_target(struct bytes text)
{
    char *path = strndup((const char *)text.data, text.size);
    struct ingest_route route;
    struct ingest_problem problem = {0};
    enum ingest_format format;
    int64_t number;
    if (ingest_route_parse(path, &route, &problem) != (problem.status == 0))
        abort();
    problem.status = 0;
    ingest_format_parse(path, &format, &problem);
    ingest_number_parse(path, INT64_MAX, &number);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes body = bytes_of(data + 2, size - 2);
    uint8_t which = data[0] % 4;
    if (which == 3) {
        run_target(body);
        return 0;
    }
    struct outcome whole = run(which, body, size),
                   pieces = run(which, body, data[1] == 0 ? size : data[1]);
    if (whole.ok != pieces.ok || whole.status != pieces.status ||
        (whole.ok && whole.digest != pieces.digest))
        abort();
    return 0;
}
