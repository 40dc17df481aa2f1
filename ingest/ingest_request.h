/* SPDX-License-Identifier: MIT
 * ingest_request.h - one produce request, from its head to its answer. Knows no HTTP library.
 *
 *   begin -> body* -> finish -> (waits for its sync) -> answer
 *
 * A request is shared between its connection's thread, the committer (done) and the reaper (commit timeout): whoever
 * moves its state away from WAITING answers it; the last reference frees it. */
#ifndef PENSTOCK_INGEST_REQUEST_H
#define PENSTOCK_INGEST_REQUEST_H

#include "ingest/ingest_internal.h"
#include "ingest/ingest_ndjson.h"
#include "ingest/ingest_route.h"

struct MHD_Connection;

struct ingest_request {
    struct ingest *ingest;
    struct MHD_Connection *http;           /* resumed when the answer is known */
    struct ingest_connection *connection;
    struct spool *spool;
    struct ingest_route route;
    enum ingest_format format;
    struct ingest_problem problem;         /* what the answer will say if anything went wrong */
    struct spool_batch *batch;
    struct ingest_sink sink;
    struct ingest_ndjson lines;
    struct buf body;                       /* of the formats that are parsed whole */
    struct buf key;
    struct buf partitions;
    uint64_t received_bytes;
    uint64_t counted_bytes;                /* in ingest.in_flight_bytes */
    atomic_int state;                      /* enum in ingest_request.c */
    atomic_int references;
    bool submitted;
    struct spool_receipt receipt;
    int64_t waiting_since_ms;
    struct ingest_request *previous_waiting, *next_waiting;
};

/* What the head of a request says. Strings may be NULL. */
struct ingest_head {
    const char *path;
    const char *content_type;
    int64_t content_length;  /* -1: chunked */
    const char *key;         /* ?key=, percent-encoded */
    const char *timestamp;   /* ?timestamp= */
};

struct ingest_request *ingest_request_new(struct ingest *ingest, struct MHD_Connection *http, struct ingest_connection *connection); /* NULL: memory */
void ingest_request_begin(struct ingest_request *request, const struct ingest_head *head);
void ingest_request_body(struct ingest_request *request, struct bytes piece);
/* Parses what is left. True: there is something to submit. False: problem is set. */
bool ingest_request_finish(struct ingest_request *request);
/* Submits; http has been suspended before. It is resumed when the answer is known, perhaps before this returns. */
void ingest_request_submit(struct ingest_request *request);
/* The answer's status and body. */
int ingest_request_answer(struct ingest_request *request, struct buf *body, const char **content_type);
void ingest_request_unref(struct ingest_request *request);

/* Answers "unknown" to every request that has waited too long for its sync. Reaper thread. */
void ingest_requests_time_out(struct ingest *ingest);

/* From the seam to the HTTP library. */
void ingest_http_resume(struct MHD_Connection *http);

#endif
