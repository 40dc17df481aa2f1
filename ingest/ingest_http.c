/* SPDX-License-Identifier: MIT
 * ingest_http.c - libmicrohttpd in poll mode (its epoll mode stalls with exactly 128 ready connections); the only file that includes it. */
#include "ingest/ingest_http.h"

#include "base/random.h"
#include "ingest/ingest_request.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    POOL_BYTES = 32 << 10,       /* per connection; the library zeroes all of it after each request */
    INCREMENT_BYTES = 16 << 10,  /* so that uploads come in large pieces */
    DISCARD_BYTES_MAX = 1 << 20, /* of a refused body are read, so that the answer reaches the client */
};

void ingest_http_resume(struct MHD_Connection *http)
{
    MHD_resume_connection(http);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void add_number(struct MHD_Response *response, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    MHD_add_response_header(response, name, text);
}

static enum MHD_Result send_body(struct ingest *ingest, struct MHD_Connection *http, int status, struct buf *body,
                                 const char *content_type, struct MHD_Response **ret_response)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        buf_free(body);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    atomic_fetch_add(&ingest->by_status[status], 1);
    (void)http;
    *ret_response = response;
    return MHD_YES;
}

static enum MHD_Result send_request_answer(struct ingest_request *request, bool close)
{
    struct ingest *ingest = request->ingest;
    struct buf body = {0};
    const char *content_type;
    struct MHD_Response *response = NULL;
    int status = ingest_request_answer(request, &body, &content_type);
    if (body.failed || send_body(ingest, request->http, status, &body, content_type, &response) == MHD_NO) {
        buf_free(&body);
        return MHD_NO;
    }
    if (status == 200) {
        MHD_add_response_header(response, "Penstock-Spool-Id", ingest->spool_id);
        add_number(response, "Penstock-First-Event-Id", request->receipt.first_id);
        add_number(response, "Penstock-Last-Event-Id", request->receipt.last_id);
    }
    if (request->problem.retry_after_s > 0)
        add_number(response, MHD_HTTP_HEADER_RETRY_AFTER, (uint64_t)request->problem.retry_after_s);
    if (close)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = MHD_queue_response(request->http, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_problem(struct ingest *ingest, struct MHD_Connection *http, const struct ingest_problem *problem,
                                    const char *allow)
{
    struct buf body = {0};
    struct MHD_Response *response = NULL;
    ingest_problem_render(problem, &body);
    if (body.failed || send_body(ingest, http, problem->status, &body, "application/json", &response) == MHD_NO)
        return MHD_NO;
    if (allow != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result result = MHD_queue_response(http, (unsigned)problem->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_page(struct ingest *ingest, struct MHD_Connection *http, const struct ingest_page *page)
{
    struct buf body = {0};
    struct MHD_Response *response = NULL;
    const char *content_type = "text/plain";
    int status = page->render(page->arg, &body, &content_type);
    if (body.failed || send_body(ingest, http, status, &body, content_type, &response) == MHD_NO)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(http, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

static const struct ingest_page *find_page(const struct ingest *ingest, const char *path)
{
    for (size_t i = 0; i < ingest->page_count; i++)
        if (strcmp(ingest->pages[i].path, path) == 0)
            return &ingest->pages[i];
    return NULL;
}

static enum MHD_Result count_lengths(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    (void)value;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 || strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0)
        ++*(int *)cls;
    return MHD_YES;
}

static const char *header(struct MHD_Connection *http, const char *name)
{
    return MHD_lookup_connection_value(http, MHD_HEADER_KIND, name);
}

static struct ingest_connection *connection_of(struct MHD_Connection *http)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static enum MHD_Result begin(struct ingest *ingest, struct MHD_Connection *http, const char *url, const char *method, void **state)
{
    struct ingest_problem problem = {0};
    atomic_fetch_add(&ingest->requests, 1);
    const struct ingest_page *page = find_page(ingest, url);
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (page != NULL && get)
        return send_page(ingest, http, page);
    if (page != NULL || strcmp(method, "POST") != 0) {
        struct ingest_route route;
        if (page == NULL && !ingest_route_parse(url, &route, &problem))
            return send_problem(ingest, http, &problem, NULL);
        ingest_problem_set(&problem, 405, INGEST_METHOD, "%s is not for this path", method);
        return send_problem(ingest, http, &problem, page != NULL ? "GET, HEAD" : "POST");
    }
    int lengths = 0;
    MHD_get_connection_values(http, MHD_HEADER_KIND, count_lengths, &lengths);
    if (lengths > 1) {
        ingest_problem_set(&problem, 400, INGEST_BAD_REQUEST, "more than one Content-Length or Transfer-Encoding: where the body ends is ambiguous");
        return send_problem(ingest, http, &problem, NULL);
    }
    struct ingest_request *request = ingest_request_new(ingest, http, connection_of(http));
    if (request == NULL)
        return MHD_NO;
    *state = request;
    ingest_connection_mark(request->connection, INGEST_SENDING);
    const char *length = header(http, MHD_HTTP_HEADER_CONTENT_LENGTH), *encoding = header(http, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    struct ingest_head head = {
        .path = url, .content_type = header(http, MHD_HTTP_HEADER_CONTENT_TYPE),
        .content_length = length != NULL ? strtoll(length, NULL, 10) : encoding != NULL ? -1 : 0,
        .key = MHD_lookup_connection_value(http, MHD_GET_ARGUMENT_KIND, "key"),
        .timestamp = MHD_lookup_connection_value(http, MHD_GET_ARGUMENT_KIND, "timestamp"),
    };
    ingest_request_begin(request, &head);
    if (request->problem.status != 0 && head.content_length > DISCARD_BYTES_MAX)
        return send_request_answer(request, true); /* early: nothing of the body is waited for */
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *http, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
    struct ingest_request *request = *state;
    (void)version;
    if (request == NULL)
        return begin(cls, http, url, method, state);
    if (*upload_size > 0) {
        ingest_request_body(request, bytes_of(upload, *upload_size));
        *upload_size = 0;
        bool endless = request->problem.status != 0 &&
                       request->received_bytes > request->ingest->options->body_bytes_max + DISCARD_BYTES_MAX;
        return endless ? MHD_NO : MHD_YES;
    }
    if (request->submitted || !ingest_request_finish(request))
        return send_request_answer(request, false);
    request->submitted = true;
    ingest_connection_mark(request->connection, INGEST_WAITING);
    MHD_suspend_connection(http); /* before the batch is handed over: the answer may come at once */
    ingest_request_submit(request);
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *http, void **state, enum MHD_RequestTerminationCode code)
{
    struct ingest_request *request = *state;
    (void)cls;
    (void)code;
    ingest_connection_mark(connection_of(http), INGEST_SILENT);
    *state = NULL;
    ingest_request_unref(request);
}

static void on_connection(void *cls, struct MHD_Connection *http, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    struct ingest *ingest = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = info == NULL ? NULL : ingest_connections_add(&ingest->connections, info->connect_fd);
    } else {
        ingest_connections_remove(&ingest->connections, *socket_context);
        *socket_context = NULL;
    }
}

/* Paths and arguments stay as they came: our own decoding knows NUL bytes and malformed escapes. */
static size_t leave_escaped(void *cls, struct MHD_Connection *http, char *text)
{
    (void)cls;
    (void)http;
    return strlen(text);
}

/* ---- daemons --------------------------------------------------------------------------------------------------------- */

enum err ingest_http_start(struct ingest *ingest, int fd, struct MHD_Daemon **ret_daemon, struct errmsg *msg)
{
    unsigned threads = ingest->options->threads > 1 ? ingest->options->threads : 0;
    unsigned idle_s = (unsigned)(ingest->options->idle_timeout_ms / 1000) + 1;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(ingest->connections.count_max + 512), NULL}, /* ours comes first */
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_INCREMENT, INCREMENT_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)idle_s, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, ingest},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, ingest},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, NULL},
        {threads > 0 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
                                                 ingest, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (daemon == NULL)
        return errmsg_set(msg, ERR_IO, "the HTTP server did not start");
    *ret_daemon = daemon;
    return ERR_OK;
}

void ingest_http_quiesce(struct MHD_Daemon *daemon)
{
    MHD_quiesce_daemon(daemon); /* the socket stays with its listener, which closes it */
}

void ingest_http_stop(struct MHD_Daemon *daemon)
{
    MHD_stop_daemon(daemon);
}
