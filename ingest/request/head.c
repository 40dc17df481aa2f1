/* SPDX-License-Identifier: MIT
 * head.c - what a request asks for: a row of checks, the first that fails
 * decides. */
#include "ingest/request/request.h"

#include "base/clock.h"
#include "ingest/ingest_parameter.h"

#include <strings.h>

enum { WAIT_MS_DEFAULT = 10000, WAIT_MS_MAX = 300000 };
enum { ASK_FIRST_BYTES = 64 << 10 }; /* bodies from this size on, and chunked ones */

typedef bool check_fn(struct ingest_request *request, const struct ingest_head *head);

static bool check_length(struct ingest_request *request, const struct ingest_head *head)
{
    if (head->lengths > 1)
        return ingest_request_refuse(
            request, 400, INGEST_BAD_REQUEST,
            "more than one Content-Length or Transfer-Encoding: where the body ends is ambiguous");
    if (head->transfer_encoding != NULL && strcasecmp(head->transfer_encoding, "chunked") != 0)
        return ingest_request_refuse(request, 400, INGEST_BAD_REQUEST,
                                     "the only Transfer-Encoding taken is chunked");
    return true;
}

/* Size of the part of the path that is the page's; 0: another page. */
static size_t page_matches(const char *page, const char *path)
{
    size_t size = strlen(page);
    bool folder = size > 1 && page[size - 1] == '/';
    return (folder ? strncmp(page, path, size) : strcmp(page, path)) == 0 ? size : 0;
}

static bool keep_string(struct buf *out, const char *string)
{
    return string == NULL ? buf_append(out, "", 1) : buf_append(out, string, strlen(string) + 1);
}

/* Copies the question: the library's strings may not live until the answer. */
static bool take_question(struct ingest_request *request, const struct ingest_head *head,
                          size_t page_size)
{
    if (head->bad_parameter != NULL || head->key != NULL || head->timestamp != NULL ||
        head->wait != NULL || head->wait_ms != NULL)
        return ingest_request_refuse(
            request, 422, INGEST_PARAMETER,
            "a parameter is unknown or stands there twice; known: topic, spool_id");
    return (keep_string(&request->question, head->path + page_size) &&
            keep_string(&request->question, head->topic) &&
            keep_string(&request->question, head->spool_id)) ||
           ingest_request_no_memory(request);
}

static bool check_page(struct ingest_request *request, const struct ingest_head *head)
{
    struct ingest *ingest = request->ingest;
    bool get = strcmp(head->method, "GET") == 0 || strcmp(head->method, "HEAD") == 0;
    for (size_t i = 0; i < ingest->page_count; i++) {
        size_t size = page_matches(ingest->pages[i].path, head->path);
        if (size == 0)
            continue;
        request->page = get ? &ingest->pages[i] : NULL;
        request->allow = get ? NULL : "GET, HEAD";
        if (!get)
            return ingest_request_refuse(request, 405, INGEST_METHOD,
                                         "this page is for GET and HEAD");
        return request->page->answer == NULL || take_question(request, head, size);
    }
    return true;
}

static bool check_route(struct ingest_request *request, const struct ingest_head *head)
{
    if (request->page != NULL)
        return true;
    if (!ingest_route_parse(head->path, &request->route, &request->problem))
        return false;
    if (strcmp(head->method, "POST") == 0)
        return true;
    request->allow = "POST";
    return ingest_request_refuse(request, 405, INGEST_METHOD, "events are sent with POST");
}

static bool check_format(struct ingest_request *request, const struct ingest_head *head)
{
    if (head->content_encoding != NULL && strcasecmp(head->content_encoding, "identity") != 0)
        return ingest_request_refuse(request, 415, INGEST_MEDIA_TYPE,
                                     "bodies with a Content-Encoding are not taken");
    return ingest_format_parse(head->content_type, &request->format, &request->problem);
}

static bool check_wait(struct ingest_request *request, const struct ingest_head *head)
{
    request->wait_kafka = head->wait != NULL;
    request->wait_ms = WAIT_MS_DEFAULT;
    if (request->wait_kafka && strcmp(head->wait, "kafka") != 0)
        return ingest_request_refuse(request, 422, INGEST_PARAMETER,
                                     "?wait= knows one value: kafka");
    if (head->wait_ms == NULL)
        return true;
    if (!request->wait_kafka)
        return ingest_request_refuse(request, 422, INGEST_PARAMETER,
                                     "?wait_ms= means nothing without ?wait=kafka");
    return ingest_number_parse(head->wait_ms, WAIT_MS_MAX, &request->wait_ms) ||
           ingest_request_refuse(request, 422, INGEST_PARAMETER,
                                 "?wait_ms= is no whole number of milliseconds up to 300000");
}

