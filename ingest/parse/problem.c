/* SPDX-License-Identifier: MIT
 * problem.c - problems and the table from the spool's errors to them. */
#include "ingest/ingest_problem.h"

#include <stdarg.h>
#include <stdio.h>

bool ingest_problem_set(struct ingest_problem *problem, int status, int code, const char *format,
                        ...)
{
    if (problem->status != 0)
        return false;
    problem->status = status;
    problem->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
    for (char *p = problem->message; *p != '\0'; p++)
        /* A quoted text may be other than UTF-8, or cut within a character. */
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return false;
}

static const struct {
    enum err err;
    int status, code, retry_after_s;
    const char *message;
} rows[] = {
    {ERR_FULL, 503, INGEST_RETRY, 5, "spool full, nothing stored, retry later"},
    {ERR_TOPIC_FULL, 503, INGEST_RETRY, 5,
     "too much of this topic waits for Kafka already (bridge.topic_share), nothing stored, retry "
     "later"},
    {ERR_BUSY, 503, INGEST_RETRY, 1, "too much in flight, nothing stored, retry"},
    {ERR_NOT_FOUND, 503, INGEST_RETRY, 2, "no spool, nothing stored, retry later"},
    {ERR_UNAVAILABLE, 503, INGEST_RETRY, 2, "the disk refuses writes, retry later"},
    {ERR_CLOSED, 503, INGEST_RETRY, 2, "shutting down, nothing stored, retry"},
    {ERR_IO, 503, INGEST_UNKNOWN, 2,
     "the disk refused the write: the outcome is unknown, a retry may repeat the events"},
    {ERR_NOMEM, 503, INGEST_RETRY, 1, "out of memory, nothing stored, retry"},
    {ERR_TIMEOUT, 503, INGEST_UNKNOWN, 2,
     "the disk has not answered in time: the outcome is unknown, a retry may repeat the events"},
    {ERR_TOO_LARGE, 413, INGEST_TOO_LARGE, 0, "event larger than spool.max_event_size"},
    {ERR_INVALID, 422, INGEST_PAYLOAD, 0, "the event cannot be stored (timestamp out of range?)"},
};

void ingest_problem_of_err(struct ingest_problem *problem, enum err err, const char *detail)
{
    if (problem->status != 0)
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].err != err)
            continue;
        const char *separator = detail != NULL && detail[0] != '\0' ? ": " : "";
        ingest_problem_set(problem, rows[i].status, rows[i].code, "%s%s%s", rows[i].message,
                           separator, detail == NULL ? "" : detail);
        problem->retry_after_s = rows[i].retry_after_s;
        return;
    }
    ingest_problem_set(problem, 500, INGEST_INTERNAL, "%s", err_text(err));
}

void ingest_problem_render(const struct ingest_problem *problem, struct buf *body)
{
    buf_printf(body, "{\"error_code\":%d,\"message\":", problem->code);
    buf_append_json_string(body, problem->message, strlen(problem->message));
    buf_append_char(body, '}');
}
