/* SPDX-License-Identifier: MIT
 * request.h - one request, from its head to its answer. Independent of the HTTP library.
 *
 *  begin -> body* -> finish -> (waits for its sync) -> answer -> completed
 *
 * A request that is refused still takes the rest of its body, unread, so that the connection lives
 * on and the answer reaches the client. Only a body that is too large or ambiguous ends the
 * connection.
 *
 * A request is shared between its connection's thread, the committer (done) and the reaper (commit
 * timeout): the thread that moves its state away from WAITING answers it; the last reference frees
 * it. */
#ifndef PENSTOCK_INGEST_REQUEST_REQUEST_H
#define PENSTOCK_INGEST_REQUEST_REQUEST_H

#include "ingest/net/internal.h"
#include "ingest/parse/ndjson.h"
#include "ingest/parse/route.h"
#include "ingest/parse/v2.h"
#include "spool/spool_delivery_wait.h"

struct MHD_Connection;

struct ingest_request {
    struct ingest *ingest;
    struct MHD_Connection *http; /* resumed when the answer is known */
    struct ingest_connection *connection;
    struct ingest_route route;
    enum ingest_format format;
    struct ingest_problem problem;       /* the answer, if there was a problem */
    const struct ingest_page *page;      /* the page asked for; NULL: not a page */
    bool wait_kafka;                     /* the answer waits until Kafka has the events, at most
                                          * wait_ms */
    int64_t wait_ms;                     /* how long the answer waits for Kafka */
    int64_t wait_until_ms;               /* monotonic; set with the sync */
    struct spool_delivery_wait *confirm; /* NULL: no wait for Kafka, or too many requests wait */
    bool confirm_over, confirmed;        /* under waiting_lock, until the answer */
    struct buf question;       /* the strings of a struct ingest_question, each with its NUL */
    const char *allow;         /* for 405 */
    struct spool_batch *batch; /* made with the first event; under ingest.spool_lock */
    uint64_t spool_epoch;      /* the spool at the request's start */
    char spool_id[37];
    struct ingest_sink sink;
    struct ingest_ndjson lines;
    struct ingest_v2 *v2;
    struct buf body; /* of a raw event that comes in pieces */
    struct buf key;
    uint64_t received_bytes;
    uint64_t expected_bytes; /* UINT64_MAX: not known */
    uint64_t counted_bytes;  /* in ingest.in_flight_bytes */
    atomic_int state;        /* enum in ingest/request/wait.c */
    atomic_int references;
    bool parsing;          /* the body still matters */
    bool submitted, taken; /* taken: by the spool */
    struct spool_receipt receipt;
    int64_t waiting_since_ms;
    struct ingest_request *previous_waiting, *next_waiting;
    /* list of requests that may hold a batch; under ingest.open_lock */
    struct ingest_request *previous_open, *next_open;
};

/* Head of a request. Strings may be NULL. */
struct ingest_head {
    const char *path;
    const char *method;
    const char *content_type;
    const char *content_encoding;
    const char *transfer_encoding;
    int64_t content_length; /* -1: chunked */
    unsigned lengths;       /* headers that say where the body ends */
    bool expects_continue;
    const char *key;           /* ?key=, percent-encoded */
    const char *timestamp;     /* ?timestamp= */
    const char *topic;         /* ?topic=, of questions */
    const char *spool_id;      /* ?spool_id=, likewise */
    const char *wait;          /* ?wait= */
    const char *wait_ms;       /* ?wait_ms= */
    const char *bad_parameter; /* a parameter that is unknown or stands there twice */
};

struct ingest_answer {
    int status;
    struct buf body; /* the receiver frees it */
    const char *content_type;
    bool has_receipt;
};

/* NULL: out of memory */
struct ingest_request *ingest_request_new(struct ingest *ingest, struct MHD_Connection *http,
                                          struct ingest_connection *connection);

/* Takes the head. False: answer at once and close, the body isn't wanted. True: go on, perhaps only
 * to read the rest. */
bool ingest_request_begin(struct ingest_request *request, const struct ingest_head *head);
bool ingest_request_body(struct ingest_request *request, struct bytes piece); /* likewise */

/* Parses the rest. True: there are events to submit. False: answer. */
bool ingest_request_finish(struct ingest_request *request);

/* Submits the batch. The caller has suspended http, which is resumed when the answer is known,
 * perhaps before this returns. */
void ingest_request_submit(struct ingest_request *request);

/* Makes the answer, once. */
void ingest_request_answer(struct ingest_request *request, struct ingest_answer *ret_answer);
/* The request was answered or given up; NULL is fine. */
void ingest_request_completed(struct ingest_request *request);

/* Answers "unknown" to every request that has waited longer than wait_ms_max for its sync. */
void ingest_requests_time_out(struct ingest *ingest, int64_t wait_ms_max);

/* Answers requests that have waited for Kafka as long as they wanted. */
void ingest_requests_confirm_time_out(struct ingest *ingest);

/* Ends all waits for Kafka: requests that wait are answered. */
void ingest_requests_end_confirming(struct ingest *ingest);

/* Frees the batches that requests have begun. The caller holds ingest.spool_lock for writing. */
void ingest_requests_drop_batches(struct ingest *ingest);

/* ---- between the files of a request ---------------------------------------------------------- */

/* Refusals: they return false, so that a failing path is one line. */
bool ingest_request_refuse(struct ingest_request *request, int status, int code, const char *what);
bool ingest_request_no_memory(struct ingest_request *request);
bool ingest_request_body_fits(struct ingest_request *request, uint64_t bytes);

/* Counts the request's bytes against the budget of all requests; a request that is alone may always
 * have its body. False: refused. */
bool ingest_request_count(struct ingest_request *request, uint64_t bytes);
void ingest_request_give_back(struct ingest_request *request);

bool ingest_request_is_v2(const struct ingest_request *request);
bool ingest_request_start(struct ingest_request *request,
                          const struct ingest_head *head); /* parsing; false: no memory */
void ingest_request_unref(struct ingest_request *request);

#endif
