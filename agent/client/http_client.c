/* SPDX-License-Identifier: MIT
 * http_client.c - HTTP/1.1 over TCP or a Unix socket. */
#include "agent/client/http_client.h"

#include "agent/client/http_head.h"
#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BODY_SIZE_MAX = 64 << 20,
    CONNECT_MS_MAX = 5000,
    CONTINUE_MS_MAX = 2000,
    LARGE_BODY_BYTES = 1 << 20
};

enum err agent_http_client_init(struct agent_http_client *client, const char *url,
                                const char *socket_path, struct errmsg *msg)
{
    *client = (struct agent_http_client){.fd = -1};
    if (socket_path != NULL) {
        if (strncmp(socket_path, "unix:", 5) == 0)
            socket_path += 5;
        if (socket_path[0] == '\0' || strlen(socket_path) >= sizeof client->socket)
            return errmsg_set(msg, ERR_INVALID, "'%s' can't be the path of a Unix socket",
                              socket_path);
        snprintf(client->socket, sizeof client->socket, "%s", socket_path);
        snprintf(client->host, sizeof client->host, "localhost");
        return ERR_OK;
    }
    if (!agent_http_url_parse(url == NULL ? AGENT_HTTP_URL_DEFAULT : url, client->host,
                              client->port))
        return errmsg_set(msg, ERR_INVALID, "'%s' is no URL like " AGENT_HTTP_URL_DEFAULT, url);
    return ERR_OK;
}

static void disconnect(struct agent_http_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->reused = false;
    buf_clear(&client->input);
}

void agent_http_client_done(struct agent_http_client *client)
{
    disconnect(client);
    buf_free(&client->input);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static enum err wait_for(int fd, short events, int64_t due_ms, struct errmsg *msg)
{
    struct pollfd poller = {.fd = fd, .events = events};
    for (;;) {
        int64_t left_ms = due_ms - clock_monotonic_ms();
        int n = poll(&poller, 1, left_ms <= 0 ? 0 : (int)left_ms);
        if (n > 0)
            return ERR_OK;
        if (n == 0)
            return errmsg_set(msg, ERR_TIMEOUT, "the agent has not answered in time");
        if (errno != EINTR)
            return errmsg_set(msg, ERR_UNAVAILABLE, "poll: %s", strerror(errno));
    }
}

/* A non-blocking socket that is connected, or -1 with errno set. */
static int connect_to(const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int failure = connect(fd, address, size) == 0 ? 0 : errno;
    if (failure == EINPROGRESS) {
        socklen_t failure_size = sizeof failure;
        if (wait_for(fd, POLLOUT, clock_monotonic_ms() + CONNECT_MS_MAX, NULL) != ERR_OK)
            failure = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &failure_size) != 0)
            failure = errno;
    }
    if (failure == 0)
        return fd;
    close(fd);
    errno = failure;
    return -1;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connect_to((const struct sockaddr *)&address, sizeof address);
}

static int connect_tcp(const struct agent_http_client *client)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *infos = NULL;
    int fd = -1, yes = 1;
    if (getaddrinfo(client->host, client->port, &hints, &infos) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    for (const struct addrinfo *info = infos; info != NULL && fd < 0; info = info->ai_next)
        fd = connect_to(info->ai_addr, info->ai_addrlen);
    int failure = errno;
    freeaddrinfo(infos);
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    errno = failure;
    return fd;
}

static enum err ensure_connected(struct agent_http_client *client, struct errmsg *msg)
{
    if (client->fd >= 0)
        return ERR_OK;
    bool local = client->socket[0] != '\0';
    client->fd = local ? connect_unix(client->socket) : connect_tcp(client);
    if (client->fd < 0)
        return errmsg_set(msg, ERR_UNAVAILABLE, "no agent answers at %s%s%s: %s",
                          local ? client->socket : client->host, local ? "" : ":", client->port,
                          strerror(errno));
    return ERR_OK;
}

/* ---- sending and receiving ------------------------------------------------------------------- */

static enum err send_all(int fd, struct bytes data, int64_t due_ms, struct errmsg *msg)
{
    while (data.size > 0) {
        enum err rc = wait_for(fd, POLLOUT, due_ms, msg);
        if (rc != ERR_OK)
            return rc;
        ssize_t n = send(fd, data.data, data.size, MSG_NOSIGNAL);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return errmsg_set(msg, ERR_UNAVAILABLE, "the connection to the agent broke: %s",
                              strerror(errno));
        data = bytes_of(data.data + n, data.size - (size_t)n);
    }
    return ERR_OK;
}

