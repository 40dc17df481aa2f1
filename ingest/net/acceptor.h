/* SPDX-License-Identifier: MIT
 * acceptor.h - the thread that accepts connections on all listeners and hands them to the
 * servers.
 *
 * The HTTP library would accept one connection a turn of its loop, and with thousands of silent
 * ones a turn is long. Here all that wait are taken at once; each one beyond the limit puts out the
 * one that has been silent longest. The thread also drains lingering sockets. */
#ifndef PENSTOCK_INGEST_NET_ACCEPTOR_H
#define PENSTOCK_INGEST_NET_ACCEPTOR_H

#include "base/err.h"

struct ingest;

enum err ingest_acceptor_start(struct ingest *ingest, struct errmsg *msg); /* ERR_IO, ERR_NOMEM */
/* also when it never started */
void ingest_acceptor_stop(struct ingest *ingest);

#endif