static bool check_parameters(struct ingest_request *request, const struct ingest_head *head)
{
    struct spool_event *defaults = &request->sink.defaults;
    *defaults =
        (struct spool_event){.time_ms = clock_wall_ms(), .partition = request->route.partition};
    if (head->bad_parameter != NULL || head->topic != NULL || head->spool_id != NULL)
        return ingest_problem_set(&request->problem, 422, INGEST_PARAMETER,
                                  "parameter \"%.40s\" is unknown or stands there twice; known: "
                                  "key, timestamp, wait, wait_ms",
                                  head->bad_parameter != NULL ? head->bad_parameter
                                  : head->topic != NULL       ? "topic"
                                                              : "spool_id");
    if (!check_wait(request, head))
        return false;
    if (ingest_request_is_v2(request) && (head->key != NULL || head->timestamp != NULL))
        return ingest_request_refuse(
            request, 422, INGEST_PARAMETER,
            "with this Content-Type key and timestamp belong into the records");
    if (head->key != NULL) {
        size_t size = strlen(head->key);
        if (!buf_reserve(&request->key, size + 1))
            return ingest_request_no_memory(request);
        if (!ingest_percent_decode(bytes_of(head->key, size), request->key.data, size,
                                   &request->key.size))
            return ingest_request_refuse(request, 400, INGEST_BAD_REQUEST,
                                         "?key= has a malformed %-escape");
        defaults->key = buf_bytes(&request->key);
    }
    if (head->timestamp != NULL) {
        if (!ingest_number_parse(head->timestamp, SPOOL_EVENT_TIME_MS_MAX, &defaults->time_ms))
            return ingest_request_refuse(
                request, 422, INGEST_PARAMETER,
                "?timestamp= is no whole number of milliseconds since 1970");
        defaults->client_time = true;
    }
    return true;
}

static bool check_allowed(struct ingest_request *request, const struct ingest_head *head)
{
    const struct ingest_options *options = request->ingest->options;
    (void)head;
    for (size_t i = 0; i < options->topics_allow_count; i++)
        if (bytes_equal(bytes_of_string(options->topics_allow[i]),
                        bytes_of(request->route.topic, request->route.topic_size)))
            return true;
    return options->topics_allow_count == 0 ||
           ingest_request_refuse(request, 404, INGEST_NOT_FOUND,
                                 "this topic is not among those allowed");
}

static bool check_size(struct ingest_request *request, const struct ingest_head *head)
{
    return head->content_length < 0 ||
           ingest_request_body_fits(request, (uint64_t)head->content_length);
}

/* Asks the spool before the body comes, so that large bodies are not received in vain. */
static bool check_spool(struct ingest_request *request, const struct ingest_head *head)
{
    struct ingest *ingest = request->ingest;
    struct errmsg msg = {""};
    enum err rc = ERR_OK;
    if (atomic_load(&ingest->stopping)) {
        ingest_problem_of_err(&request->problem, ERR_CLOSED, NULL);
        return false;
    }
    pthread_rwlock_rdlock(&ingest->spool_lock);
    if (ingest->spool == NULL)
        ingest_problem_of_err(&request->problem, ERR_NOT_FOUND, ingest->reason);
    else if (head->content_length < 0 || head->content_length >= ASK_FIRST_BYTES)
        rc = spool_accepts(ingest->spool, &msg);
    request->spool_epoch = ingest->spool_epoch;
    memcpy(request->spool_id, ingest->spool_id, sizeof request->spool_id);
    pthread_rwlock_unlock(&ingest->spool_lock);
    if (rc != ERR_OK && rc != ERR_TIMEOUT) /* a sync that hangs may still come back in time */
        ingest_problem_of_err(&request->problem, rc, msg.text);
    return request->problem.status == 0;
}

static bool check_budget(struct ingest_request *request, const struct ingest_head *head)
{
    return head->content_length < 0 ||
           ingest_request_count(request, (uint64_t)head->content_length);
}

static check_fn *const produce_checks[] = {
    check_format, check_parameters, check_allowed,        check_size,
    check_spool,  check_budget,     ingest_request_start,
};

static bool check_all(struct ingest_request *request, const struct ingest_head *head)
{
    if (!check_length(request, head) || !check_page(request, head) || !check_route(request, head))
        return false;
    for (size_t i = 0;
         request->page == NULL && i < sizeof produce_checks / sizeof produce_checks[0]; i++)
        if (!produce_checks[i](request, head))
            return false;
    return true;
}

bool ingest_request_begin(struct ingest_request *request, const struct ingest_head *head)
{
    if (check_all(request, head))
        return true;
    ingest_request_give_back(request);
    bool too_large = head->content_length > 0 &&
                     (uint64_t)head->content_length > request->ingest->options->body_bytes_max;
    bool ambiguous = head->lengths > 0 && request->problem.status == 400;
    return !too_large && !ambiguous && !head->expects_continue;
}
