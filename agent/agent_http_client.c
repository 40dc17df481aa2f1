/* SPDX-License-Identifier: MIT
 * agent_http_client.c - HTTP/1.1 over TCP or a Unix socket. */
#include "agent/agent_http_client.h"

#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD_SIZE_MAX = 64 << 10, BODY_SIZE_MAX = 64 << 20 };

/* ---- the answer's head ------------------------------------------------------------------------------------------ */

static bool header_is(const char *line, size_t size, const char *name, const char **ret_value)
{
    size_t name_size = strlen(name);
    if (size <= name_size || strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
        return false;
    *ret_value = line + name_size + 1 + strspn(line + name_size + 1, " ");
    return true;
}

int agent_http_head_parse(struct bytes input, struct agent_http_head *ret_head)
{
    const char *text = (const char *)input.data;
    const char *end = input.size == 0 ? NULL : memmem(text, input.size, "\r\n\r\n", 4);
    if (end == NULL)
        return input.size > HEAD_SIZE_MAX ? -1 : 0;
    struct agent_http_head head = {.content_length = -1};
    if (sscanf(text, "HTTP/1.%*[01] %3d", &head.status) != 1 || head.status < 100)
        return -1;
    for (const char *line = text; line < end;) {
        const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2), *value;
        if (header_is(line, (size_t)(next - line), "content-length", &value))
            head.content_length = strtoll(value, NULL, 10);
        if (header_is(line, (size_t)(next - line), "connection", &value) && strncasecmp(value, "close", 5) == 0)
            head.close = true;
        line = next + 2;
    }
    *ret_head = head;
    return (int)(end + 4 - text);
}

/* ---- the connection ----------------------------------------------------------------------------------------------- */

enum err agent_http_client_init(struct agent_http_client *client, const char *url, const char *socket_path, struct errmsg *msg)
{
    *client = (struct agent_http_client){.fd = -1};
    if (socket_path != NULL) {
        if (strlen(socket_path) >= sizeof client->socket)
            return errmsg_set(msg, ERR_INVALID, "'%s' is too long for a Unix socket", socket_path);
        snprintf(client->socket, sizeof client->socket, "%s", socket_path);
        snprintf(client->host, sizeof client->host, "localhost");
        return ERR_OK;
    }
    const char *text = url == NULL ? "http://127.0.0.1:8080" : url;
    if (strncmp(text, "http://", 7) != 0)
        return errmsg_set(msg, ERR_INVALID, "'%s' is no http:// URL", text);
    const char *host = text + 7, *colon = strrchr(host, ':');
    size_t host_size = strcspn(host, "/");
    if (colon == NULL || colon > host + host_size || (host[0] == '[' && colon[-1] != ']'))
        colon = host + host_size;
    snprintf(client->host, sizeof client->host, "%.*s", (int)(colon - host), host);
    snprintf(client->port, sizeof client->port, "%.*s", *colon == ':' ? (int)strcspn(colon + 1, "/") : 2, *colon == ':' ? colon + 1 : "80");
    return client->host[0] == '\0' ? errmsg_set(msg, ERR_INVALID, "'%s' names no host", text) : ERR_OK;
}

static void disconnect(struct agent_http_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    buf_clear(&client->input);
}

void agent_http_client_done(struct agent_http_client *client)
{
    disconnect(client);
    buf_free(&client->input);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_tcp(const struct agent_http_client *client)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *info = NULL;
    char host[256];
    bool brackets = client->host[0] == '[';
    snprintf(host, sizeof host, "%.*s", (int)(strlen(client->host) - (brackets ? 2 : 0)), client->host + (brackets ? 1 : 0));
    if (getaddrinfo(host, client->port, &hints, &info) != 0)
        return -1;
    int yes = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, info->ai_addr, info->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    freeaddrinfo(info);
    return fd;
}

