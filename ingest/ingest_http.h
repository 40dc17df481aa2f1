/* SPDX-License-Identifier: MIT
 * ingest_http.h - the seam in front of libmicrohttpd. */
#ifndef PENSTOCK_INGEST_HTTP_H
#define PENSTOCK_INGEST_HTTP_H

#include "ingest/ingest_internal.h"

#include <sys/socket.h>

/* Starts a server with one thread and no connections; server->ingest is set. ERR_IO */
enum err ingest_http_start(struct ingest_server *server, struct errmsg *msg);
void ingest_http_stop(struct ingest_server *server); /* no request may wait for its sync */

/* Takes over an accepted socket, whatever comes of it. Any thread. False: it is closed. */
bool ingest_http_add(struct ingest_server *server, int fd, const struct sockaddr *address,
                     socklen_t size);

#endif
