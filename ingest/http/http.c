/* SPDX-License-Identifier: MIT
 * http.c - libmicrohttpd in poll mode (its epoll mode stalls with exactly 128 ready connections);
 * the only file that includes it.
 *
 * It is handed accepted sockets and never listens itself (see ingest/net/acceptor.h). Its own
 * timeouts start anew with every byte, so they stay off: the reaper's do not. An answer that is
 * given before the body has been read ends the connection, so that is done only when the body isn't
 * wanted at all. */
#include "ingest/http/http.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "ingest/request/request.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>

/* Head and reading buffer of a connection. The library clears all of it after every request, so
 * more makes small requests slower, and connections that were used once keep it. */
#define POOL_BYTES  (16u << 10)
#define LIMIT_SLACK 1024 /* connections on their way in or out, beyond our own limit */

static struct ingest_connection *connection_of(struct MHD_Connection *http)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void add_number(struct MHD_Response *response, const char *name, uint64_t value)
{
    char text[DECIMAL_SIZE];
    MHD_add_response_header(response, name, decimal_of(value, text));
}

static void add_headers(struct MHD_Response *response, const struct ingest_request *request,
                        const struct ingest_answer *answer)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    if (answer->has_receipt) {
        MHD_add_response_header(response, "Penstock-Spool-Id", request->spool_id);
        add_number(response, "Penstock-First-Event-Id", request->receipt.first_id);
        add_number(response, "Penstock-Last-Event-Id", request->receipt.last_id);
    }
    if (request->problem.retry_after_s > 0)
        add_number(response, MHD_HTTP_HEADER_RETRY_AFTER, (uint64_t)request->problem.retry_after_s);
    if (request->page != NULL && request->page->policy != NULL) {
        MHD_add_response_header(response, "Content-Security-Policy", request->page->policy);
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    }
    if (request->allow != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, request->allow);
}

static enum MHD_Result send_answer(struct ingest_request *request)
{
    struct ingest_answer answer = {0};
    ingest_request_answer(request, &answer);
    struct MHD_Response *response =
        answer.body.failed ? NULL
                           : MHD_create_response_from_buffer(answer.body.size, answer.body.data,
                                                             MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        buf_free(&answer.body);
        return MHD_NO; /* out of memory: the client sees the connection end */
    }
    add_headers(response, request, &answer);
    ingest_connection_mark(request->connection, INGEST_ANSWERING);
    enum MHD_Result result = MHD_queue_response(request->http, (unsigned)answer.status, response);
    MHD_destroy_response(response);
    return result;
}

/* In the middle of a body the library can send no answer; nothing of its own is on the way then,
 * either. */
static enum MHD_Result send_and_hang_up(struct ingest_request *request)
{
    struct ingest_answer answer = {0};
    struct buf wire = {0};
    ingest_request_answer(request, &answer);
    buf_printf(&wire,
               "HTTP/1.1 %d Refused\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: "
               "%zu\r\n\r\n",
               answer.status, answer.content_type, answer.body.size);
    if (request->connection != NULL && buf_append(&wire, answer.body.data, answer.body.size) &&
        !wire.failed) {
        request->connection->linger = true;
        (void)send(request->connection->fd, wire.data, wire.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    buf_free(&wire);
    buf_free(&answer.body);
    return MHD_NO;
}

/* ---- requests -------------------------------------------------------------------------------- */

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct ingest_head *head = cls;
    (void)kind;
    if (value == NULL)
        value = "";
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_TYPE) == 0) {
        head->content_type = value;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_ENCODING) == 0) {
        head->content_encoding = value;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        head->lengths++;
        /* the library has seen that it is a number */
        head->content_length = strtoll(value, NULL, 10);
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        head->lengths++;
        head->transfer_encoding = value;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_EXPECT) == 0) {
        head->expects_continue = strcasecmp(value, "100-continue") == 0;
    }
    return MHD_YES;
}

static enum MHD_Result take_parameter(void *cls, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    struct ingest_head *head = cls;
    const struct {
        const char *name;
        const char **value;
    } rows[] = {
        {"key", &head->key},         {"timestamp", &head->timestamp}, {"wait", &head->wait},
        {"wait_ms", &head->wait_ms}, {"topic", &head->topic},         {"spool_id", &head->spool_id},
    };
    const char **which = NULL;
    (void)kind;
    for (size_t i = 0; which == NULL && i < sizeof rows / sizeof rows[0]; i++)
        which = strcmp(name, rows[i].name) == 0 ? rows[i].value : NULL;
    if (which == NULL || *which != NULL)
        head->bad_parameter = name;
    else
        *which = value == NULL ? "" : value;
    return MHD_YES;
}

