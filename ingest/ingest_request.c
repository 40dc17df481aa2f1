/* SPDX-License-Identifier: MIT
 * ingest_request.c - a produce request's life. */
#include "ingest/ingest_request.h"

#include "base/clock.h"
#include "ingest/ingest_v2.h"

#include <inttypes.h>
#include <stdlib.h>

enum { RECEIVING, WAITING, ANSWERED };

/* ---- who owns it -------------------------------------------------------------------------------------------------- */

struct ingest_request *ingest_request_new(struct ingest *ingest, struct MHD_Connection *http, struct ingest_connection *connection)
{
    struct ingest_request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->ingest = ingest;
    request->http = http;
    request->connection = connection;
    atomic_init(&request->references, 1);
    return request;
}

void ingest_request_unref(struct ingest_request *request)
{
    if (request == NULL || atomic_fetch_sub(&request->references, 1) != 1)
        return;
    atomic_fetch_sub(&request->ingest->in_flight_bytes, request->counted_bytes);
    spool_batch_free(request->batch);
    ingest_ndjson_done(&request->lines);
    buf_free(&request->body);
    buf_free(&request->key);
    buf_free(&request->partitions);
    free(request);
}

/* ---- receiving ------------------------------------------------------------------------------------------------------ */

static enum err put_event(void *arg, const struct spool_event *event)
{
    struct ingest_request *request = arg;
    return spool_batch_add(request->batch, event);
}

static bool topic_is_allowed(const struct ingest_options *options, const struct ingest_route *route)
{
    for (size_t i = 0; i < options->topics_allow_count; i++)
        if (bytes_equal(bytes_of_string(options->topics_allow[i]), bytes_of(route->topic, route->topic_size)))
            return true;
    return options->topics_allow_count == 0;
}

static bool take_spool(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    char reason[256];
    pthread_rwlock_rdlock(&ingest->spool_lock);
    request->spool = ingest->spool;
    memcpy(reason, ingest->reason, sizeof reason);
    pthread_rwlock_unlock(&ingest->spool_lock);
    if (atomic_load(&ingest->stopping))
        ingest_problem_of_err(&request->problem, ERR_CLOSED, NULL);
    else if (request->spool == NULL)
        ingest_problem_of_err(&request->problem, ERR_UNAVAILABLE, reason);
    return request->problem.status == 0;
}

static bool open_batch(struct ingest_request *request)
{
    const struct ingest_route *route = &request->route;
    if (!topic_is_allowed(request->ingest->options, route))
        return ingest_problem_set(&request->problem, 404, INGEST_NOT_FOUND, "topic not in topics.allow");
    enum err rc = spool_batch_new(request->spool, bytes_of(route->topic, route->topic_size), &request->batch);
    if (rc == ERR_FULL)
        return ingest_problem_set(&request->problem, 422, INGEST_TOPIC_NAME, "topics.max reached: no more new topics are taken");
    if (rc != ERR_OK)
        ingest_problem_of_err(&request->problem, rc, NULL);
    return rc == ERR_OK;
}

static bool set_defaults(struct ingest_request *request, const struct ingest_head *head)
{
    struct spool_event *defaults = &request->sink.defaults;
    *defaults = (struct spool_event){.time_ms = clock_wall_ms(), .partition = request->route.partition};
    if (head->key != NULL) {
        size_t size = strlen(head->key);
        if (!buf_reserve(&request->key, size + 1))
            return ingest_problem_set(&request->problem, 503, INGEST_RETRY, "out of memory, nothing stored, retry");
        if (!ingest_percent_decode(bytes_of(head->key, size), request->key.data, size, &request->key.size))
            return ingest_problem_set(&request->problem, 400, INGEST_BAD_REQUEST, "?key= has a malformed %%-escape");
        defaults->key = buf_bytes(&request->key);
    }
    if (head->timestamp != NULL) {
        if (!ingest_number_parse(head->timestamp, SPOOL_FRAME_TIME_MS_MAX, &defaults->time_ms))
            return ingest_problem_set(&request->problem, 400, INGEST_BAD_REQUEST, "?timestamp= is no whole number of milliseconds since 1970");
        defaults->client_time = true;
    }
    return true;
}

/* Counts bytes against the budget of all requests. */
static bool count_bytes(struct ingest_request *request, uint64_t bytes)
{
    struct ingest *ingest = request->ingest;
    uint64_t before = atomic_fetch_add(&ingest->in_flight_bytes, bytes);
    request->counted_bytes += bytes;
    if (before > 0 && before + bytes > ingest->options->in_flight_bytes_max)
        ingest_problem_of_err(&request->problem, ERR_BUSY, NULL);
    return request->problem.status == 0;
}

static bool body_fits(struct ingest_request *request, uint64_t bytes)
{
    uint64_t max = request->ingest->options->body_bytes_max;
    return bytes <= max || ingest_problem_set(&request->problem, 413, INGEST_TOO_LARGE,
                                              "body larger than listen.max_body (%" PRIu64 " bytes)", max);
}

void ingest_request_begin(struct ingest_request *request, const struct ingest_head *head)
{
    request->sink.event = put_event;
    request->sink.arg = request;
    bool ok = ingest_route_parse(head->path, &request->route, &request->problem) &&
              ingest_format_parse(head->content_type, &request->format, &request->problem) &&
              (head->content_length < 0 || body_fits(request, (uint64_t)head->content_length)) && take_spool(request) &&
              open_batch(request) && set_defaults(request, head);
    if (ok && head->content_length > 0 && count_bytes(request, (uint64_t)head->content_length) &&
        request->format != INGEST_NDJSON && !buf_reserve(&request->body, (size_t)head->content_length))
        ingest_problem_of_err(&request->problem, ERR_NOMEM, NULL);
}