static enum err receive_some(struct agent_http_client *client, int64_t due_ms, struct errmsg *msg)
{
    enum err rc = wait_for(client->fd, POLLIN, due_ms, msg);
    if (rc != ERR_OK)
        return rc;
    if (!buf_reserve(&client->input, 16 << 10))
        return errmsg_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    ssize_t n = recv(client->fd, client->input.data + client->input.size,
                     client->input.capacity - client->input.size, 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return ERR_OK;
    if (n <= 0)
        return errmsg_set(msg, ERR_UNAVAILABLE, "the connection to the agent broke%s%s",
                          n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
    client->input.size += (size_t)n;
    return ERR_OK;
}

static void use_up(struct agent_http_client *client, size_t size)
{
    client->input.size -= size;
    memmove(client->input.data, client->input.data + size, client->input.size);
}

/* The head of an answer, which stays in the input. */
static enum err receive_head(struct agent_http_client *client, int64_t due_ms,
                             struct agent_http_head *ret_head, size_t *ret_size, struct errmsg *msg)
{
    int size;
    enum err rc = ERR_OK;
    while ((size = agent_http_head_parse(buf_bytes(&client->input), ret_head)) == 0 && rc == ERR_OK)
        rc = receive_some(client, due_ms, msg);
    if (rc == ERR_OK && size < 0)
        rc = errmsg_set(msg, ERR_INVALID, "what answers there is no Penstock agent");
    *ret_size = (size_t)size;
    return rc;
}

static enum err receive(struct agent_http_client *client, int64_t due_ms,
                        struct agent_http_response *ret_response, struct errmsg *msg)
{
    struct agent_http_head head;
    size_t head_size;
    enum err rc;
    while ((rc = receive_head(client, due_ms, &head, &head_size, msg)) == ERR_OK &&
           head.status < 200)
        use_up(client, head_size); /* "100 Continue" */
    if (rc != ERR_OK)
        return rc;
    if (head.content_length < 0 || head.content_length > BODY_SIZE_MAX)
        return errmsg_set(msg, ERR_INVALID, "what answers there is no Penstock agent");
    size_t body_size = (size_t)head.content_length, size = head_size + body_size;
    while (client->input.size < size && rc == ERR_OK)
        rc = receive_some(client, due_ms, msg);
    if (rc != ERR_OK)
        return rc;
    struct agent_http_response response = {.status = head.status};
    if (!buf_append(&response.body, client->input.data + head_size, body_size))
        return errmsg_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    use_up(client, size);
    client->reused = true;
    if (head.close)
        disconnect(client);
    *ret_response = response;
    return ERR_OK;
}

/* Asks before a large body whether it is wanted. An answer that comes instead of "100 Continue"
 * stays in the input. Silence means yes. */
static bool body_is_wanted(struct agent_http_client *client, int64_t due_ms)
{
    int64_t until_ms = clock_monotonic_ms() + CONTINUE_MS_MAX;
    struct agent_http_head head;
    size_t size;
    if (receive_head(client, until_ms < due_ms ? until_ms : due_ms, &head, &size, NULL) != ERR_OK)
        return true;
    if (head.status >= 200)
        return false;
    use_up(client, size);
    return true;
}

static enum err send_head(struct agent_http_client *client, const char *method, const char *path,
                          const char *content_type, size_t body_size, int64_t due_ms,
                          struct errmsg *msg)
{
    struct buf head = {0};
    bool brackets = strchr(client->host, ':') != NULL;
    buf_printf(&head, "%s %s HTTP/1.1\r\nHost: %s%s%s\r\n", method, path, brackets ? "[" : "",
               client->host, brackets ? "]" : "");
    if (content_type != NULL)
        buf_printf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n", content_type, body_size);
    if (body_size > LARGE_BODY_BYTES)
        buf_append_string(&head, "Expect: 100-continue\r\n");
    buf_append_string(&head, "\r\n");
    enum err rc = head.failed ? errmsg_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM))
                              : send_all(client->fd, buf_bytes(&head), due_ms, msg);
    buf_free(&head);
    return rc;
}

static enum err exchange(struct agent_http_client *client, const char *method, const char *path,
                         const char *content_type, struct bytes body, int64_t due_ms,
                         struct agent_http_response *ret_response, struct errmsg *msg)
{
    enum err rc = ensure_connected(client, msg);
    if (rc == ERR_OK)
        rc = send_head(client, method, path, content_type, body.size, due_ms, msg);
    bool wanted = rc == ERR_OK && (body.size <= LARGE_BODY_BYTES || body_is_wanted(client, due_ms));
    if (wanted)
        rc = send_all(client->fd, body, due_ms, msg);
    bool whole = wanted && rc == ERR_OK;
    /* A body that is refused in the middle breaks the connection; the answer may be there all the
     * same. */
    if (rc == ERR_OK || (rc == ERR_UNAVAILABLE && client->fd >= 0)) {
        struct errmsg ignored;
        enum err answered = receive(client, due_ms, ret_response, rc == ERR_OK ? msg : &ignored);
        rc = rc == ERR_OK || answered == ERR_OK ? answered : rc;
    }
    if (!whole)
        disconnect(client); /* the agent may still wait for the rest */
    return rc;
}

enum err agent_http_client_send(struct agent_http_client *client, const char *method,
                                const char *path, const char *content_type, struct bytes body,
                                int64_t timeout_ms, struct agent_http_response *ret_response,
                                struct errmsg *msg)
{
    int64_t due_ms = clock_monotonic_ms() + timeout_ms;
    bool reused = client->reused;
    enum err rc = exchange(client, method, path, content_type, body, due_ms, ret_response, msg);
    /* the agent closed the connection while it was idle, most likely */
    if (rc == ERR_UNAVAILABLE && reused && client->input.size == 0) {
        disconnect(client);
        rc = exchange(client, method, path, content_type, body, due_ms, ret_response, msg);
    }
    if (rc != ERR_OK)
        disconnect(client);
    return rc;
}
