/* SPDX-License-Identifier: MIT
 * request.c - a request's life: memory and budget, body, answer. */
#include "ingest/request/request.h"

#include "base/decimal.h"
#include "ingest/request/confirmed.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- who owns it ----------------------------------------------------------------------------- */

static void enter_open(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    pthread_mutex_lock(&ingest->open_lock);
    request->next_open = ingest->first_open;
    if (request->next_open != NULL)
        request->next_open->previous_open = request;
    ingest->first_open = request;
    pthread_mutex_unlock(&ingest->open_lock);
}

static void leave_open(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    pthread_mutex_lock(&ingest->open_lock);
    if (request->previous_open != NULL)
        request->previous_open->next_open = request->next_open;
    else
        ingest->first_open = request->next_open;
    if (request->next_open != NULL)
        request->next_open->previous_open = request->previous_open;
    pthread_mutex_unlock(&ingest->open_lock);
}

struct ingest_request *ingest_request_new(struct ingest *ingest, struct MHD_Connection *http,
                                          struct ingest_connection *connection)
{
    struct ingest_request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->ingest = ingest;
    request->http = http;
    request->connection = connection;
    atomic_init(&request->references, 1);
    atomic_fetch_add(&ingest->requests, 1);
    return request;
}

/* Gives back what parsing took: memory, batch, budget. */
static void stop_parsing(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    if (request->parsing) {
        pthread_rwlock_rdlock(&ingest->spool_lock); /* against ingest_requests_drop_batches() */
        leave_open(request);
        spool_batch_free(request->batch);
        request->batch = NULL;
        pthread_rwlock_unlock(&ingest->spool_lock);
        request->parsing = false;
    }
    ingest_ndjson_done(&request->lines);
    buf_free(&request->body);
}

void ingest_request_give_back(struct ingest_request *request)
{
    atomic_fetch_sub(&request->ingest->in_flight_bytes, request->counted_bytes);
    request->counted_bytes = 0;
}

void ingest_request_unref(struct ingest_request *request)
{
    if (atomic_fetch_sub(&request->references, 1) != 1)
        return;
    ingest_request_give_back(request);
    ingest_v2_free(request->v2);
    buf_free(&request->key);
    buf_free(&request->question);
    if (request->confirm != NULL)
        atomic_fetch_sub(&request->ingest->confirming, 1);
    spool_delivery_wait_free(request->confirm);
    free(request);
}

void ingest_request_completed(struct ingest_request *request)
{
    if (request == NULL)
        return;
    if (request->submitted)
        atomic_fetch_sub(&request->ingest->answering, 1);
    stop_parsing(request);
    ingest_request_unref(request);
}

void ingest_requests_drop_batches(struct ingest *ingest)
{
    pthread_mutex_lock(&ingest->open_lock);
    for (struct ingest_request *request = ingest->first_open; request != NULL;
         request = request->next_open) {
        spool_batch_free(request->batch);
        request->batch = NULL;
    }
    pthread_mutex_unlock(&ingest->open_lock);
}

/* ---- refusing, and the budget ---------------------------------------------------------------- */

bool ingest_request_refuse(struct ingest_request *request, int status, int code, const char *what)
{
    return ingest_problem_set(&request->problem, status, code, "%s", what);
}

bool ingest_request_no_memory(struct ingest_request *request)
{
    ingest_problem_of_err(&request->problem, ERR_NOMEM, NULL);
    return false;
}

bool ingest_request_is_v2(const struct ingest_request *request)
{
    return request->format == INGEST_JSON_V2 || request->format == INGEST_BINARY_V2;
}

bool ingest_request_body_fits(struct ingest_request *request, uint64_t bytes)
{
    uint64_t max = request->ingest->options->body_bytes_max;
    return bytes <= max ||
           ingest_problem_set(&request->problem, 413, INGEST_TOO_LARGE,
                              "body larger than listen.max_body (%" PRIu64 " bytes)", max);
}

/* Counts the request's bytes against the budget of all requests; a request that is alone may always
 * have its body. */
