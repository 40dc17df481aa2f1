/* SPDX-License-Identifier: MIT
 * ingest_http.h - the seam in front of libmicrohttpd. */
#ifndef PENSTOCK_INGEST_HTTP_H
#define PENSTOCK_INGEST_HTTP_H

#include "ingest/ingest_internal.h"

/* Serves a listening socket with options->threads threads. On success the daemon owns fd. ERR_IO */
enum err ingest_http_start(struct ingest *ingest, int fd, struct MHD_Daemon **ret_daemon, struct errmsg *msg);
void ingest_http_quiesce(struct MHD_Daemon *daemon); /* accepts no more connections */
void ingest_http_stop(struct MHD_Daemon *daemon);    /* no request may wait for its sync */

#endif
