/* SPDX-License-Identifier: MIT
 * http_client.h - a small HTTP/1.1 client for the agent's own listeners: one connection, kept
 * alive. One thread at a time. */
#ifndef PENSTOCK_AGENT_CLIENT_HTTP_CLIENT_H
#define PENSTOCK_AGENT_CLIENT_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

#define AGENT_HTTP_URL_DEFAULT "http://127.0.0.1:8080"

struct agent_http_client {
    char host[256];
    char port[8];
    char socket[108]; /* a Unix socket instead; empty: none */
    int fd;           /* -1: not connected */
    bool reused;      /* fd has carried an answer already */
    struct buf input; /* received, not yet used */
};

struct agent_http_response {
    int status;
    struct buf body; /* the caller frees it */
};

/* url: http://HOST:PORT, or NULL for the default; socket wins when given. Doesn't connect.
 * ERR_INVALID */
enum err agent_http_client_init(struct agent_http_client *client, const char *url,
                                const char *socket, struct errmsg *msg);
void agent_http_client_done(struct agent_http_client *client);

/* Sends a request and waits for the whole answer, at most timeout_ms; connects first if needed. A
 * connection that was closed while idle is opened again. After an error the connection is closed,
 * and the request may or may not have taken effect. Errors: ERR_UNAVAILABLE (no answer there, or
 * the connection broke), ERR_TIMEOUT, ERR_INVALID (no HTTP answer), ERR_NOMEM */
enum err agent_http_client_send(struct agent_http_client *client, const char *method,
                                const char *path, const char *content_type, struct bytes body,
                                int64_t timeout_ms, struct agent_http_response *ret_response,
                                struct errmsg *msg);

#endif
