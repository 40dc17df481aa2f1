/* SPDX-License-Identifier: MIT
 * http.h - the seam to libmicrohttpd. */
#ifndef PENSTOCK_INGEST_HTTP_HTTP_H
#define PENSTOCK_INGEST_HTTP_HTTP_H

#include "ingest/net/internal.h"

/* Starts a server with one thread and no connections; server->ingest is set. ERR_IO */
enum err ingest_http_start(struct ingest_server *server, struct errmsg *msg);
void ingest_http_stop(struct ingest_server *server); /* no request may wait for its sync */

/* For struct ingest; its functions may be called while a server runs. */
extern const struct ingest_transport ingest_http_transport;

#endif
