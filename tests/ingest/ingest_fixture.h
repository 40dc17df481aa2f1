/* SPDX-License-Identifier: MIT
 * ingest_fixture.h - the real listeners on a real spool in one process, and a client that writes
 * bytes to sockets. */
#ifndef PENSTOCK_TESTS_INGEST_FIXTURE_H
#define PENSTOCK_TESTS_INGEST_FIXTURE_H

#include "base/clock.h"
#include "ingest/ingest.h"
#include "tests/support/spool_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define READ_TIMEOUT_MS 20000

struct ingest_fixture {
    struct spool_fixture store;
    struct ingest_options options;
    char *addresses[3];
    char tcp4[16], tcp6[16], unix_address[300];
    struct ingest *ingest;
};

struct reply {
    int status; /* 0: the connection ended without an answer */
    char head[4096];
    struct buf body;
};

static inline int page_ok(void *arg, struct buf *body, const char **content_type)
{
    (void)arg;
    buf_append_string(body, "fine\n");
    *content_type = "text/plain; charset=utf-8";
    return 200;
}

static const struct ingest_page fixture_pages[] = {{"/healthz", page_ok, NULL, NULL, NULL}};

static inline void fixture_init(struct ingest_fixture *f)
{
    *f = (struct ingest_fixture){.options = INGEST_OPTIONS_DEFAULT};
    spool_fixture_init(&f->store);
    snprintf(f->tcp4, sizeof f->tcp4, "127.0.0.1:0");
    snprintf(f->tcp6, sizeof f->tcp6, "[::1]:0");
    f->addresses[0] = f->tcp4;
    f->addresses[1] = f->tcp6;
    snprintf(f->unix_address, sizeof f->unix_address, "unix:%s.sock", f->store.dir);
    f->addresses[2] = f->unix_address;
    f->options.http = f->addresses;
    f->options.http_count = 3;
}

static inline void fixture_listen(struct ingest_fixture *f)
{
    struct errmsg msg = {""};
    enum err rc = ingest_start(&f->options, f->store.spool, fixture_pages, 1, &f->ingest, &msg);
    if (rc != ERR_OK)
        fail_msg("ingest_start: %s: %s", err_name(rc), msg.text);
}

static inline void fixture_start(struct ingest_fixture *f)
{
    spool_fixture_open(&f->store);
    fixture_listen(f);
}

/* In the order that the agent keeps. */
static inline void fixture_done(struct ingest_fixture *f)
{
    if (f->ingest != NULL)
        ingest_stop_accepting(f->ingest);
    if (f->store.spool != NULL)
        spool_stop_taking(f->store.spool);
    ingest_stop(f->ingest);
    f->ingest = NULL;
    spool_fixture_done(&f->store);
}

/* ---- the client ------------------------------------------------------------------------------ */

static inline int try_connect(const char *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } to = {0};
    socklen_t size = sizeof to.v4;
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0) {
        to.local.sun_family = AF_UNIX;
        snprintf(to.local.sun_path, sizeof to.local.sun_path, "%.100s", address + 5);
        size = sizeof to.local;
    } else if (address[0] == '[') {
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_addr = in6addr_loopback;
        to.v6.sin6_port = htons((uint16_t)atoi(colon + 1));
        size = sizeof to.v6;
    } else {
        to.v4.sin_family = AF_INET;
        to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.v4.sin_port = htons((uint16_t)atoi(colon + 1));
    }
    int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, &to.any, size) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline int client_connect(struct ingest_fixture *f, size_t address)
{
    int fd = try_connect(ingest_address(f->ingest, address));
    if (fd < 0)
        fail_msg("connect to %s: %s", ingest_address(f->ingest, address), strerror(errno));
    return fd;
}

/* False: the other side has hung up. */
static inline bool client_send(int fd, const void *data, size_t size)
{
    const uint8_t *p = data;
    while (size > 0) {
        ssize_t sent = send(fd, p, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        p += sent;
        size -= (size_t)sent;
    }
    return true;
}

static inline bool client_say(int fd, const char *text)
{
    return client_send(fd, text, strlen(text));
}

/* False: the connection has ended. */
static inline bool read_byte(int fd, char *ret_byte)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (poll(&poll_fd, 1, READ_TIMEOUT_MS) != 1)
        fail_msg("no answer within %d ms", READ_TIMEOUT_MS);
    return recv(fd, ret_byte, 1, 0) == 1;
}

static inline const char *reply_header(const struct reply *reply, const char *name)
{
    static char value[512];
    for (const char *line = strstr(reply->head, "\r\n"); line != NULL && line[2] != '\0';
         line = strstr(line + 2, "\r\n")) {
        size_t size = strlen(name);
        if (strncasecmp(line + 2, name, size) != 0 || line[2 + size] != ':')
            continue;
        snprintf(value, sizeof value, "%.*s", (int)strcspn(line + 4 + size, "\r"), line + 4 + size);
        return value;
    }
    return NULL;
}