bool ingest_request_count(struct ingest_request *request, uint64_t bytes)
{
    struct ingest *ingest = request->ingest;
    const struct ingest_options *options = ingest->options;
    if (bytes <= request->counted_bytes)
        return true;
    uint64_t more = bytes - request->counted_bytes;
    uint64_t others = atomic_fetch_add(&ingest->in_flight_bytes, more) - request->counted_bytes;
    request->counted_bytes = bytes;
    if (bytes > options->in_flight_bytes_max && bytes > options->body_bytes_max)
        return ingest_request_refuse(request, 413, INGEST_TOO_LARGE,
                                     "too many events for one request");
    if (others > 0 && others + bytes > options->in_flight_bytes_max)
        ingest_problem_of_err(&request->problem, ERR_BUSY, NULL);
    return request->problem.status == 0;
}

/* ---- the body -------------------------------------------------------------------------------- */

/* Spool held. The batch is made with the first event, so that garbage doesn't use up the number of
 * topics. */
static enum err put_event(void *arg, const struct spool_event *event)
{
    struct ingest_request *request = arg;
    const struct ingest_route *route = &request->route;
    if (request->batch == NULL) {
        enum err rc = spool_batch_new(request->ingest->spool,
                                      bytes_of(route->topic, route->topic_size), &request->batch);
        if (rc == ERR_FULL)
            ingest_request_refuse(request, 422, INGEST_TOPICS_FULL,
                                  "topics.max reached: no more new topics are taken");
        if (rc != ERR_OK)
            return rc;
    }
    enum err rc = spool_batch_add(request->batch, event);
    if (rc == ERR_FULL)
        ingest_request_refuse(request, 413, INGEST_TOO_LARGE, "too many events for one request");
    return rc;
}

bool ingest_request_start(struct ingest_request *request, const struct ingest_head *head)
{
    request->expected_bytes =
        head->content_length < 0 ? UINT64_MAX : (uint64_t)head->content_length;
    request->sink.event = put_event;
    request->sink.arg = request;
    if (ingest_request_is_v2(request)) {
        request->v2 = ingest_v2_new(request->format, &request->sink);
        if (request->v2 == NULL)
            return ingest_request_no_memory(request);
    }
    request->parsing = true;
    enter_open(request);
    return true;
}

static bool put_raw(struct ingest_request *request, struct bytes body)
{
    struct spool_event event = request->sink.defaults;
    event.value = body.size == 0 ? bytes_of("", 0) : body; /* empty, not null */
    return ingest_sink_put(&request->sink, &event, "body of bytes:", body.size, &request->problem);
}

static bool feed(struct ingest_request *request, struct bytes piece)
{
    if (request->format == INGEST_NDJSON)
        return ingest_ndjson_feed(&request->lines, piece, &request->sink, &request->problem);
    if (ingest_request_is_v2(request))
        return ingest_v2_feed(request->v2, piece, &request->problem);
    if (piece.size == request->expected_bytes) /* the whole body in one piece: no copy */
        return put_raw(request, piece);
    return buf_append(&request->body, piece.data, piece.size) || ingest_request_no_memory(request);
}

static bool end(struct ingest_request *request, struct bytes piece)
{
    (void)piece;
    if (request->format == INGEST_NDJSON)
        return ingest_ndjson_end(&request->lines, &request->sink, &request->problem);
    if (ingest_request_is_v2(request))
        return ingest_v2_end(request->v2, &request->problem);
    return request->sink.count > 0 || put_raw(request, buf_bytes(&request->body));
}

/* Runs one step of parsing, with the spool held; then counts the budget. False: the request is
 * refused, and all that it took is given back. */
