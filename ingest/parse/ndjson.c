/* SPDX-License-Identifier: MIT
 * ndjson.c - lines to events. */
#include "ingest/parse/ndjson.h"

#include <inttypes.h>
#include <stdio.h>

bool ingest_sink_put(struct ingest_sink *sink, const struct spool_event *event, const char *what,
                     uint64_t number, struct ingest_problem *problem)
{
    enum err rc = sink->event(sink->arg, event);
    if (rc == ERR_OK) {
        sink->count++;
        return true;
    }
    char detail[64];
    snprintf(detail, sizeof detail, "%s %" PRIu64, what, number);
    ingest_problem_of_err(problem, rc, detail);
    return false;
}

static bool put_line(struct ingest_ndjson *lines, struct bytes line, struct ingest_sink *sink,
                     struct ingest_problem *problem)
{
    lines->line++;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (line.size == 0)
        return true;
    struct spool_event event = sink->defaults;
    event.value = line;
    return ingest_sink_put(sink, &event, "line", lines->line, problem);
}

bool ingest_ndjson_feed(struct ingest_ndjson *lines, struct bytes piece, struct ingest_sink *sink,
                        struct ingest_problem *problem)
{
    const uint8_t *p = piece.data, *end = piece.data + piece.size;
    while (p < end) {
        const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
        size_t size = (size_t)((newline == NULL ? end : newline) - p);
        bool ok = true;
        if (newline == NULL || lines->partial.size > 0)
            ok = buf_append(&lines->partial, p, size);
        if (!ok)
            return ingest_problem_set(problem, 503, INGEST_RETRY,
                                      "out of memory, nothing stored, retry");
        if (newline == NULL)
            return true;
        ok = put_line(lines,
                      lines->partial.size > 0 ? buf_bytes(&lines->partial) : bytes_of(p, size),
                      sink, problem);
        buf_clear(&lines->partial);
        if (!ok)
            return false;
        p = newline + 1;
    }
    return true;
}

bool ingest_ndjson_end(struct ingest_ndjson *lines, struct ingest_sink *sink,
                       struct ingest_problem *problem)
{
    if (lines->partial.size > 0 && !put_line(lines, buf_bytes(&lines->partial), sink, problem))
        return false;
    if (sink->count == 0)
        return ingest_problem_set(problem, 422, INGEST_PAYLOAD, "the body has no line");
    return true;
}

void ingest_ndjson_done(struct ingest_ndjson *lines)
{
    buf_free(&lines->partial);
}