/* One answer; 100 Continue counts as one. The body is read by its Content-Length. */
static inline struct reply client_read(int fd)
{
    struct reply reply = {0};
    size_t size = 0;
    char byte;
    while (size + 1 < sizeof reply.head && read_byte(fd, &byte)) {
        reply.head[size++] = byte;
        if (size >= 4 && memcmp(reply.head + size - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    if (size == 0)
        return reply;
    assert_int_equal(strncmp(reply.head, "HTTP/1.1 ", 9), 0);
    reply.status = atoi(reply.head + 9);
    const char *length = reply_header(&reply, "Content-Length");
    for (size_t left = length == NULL ? 0 : (size_t)atol(length); left > 0; left--) {
        if (!read_byte(fd, &byte))
            fail_msg("the answer's body ends early");
        buf_append_char(&reply.body, byte);
    }
    return reply;
}

static inline void reply_done(struct reply *reply)
{
    buf_free(&reply->body);
}

static inline void client_post_head(int fd, const char *target, const char *type, size_t length)
{
    char head[1024];
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\n%s%s%sContent-Length: %zu\r\n\r\n",
             target, type == NULL ? "" : "Content-Type: ", type == NULL ? "" : type,
             type == NULL ? "" : "\r\n", length);
    client_say(fd, head);
}

static inline struct reply client_post_bytes(int fd, const char *target, const char *type,
                                             const void *body, size_t size)
{
    client_post_head(fd, target, type, size);
    client_send(fd, body, size);
    return client_read(fd);
}

static inline struct reply client_post(int fd, const char *target, const char *type,
                                       const char *body)
{
    return client_post_bytes(fd, target, type, body, strlen(body));
}

/* One request on a connection of its own, and what must become of it; part: what the answer's body
 * must hold, or NULL. */
static inline void post_and_check(struct ingest_fixture *f, const char *target, const char *type,
                                  const char *body, int status, const char *part, int line)
{
    int fd = client_connect(f, 0);
    struct reply reply = client_post(fd, target, type, body);
    if (reply.status != status || (part != NULL && strstr(buf_string(&reply.body), part) == NULL))
        fail_msg("line %d: expected %d with '%s', got %d with '%s'", line, status,
                 part == NULL ? "" : part, reply.status, buf_string(&reply.body));
    reply_done(&reply);
    close(fd);
}

#define assert_post(f, target, type, body, status, part)                                           \
    post_and_check(f, target, type, body, status, part, __LINE__)

/* ---- what the spool holds -------------------------------------------------------------------- */

struct stored {
    /* "(null)" for null; headers as name=value; */
    char topic[256], key[256], value[512], headers[512];
    uint64_t id;
    int64_t time_ms;
    int32_t partition;
    bool client_time;
};

static inline void copy_text(char *out, size_t size, struct bytes bytes)
{
    if (bytes.data == NULL)
        snprintf(out, size, "(null)");
    else
        snprintf(out, size, "%.*s", (int)bytes.size, (const char *)bytes.data);
}

static inline void copy_headers(char *out, size_t size, struct bytes headers)
{
    struct spool_header header;
    out[0] = '\0';
    while (spool_headers_next(&headers, &header)) {
        char name[128], value[128];
        copy_text(name, sizeof name, header.name);
        copy_text(value, sizeof value, header.value);
        snprintf(out + strlen(out), size - strlen(out), "%s=%s;", name, value);
    }
}

/* Everything in the spool, at most max; returns how many there are. */
static inline size_t fixture_stored(struct ingest_fixture *f, struct stored *ret, size_t max)
{
    struct spool_tail *tail = NULL;
    struct spool_chunk *chunk = NULL;
    size_t count = 0;
    assert_int_equal(spool_tail_open(f->store.spool, 0, &tail), ERR_OK);
    while (spool_tail_next(tail, &chunk, NULL) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event); count++) {
            if (count >= max)
                continue;
            struct stored *one = &ret[count];
            *one = (struct stored){.id = event.id,
                                   .time_ms = event.time_ms,
                                   .partition = event.partition,
                                   .client_time = event.client_time};
            copy_text(one->topic, sizeof one->topic, event.topic);
            copy_text(one->key, sizeof one->key, event.key);
            copy_text(one->value, sizeof one->value, event.value);
            copy_headers(one->headers, sizeof one->headers, event.headers);
        }
        spool_chunk_unref(chunk);
    }
    spool_tail_close(tail);
    return count;
}

static inline size_t fixture_count(struct ingest_fixture *f)
{
    return fixture_stored(f, NULL, 0);
}

static inline struct ingest_stats fixture_stats(struct ingest_fixture *f)
{
    struct ingest_stats stats;
    ingest_stats_get(f->ingest, &stats);
    return stats;
}

static inline int fixture_setup(void **state)
{
    struct ingest_fixture *f = calloc(1, sizeof *f);
    fixture_init(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct ingest_fixture *f = *state;
    fixture_done(f);
    free(f);
    return 0;
}

#define INGEST_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
