/* SPDX-License-Identifier: MIT
 * ingest.h - the listeners: from a request to a synced batch in the spool to an answer.
 *
 * Answers say "ok" only after the spool's done(). The shapes are in docs/http-api.md. */
#ifndef PENSTOCK_INGEST_H
#define PENSTOCK_INGEST_H

#include "base/buf.h"
#include "base/err.h"
#include "ingest/ingest_options.h"
#include "spool/spool.h"

struct ingest;

/* Pages that the agent serves on the same listeners (health, metrics, status). Called on a listener
 * thread; must not block. Fills body and returns the HTTP status; *content_type is a constant
 * string. */
typedef int ingest_page_fn(void *arg, struct buf *body, const char **content_type);

/* Question to a page that takes questions; strings as they came (percent-encoded), "" where nothing
 * was given. */
struct ingest_question {
    const char *rest; /* of the path, after the page's */
    const char *topic;
    const char *spool_id;
};
typedef int ingest_answer_fn(void *arg, const struct ingest_question *question, struct buf *body,
                             const char **content_type);

struct ingest_page {
    const char *path; /* "/healthz"; GET and HEAD. With a slash at its end: all paths that begin
                       * with it */
    ingest_page_fn *render;
    void *arg;
    const char *policy;       /* Content-Security-Policy; NULL: not for browsers */
    ingest_answer_fn *answer; /* instead of render, for a page that takes questions: ?topic=,
                               * ?spool_id= */
};

struct ingest_stats {
    uint64_t requests;
    uint64_t requests_by_status[600]; /* indexed by HTTP status */
    uint64_t body_bytes;
    uint64_t connections;         /* open now */
    uint64_t connections_evicted; /* closed because others waited, or for being too slow */
    uint64_t in_flight_bytes;
    uint64_t waiting_for_sync; /* requests now */
};

/* Binds every address of options and starts to serve. options, pages and all that they point to
 * must outlive the ingest. spool may be NULL until ingest_set_spool(): produce requests get 503
 * with the reason until then. Errors: ERR_INVALID (an address that is malformed or beyond
 * loopback), ERR_IO (bind; msg names the address) */
enum err ingest_start(const struct ingest_options *options, struct spool *spool,
                      const struct ingest_page *pages, size_t page_count,
                      struct ingest **ret_ingest, struct errmsg *msg);

/* Changes limits and topics; addresses, sockets and threads stay as they are. options, and those of
 * ingest_start(), outlive the ingest. Any thread. */
void ingest_set_options(struct ingest *ingest, const struct ingest_options *options);

/* Gives (or with NULL takes away, with the reason for clients) the spool. Any thread. */
void ingest_set_spool(struct ingest *ingest, struct spool *spool, const char *reason);

/* Produce requests get 503 from now on; requests that wait for their sync are still answered.
 * Connections are still accepted, so that clients get a clear answer and pages go on. */
void ingest_stop_accepting(struct ingest *ingest);

/* Stops listeners and threads; answers that are due still get out. The spool must have completed
 * every batch before (spool_stop_taking). NULL is fine. */
void ingest_stop(struct ingest *ingest);

/* Addresses as bound (with the real port where 0 was asked for), in the order of options->http. */
size_t ingest_address_count(const struct ingest *ingest);
const char *ingest_address(const struct ingest *ingest, size_t index);

void ingest_stats_get(const struct ingest *ingest, struct ingest_stats *ret_stats);

/* Checks one address of listen.http without binding it; for check-config. Errors: ERR_INVALID */
enum err ingest_address_check(const char *address, bool allow_remote, struct errmsg *msg);

#endif