static enum MHD_Result begin(struct ingest *ingest, struct MHD_Connection *http, const char *url,
                             const char *method, void **state)
{
    struct ingest_request *request = ingest_request_new(ingest, http, connection_of(http));
    if (request == NULL)
        return MHD_NO;
    *state = request;
    struct ingest_head head = {.path = url, .method = method};
    MHD_get_connection_values(http, MHD_HEADER_KIND, take_header, &head);
    MHD_get_connection_values(http, MHD_GET_ARGUMENT_KIND, take_parameter, &head);
    if (head.transfer_encoding != NULL)
        head.content_length = -1;
    ingest_connection_moved(request->connection);
    if (ingest_request_begin(request, &head))
        return MHD_YES;
    if (request->connection != NULL)
        request->connection->linger = true;
    return send_answer(request);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *http, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct ingest_request *request = *state;
    (void)version;
    if (request == NULL)
        return begin(((struct ingest_server *)cls)->ingest, http, url, method, state);
    if (*upload_size > 0) {
        struct bytes piece = bytes_of(upload, *upload_size);
        *upload_size = 0;
        ingest_connection_moved(request->connection);
        return ingest_request_body(request, piece) ? MHD_YES : send_and_hang_up(request);
    }
    if (request->submitted || !ingest_request_finish(request))
        return send_answer(request);
    request->submitted = true;
    ingest_connection_mark(request->connection, INGEST_WAITING);
    MHD_suspend_connection(http); /* before the batch is handed over: the answer may come at once */
    ingest_request_submit(request);
    return MHD_YES;
}

/* The request line is there: from now on its deadline runs. */
static void *on_request_line(void *cls, const char *target, struct MHD_Connection *http)
{
    (void)cls;
    (void)target;
    ingest_connection_mark(connection_of(http), INGEST_SENDING);
    return NULL; /* *state of the first call of on_request() */
}

static void on_completed(void *cls, struct MHD_Connection *http, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct ingest_request *request = *state;
    struct ingest_server *server = cls;
    (void)code;
    ingest_connections_rest(&server->ingest->connections, connection_of(http));
    *state = NULL;
    ingest_request_completed(request);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void connection_started(struct ingest *ingest, struct MHD_Connection *http,
                               void **socket_context)
{
    int fd = MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *socket_context = ingest_connections_add(&ingest->connections, fd);
    if (*socket_context == NULL)
        shutdown(fd, SHUT_RDWR);
}

/* Closing a socket with unread bytes resets it, and that may overtake the answer: such a socket
 * lingers for a moment. */
static void connection_closed(struct ingest *ingest, struct ingest_connection *connection)
{
    char byte;
    if (connection == NULL)
        return;
    int fd = connection->fd;
    bool unread = !ingest_connection_is_closed(&ingest->connections, connection) &&
                  (connection->linger || recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
    ingest_connections_remove(&ingest->connections, connection);
    if (unread)
        ingest_linger_add(&ingest->linger, fd, clock_monotonic_ms());
}

static void on_connection(void *cls, struct MHD_Connection *http, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct ingest_server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_started(server->ingest, http, socket_context);
        return;
    }
    connection_closed(server->ingest, *socket_context);
    *socket_context = NULL;
}

/* Paths and arguments stay as they came: our own decoding knows NUL bytes and malformed escapes. */
static size_t leave_escaped(void *cls, struct MHD_Connection *http, char *text)
{
    (void)cls;
    (void)http;
    return strlen(text);
}

/* ---- servers --------------------------------------------------------------------------------- */

enum err ingest_http_start(struct ingest_server *server, struct errmsg *msg)
{
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT,
         (intptr_t)(server->ingest->connections.count_max + LIMIT_SLACK), NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, server},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_request_line, server},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL,
        NULL, on_request, server, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    return server->daemon != NULL ? ERR_OK
                                  : errmsg_set(msg, ERR_IO, "the HTTP server did not start");
}

void ingest_http_stop(struct ingest_server *server)
{
    MHD_stop_daemon(server->daemon);
}

/* ---- what others want of it ------------------------------------------------------------------ */

static bool add_socket(struct ingest_server *server, int fd, const struct sockaddr *address,
                       socklen_t size)
{
    return MHD_add_connection(server->daemon, fd, address, size) == MHD_YES;
}

static void resume(struct MHD_Connection *http)
{
    MHD_resume_connection(http);
}

const struct ingest_transport ingest_http_transport = {.take = add_socket, .resume = resume};