void ingest_request_body(struct ingest_request *request, struct bytes piece)
{
    request->received_bytes += piece.size;
    atomic_fetch_add(&request->ingest->body_bytes, piece.size);
    if (request->problem.status != 0 || !body_fits(request, request->received_bytes))
        return; /* the rest is only read so that the answer can be */
    if (request->received_bytes > request->counted_bytes && !count_bytes(request, request->received_bytes - request->counted_bytes))
        return;
    if (request->format == INGEST_NDJSON)
        ingest_ndjson_feed(&request->lines, piece, &request->sink, &request->problem);
    else if (!buf_append(&request->body, piece.data, piece.size))
        ingest_problem_of_err(&request->problem, ERR_NOMEM, NULL);
}

static bool finish_raw(struct ingest_request *request)
{
    static const uint8_t nothing[1];
    struct spool_event event = request->sink.defaults;
    event.value = request->body.size == 0 ? bytes_of(nothing, 0) : buf_bytes(&request->body);
    return ingest_sink_put(&request->sink, &event, "body of", request->body.size, &request->problem);
}

bool ingest_request_finish(struct ingest_request *request)
{
    if (request->problem.status != 0)
        return false;
    bool ok;
    if (request->format == INGEST_NDJSON)
        ok = ingest_ndjson_end(&request->lines, &request->sink, &request->problem);
    else if (request->format == INGEST_RAW)
        ok = finish_raw(request);
    else
        ok = ingest_v2_parse(buf_bytes(&request->body), request->format, &request->sink, &request->partitions, &request->problem);
    buf_free(&request->body);
    return ok;
}

/* ---- waiting for the sync --------------------------------------------------------------------------------------------- */

static void enter_waiting(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    request->waiting_since_ms = clock_monotonic_ms();
    pthread_mutex_lock(&ingest->waiting_lock);
    request->previous_waiting = ingest->newest_waiting;
    if (ingest->newest_waiting != NULL)
        ingest->newest_waiting->next_waiting = request;
    else
        ingest->oldest_waiting = request;
    ingest->newest_waiting = request;
    pthread_mutex_unlock(&ingest->waiting_lock);
    atomic_fetch_add(&ingest->waiting, 1);
}

static void leave_waiting_locked(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    if (request->previous_waiting != NULL)
        request->previous_waiting->next_waiting = request->next_waiting;
    else
        ingest->oldest_waiting = request->next_waiting;
    if (request->next_waiting != NULL)
        request->next_waiting->previous_waiting = request->previous_waiting;
    else
        ingest->newest_waiting = request->previous_waiting;
    atomic_fetch_sub(&ingest->waiting, 1);
}

/* Whoever comes first answers. */
static bool claim_answer(struct ingest_request *request)
{
    int waiting = WAITING;
    return atomic_compare_exchange_strong(&request->state, &waiting, ANSWERED);
}

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct ingest_request *request = arg;
    struct ingest *ingest = request->ingest;
    pthread_mutex_lock(&ingest->waiting_lock);
    bool mine = claim_answer(request);
    if (mine)
        leave_waiting_locked(request);
    pthread_mutex_unlock(&ingest->waiting_lock);
    if (mine) {
        request->receipt = *receipt;
        ingest_http_resume(request->http);
    }
    ingest_request_unref(request);
}

void ingest_request_submit(struct ingest_request *request)
{
    atomic_store(&request->state, WAITING);
    atomic_fetch_add(&request->references, 1); /* the committer's */
    enter_waiting(request);
    struct spool_batch *batch = request->batch;
    request->batch = NULL;
    enum err rc = spool_submit(request->spool, batch, on_done, request);
    if (rc != ERR_OK) {
        spool_batch_free(batch);
        on_done(request, &(struct spool_receipt){.err = rc});
    }
}

void ingest_requests_time_out(struct ingest *ingest)
{
    int64_t due_ms = clock_monotonic_ms() - ingest->options->commit_timeout_ms;
    pthread_mutex_lock(&ingest->waiting_lock);
    while (ingest->oldest_waiting != NULL && ingest->oldest_waiting->waiting_since_ms < due_ms) {
        struct ingest_request *request = ingest->oldest_waiting;
        bool mine = claim_answer(request);
        leave_waiting_locked(request);
        if (mine) {
            request->receipt = (struct spool_receipt){.err = ERR_TIMEOUT};
            ingest_http_resume(request->http); /* its reference keeps it alive until it has been answered */
        }
    }
    pthread_mutex_unlock(&ingest->waiting_lock);
}

/* ---- answering ----------------------------------------------------------------------------------------------------------- */

int ingest_request_answer(struct ingest_request *request, struct buf *body, const char **content_type)
{
    bool v2 = request->format == INGEST_JSON_V2 || request->format == INGEST_BINARY_V2;
    *content_type = v2 ? "application/vnd.kafka.v2+json" : "application/json";
    if (request->problem.status == 0 && request->receipt.err != ERR_OK)
        ingest_problem_of_err(&request->problem, request->receipt.err, NULL);
    if (request->problem.status != 0) {
        ingest_problem_render(&request->problem, body);
        return request->problem.status;
    }
    if (v2)
        ingest_v2_render(request->sink.count, &request->partitions, body);
    else
        buf_printf(body, "{\"accepted\":%" PRIu64 "}", request->sink.count);
    return 200;
}