static enum err ensure_connected(struct agent_http_client *client, struct errmsg *msg)
{
    if (client->fd >= 0)
        return ERR_OK;
    client->fd = client->socket[0] != '\0' ? connect_unix(client->socket) : connect_tcp(client);
    if (client->fd < 0)
        return errmsg_set(msg, ERR_UNAVAILABLE, "no agent answers at %s%s%s", client->socket[0] != '\0' ? client->socket : client->host,
                          client->socket[0] != '\0' ? "" : ":", client->port);
    return ERR_OK;
}

static enum err wait_for(int fd, short events, int64_t due_ms, struct errmsg *msg)
{
    struct pollfd poller = {.fd = fd, .events = events};
    for (;;) {
        int64_t left_ms = due_ms - clock_monotonic_ms();
        int n = left_ms <= 0 ? 0 : poll(&poller, 1, (int)left_ms);
        if (n > 0)
            return ERR_OK;
        if (n == 0)
            return errmsg_set(msg, ERR_TIMEOUT, "the agent has not answered in time");
        if (errno != EINTR)
            return errmsg_set(msg, ERR_UNAVAILABLE, "poll: %s", strerror(errno));
    }
}

static enum err send_all(int fd, struct bytes data, int64_t due_ms, struct errmsg *msg)
{
    while (data.size > 0) {
        enum err rc = wait_for(fd, POLLOUT, due_ms, msg);
        if (rc != ERR_OK)
            return rc;
        ssize_t n = send(fd, data.data, data.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return errmsg_set(msg, ERR_UNAVAILABLE, "the connection to the agent broke: %s", strerror(errno));
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
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    ssize_t n = recv(client->fd, client->input.data + client->input.size, client->input.capacity - client->input.size, 0);
    if (n < 0 && errno == EINTR)
        return ERR_OK;
    if (n <= 0)
        return errmsg_set(msg, ERR_UNAVAILABLE, "the connection to the agent broke");
    client->input.size += (size_t)n;
    return ERR_OK;
}

static enum err receive(struct agent_http_client *client, int64_t due_ms, struct agent_http_response *ret_response, struct errmsg *msg)
{
    struct agent_http_head head;
    int head_size;
    enum err rc = ERR_OK;
    while ((head_size = agent_http_head_parse(buf_bytes(&client->input), &head)) == 0 && rc == ERR_OK)
        rc = receive_some(client, due_ms, msg);
    if (rc != ERR_OK)
        return rc;
    if (head_size < 0 || head.content_length < 0 || head.content_length > BODY_SIZE_MAX)
        return errmsg_set(msg, ERR_INVALID, "what answers there is no Penstock agent");
    size_t size = (size_t)head_size + (size_t)head.content_length;
    while (client->input.size < size && rc == ERR_OK)
        rc = receive_some(client, due_ms, msg);
    struct agent_http_response response = {.status = head.status};
    if (rc == ERR_OK && !buf_append(&response.body, client->input.data + head_size, (size_t)head.content_length))
        rc = errmsg_set(msg, ERR_NOMEM, "out of memory");
    if (rc != ERR_OK)
        return rc;
    client->input.size -= size;
    memmove(client->input.data, client->input.data + size, client->input.size);
    if (head.close)
        disconnect(client);
    *ret_response = response;
    return ERR_OK;
}

enum err agent_http_client_send(struct agent_http_client *client, const char *method, const char *path, const char *content_type,
                                struct bytes body, int64_t timeout_ms, struct agent_http_response *ret_response, struct errmsg *msg)
{
    int64_t due_ms = clock_monotonic_ms() + timeout_ms;
    enum err rc = ensure_connected(client, msg);
    if (rc != ERR_OK)
        return rc;
    struct buf head = {0};
    buf_printf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, client->host);
    if (content_type != NULL)
        buf_printf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n", content_type, body.size);
    buf_append_string(&head, "\r\n");
    rc = head.failed ? errmsg_set(msg, ERR_NOMEM, "out of memory") : send_all(client->fd, buf_bytes(&head), due_ms, msg);
    buf_free(&head);
    if (rc == ERR_OK)
        rc = send_all(client->fd, body, due_ms, msg);
    if (rc == ERR_OK)
        rc = receive(client, due_ms, ret_response, msg);
    if (rc != ERR_OK)
        disconnect(client);
    return rc;
}