static bool parse(struct ingest_request *request,
                  bool (*step)(struct ingest_request *, struct bytes), struct bytes piece)
{
    struct ingest *ingest = request->ingest;
    pthread_rwlock_rdlock(&ingest->spool_lock);
    bool ok = ingest->spool != NULL && ingest->spool_epoch == request->spool_epoch;
    if (ok)
        ok = step(request, piece);
    else
        ingest_problem_of_err(&request->problem, ERR_NOT_FOUND, ingest->reason);
    uint64_t held_bytes = request->batch == NULL ? 0 : spool_batch_bytes(request->batch);
    pthread_rwlock_unlock(&ingest->spool_lock);
    held_bytes += request->body.size + request->lines.partial.size +
                  (ingest_request_is_v2(request) ? ingest_v2_render_size(request->sink.count) : 0);
    if (ok && ingest_request_count(request, held_bytes > request->received_bytes
                                                ? held_bytes
                                                : request->received_bytes))
        return true;
    stop_parsing(request);
    ingest_request_give_back(request);
    return false;
}

bool ingest_request_body(struct ingest_request *request, struct bytes piece)
{
    request->received_bytes += piece.size;
    atomic_fetch_add(&request->ingest->body_bytes, piece.size);
    if (request->received_bytes > request->ingest->options->body_bytes_max) {
        stop_parsing(request);
        /* keeps a problem that was set before */
        (void)ingest_request_body_fits(request, request->received_bytes);
        return false;
    }
    if (request->parsing)
        (void)parse(request, feed, piece);
    return true;
}

bool ingest_request_finish(struct ingest_request *request)
{
    return request->parsing && parse(request, end, BYTES_NULL);
}

/* ---- answering ------------------------------------------------------------------------------- */

/* Turns the receipt into a problem. When the spool had taken the batch, a write that failed may
 * come back after a crash, so the outcome is unknown. */
static void judge_receipt(struct ingest_request *request)
{
    enum err rc = request->receipt.err;
    bool unknown = request->taken && (rc == ERR_UNAVAILABLE || rc == ERR_IO);
    if (rc != ERR_OK)
        ingest_problem_of_err(&request->problem, unknown ? ERR_IO : rc, NULL);
}

static void answer_page(const struct ingest_request *request, struct ingest_answer *answer)
{
    const struct ingest_page *page = request->page;
    answer->content_type = "text/plain";
    if (page->answer == NULL) {
        answer->status = page->render(page->arg, &answer->body, &answer->content_type);
        return;
    }
    struct ingest_question question = {.rest = (const char *)request->question.data};
    question.topic = question.rest + strlen(question.rest) + 1;
    question.spool_id = question.topic + strlen(question.topic) + 1;
    answer->status = page->answer(page->arg, &question, &answer->body, &answer->content_type);
}

static void answer_accepted(uint64_t count, struct buf *body)
{
    char digits[DECIMAL_SIZE];
    buf_append_string(body, "{\"accepted\":");
    buf_append_string(body, decimal_of(count, digits));
    buf_append_char(body, '}');
}

void ingest_request_answer(struct ingest_request *request, struct ingest_answer *ret_answer)
{
    if (request->submitted)
        judge_receipt(request);
    ret_answer->content_type =
        ingest_request_is_v2(request) ? "application/vnd.kafka.v2+json" : "application/json";
    if (request->problem.status != 0) {
        ret_answer->status = request->problem.status;
        ingest_problem_render(&request->problem, &ret_answer->body);
    } else if (request->page != NULL) {
        answer_page(request, ret_answer);
    } else {
        ret_answer->status = request->wait_kafka && !request->confirmed ? 202 : 200;
        ret_answer->has_receipt = true;
        if (request->wait_kafka && request->confirmed)
            ingest_confirmed_render(request->confirm, ingest_request_is_v2(request),
                                    &ret_answer->body);
        else if (request->wait_kafka && !ingest_request_is_v2(request))
            buf_printf(&ret_answer->body, "{\"accepted\":%" PRIu64 ",\"confirmed\":false}",
                       request->sink.count);
        else if (ingest_request_is_v2(request))
            ingest_v2_render(request->v2, &ret_answer->body);
        else
            answer_accepted(request->sink.count, &ret_answer->body);
    }
    if (ret_answer->status < 600)
        atomic_fetch_add(&request->ingest->by_status[ret_answer->status], 1);
}
