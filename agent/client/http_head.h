/* SPDX-License-Identifier: MIT
 * http_head.h - parsing for an HTTP client: URLs, and the heads of answers. Pure. */
#ifndef PENSTOCK_AGENT_CLIENT_HTTP_HEAD_H
#define PENSTOCK_AGENT_CLIENT_HTTP_HEAD_H

#include "base/bytes.h"

#define AGENT_HTTP_HEAD_SIZE_MAX (64u << 10)

struct agent_http_head {
    int status;
    int64_t content_length; /* -1: not told */
    bool close;
};

/* Parses the head of an answer at the beginning of input. Returns its size with the empty line; 0
 * when the head isn't complete; -1 when input holds no head (or one beyond
 * AGENT_HTTP_HEAD_SIZE_MAX, or with a body of unknown length). */
int agent_http_head_parse(struct bytes input, struct agent_http_head *ret_head);

/* "http://HOST[:PORT][/]" with an IPv6 host in brackets; the brackets are not in *host. False:
 * something else. */
bool agent_http_url_parse(const char *url, char host[256], char port[8]);

#endif
