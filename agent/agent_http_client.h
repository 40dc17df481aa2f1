/* SPDX-License-Identifier: MIT
 * agent_http_client.h - a small HTTP/1.1 client for the agent's own listeners: one connection, kept alive. One thread at a time. */
#ifndef PENSTOCK_AGENT_HTTP_CLIENT_H
#define PENSTOCK_AGENT_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct agent_http_client {
    char host[256];      /* for the Host header */
    char port[16];
    char socket[108];    /* a Unix socket instead */
    int fd;              /* -1: not connected */
    struct buf input;    /* received, not yet used */
};

struct agent_http_response {
    int status;
    struct buf body;     /* the caller frees it */
};

/* url: http://HOST:PORT, or NULL for http://127.0.0.1:8080; socket wins when given. Doesn't connect. ERR_INVALID */
enum err agent_http_client_init(struct agent_http_client *client, const char *url, const char *socket, struct errmsg *msg);
void agent_http_client_done(struct agent_http_client *client);

/* Sends a request and waits for the whole answer, at most timeout_ms; connects first when it must. After an error the
 * connection is closed, and it is not known whether the request took effect.
 * Errors: ERR_UNAVAILABLE (nobody answers there, or the connection broke), ERR_TIMEOUT, ERR_INVALID (no HTTP answer), ERR_NOMEM */
enum err agent_http_client_send(struct agent_http_client *client, const char *method, const char *path, const char *content_type,
                                struct bytes body, int64_t timeout_ms, struct agent_http_response *ret_response, struct errmsg *msg);

/* Pure: the head of an answer. Returns its size with the empty line, 0 when it isn't complete, -1 when it is none. */
struct agent_http_head {
    int status;
    int64_t content_length; /* -1: not told */
    bool close;
};
int agent_http_head_parse(struct bytes input, struct agent_http_head *ret_head);

#endif
