/* SPDX-License-Identifier: MIT
 * request.h - one request, from its head to its answer. Knows no HTTP library.
 *
 *   begin -> body* -> finish -> (waits for its sync) -> answer -> completed
 *
 * A request that is refused still takes the rest of its body, unread, so that the connection lives
 * on and the answer reaches the client; only what is too large or ambiguous ends it.
 *
 * A request is shared between its connection's thread, the committer (done) and the reaper (commit
 * timeout): whoever moves its state away from WAITING answers it; the last reference frees it. */
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
    struct ingest_problem problem;       /* what the answer will say if anything went wrong */
    const struct ingest_page *page;      /* what is asked for, if not an event sent */
    bool wait_kafka;                     /* the answer is to wait until Kafka has the events … */
    int64_t wait_ms;                     /* … at most so long */
    int64_t wait_until_ms;               /* monotonic; set with the sync */
    struct spool_delivery_wait *confirm; /* NULL: it can't wait, too many do */
    bool confirm_over, confirmed;        /* under waiting_lock, until it is answered */
    struct buf question;       /* the strings of a struct ingest_question, each with its NUL */
    const char *allow;         /* for 405 */
    struct spool_batch *batch; /* made with the first event; under ingest.spool_lock */
    uint64_t spool_epoch;      /* the spool it began with */
    char spool_id[37];
    struct ingest_sink sink;
    struct ingest_ndjson lines;
    struct ingest_v2 *v2;
    struct buf body; /* of a raw event that comes in pieces */
    struct buf key;
    uint64_t received_bytes;
    uint64_t expected_bytes; /* UINT64_MAX: not known */
    uint64_t counted_bytes;  /* in ingest.in_flight_bytes */
    atomic_int state;        /* enum in ingest/request/request.c */
    atomic_int references;
    bool parsing;          /* the body still matters */
    bool submitted, taken; /* taken: by the spool */
    struct spool_receipt receipt;
    int64_t waiting_since_ms;
    struct ingest_request *previous_waiting, *next_waiting;
    /* those that may hold a batch; under ingest.open_lock */
    struct ingest_request *previous_open, *next_open;
};

/* What the head of a request says. Strings may be NULL. */
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
    const char *bad_parameter; /* one that is unknown or stands there twice */
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

/* False: answer at once and close, the body isn't wanted. True: go on, perhaps only to read the
 * rest. */
bool ingest_request_begin(struct ingest_request *request, const struct ingest_head *head);
bool ingest_request_body(struct ingest_request *request, struct bytes piece); /* the same */

/* Parses what is left. True: there is something to submit. False: answer. */
bool ingest_request_finish(struct ingest_request *request);

/* Submits; http has been suspended before. It is resumed when the answer is known, perhaps before
 * this returns. */
void ingest_request_submit(struct ingest_request *request);

/* once */
void ingest_request_answer(struct ingest_request *request, struct ingest_answer *ret_answer);
/* answered or given up; NULL is fine */
void ingest_request_completed(struct ingest_request *request);

/* Answers "unknown" to every request that has waited longer than that for its sync. */
void ingest_requests_time_out(struct ingest *ingest, int64_t wait_ms_max);

/* Answers those that have waited for Kafka as long as they wanted. */
void ingest_requests_confirm_time_out(struct ingest *ingest);

/* Nobody waits for Kafka any longer: those who do are answered. */
void ingest_requests_end_confirming(struct ingest *ingest);

/* Frees the batches that requests have begun. The caller holds ingest.spool_lock for writing. */
void ingest_requests_drop_batches(struct ingest *ingest);

/* ---- between the files of a request ---------------------------------------------------------- */

/* These return false, so that a failing path is one line. */
bool ingest_request_refuse(struct ingest_request *request, int status, int code, const char *what);
bool ingest_request_no_memory(struct ingest_request *request);
bool ingest_request_body_fits(struct ingest_request *request, uint64_t bytes);

/* Counts what the request holds against the budget of all; one alone may always have its body.
 * False: refused. */
bool ingest_request_count(struct ingest_request *request, uint64_t bytes);
void ingest_request_give_back(struct ingest_request *request);

bool ingest_request_is_v2(const struct ingest_request *request);
bool ingest_request_start(struct ingest_request *request,
                          const struct ingest_head *head); /* parsing; false: no memory */
void ingest_request_unref(struct ingest_request *request);

#endif
