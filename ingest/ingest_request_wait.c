/* SPDX-License-Identifier: MIT
 * ingest_request_wait.c - a request and its sync: who waits, who ends the wait. */
#include "ingest/ingest_request.h"

#include "base/clock.h"

enum { RECEIVING, WAITING, ANSWERED };

static void enter_waiting(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    request->waiting_since_ms = clock_monotonic_ms();
    pthread_mutex_lock(&ingest->waiting_lock);
    request->previous_waiting = ingest->newest_waiting;
    if (ingest->newest_waiting != NULL)
        ingest->newest_waiting->next_waiting = request;
    else
        ingest->oldest_waiting = request;
    ingest->newest_waiting = request;
    pthread_mutex_unlock(&ingest->waiting_lock);
    atomic_fetch_add(&ingest->waiting, 1);
}

static void leave_waiting_locked(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    if (request->previous_waiting != NULL)
        request->previous_waiting->next_waiting = request->next_waiting;
    else
        ingest->oldest_waiting = request->next_waiting;
    if (request->next_waiting != NULL)
        request->next_waiting->previous_waiting = request->previous_waiting;
    else
        ingest->newest_waiting = request->previous_waiting;
    atomic_fetch_sub(&ingest->waiting, 1);
}

/* Whoever comes first answers. */
static bool claim_answer(struct ingest_request *request)
{
    int waiting = WAITING;
    return atomic_compare_exchange_strong(&request->state, &waiting, ANSWERED);
}

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct ingest_request *request = arg;
    struct ingest *ingest = request->ingest;
    pthread_mutex_lock(&ingest->waiting_lock);
    bool mine = claim_answer(request);
    if (mine) {
        leave_waiting_locked(request);
        request->receipt = *receipt;
        atomic_fetch_add(&ingest->answering, 1);
    }
    pthread_mutex_unlock(&ingest->waiting_lock);
    if (mine)
        ingest_http_resume(request->http); /* suspended, and so alive, until here */
    ingest_request_unref(request);
}

void ingest_request_submit(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    enum err rc = ERR_CLOSED;
    atomic_store(&request->state, WAITING);
    atomic_fetch_add(&request->references, 1); /* the committer's */
    enter_waiting(request);
    pthread_rwlock_rdlock(&ingest->spool_lock);
    if (request->batch == NULL) /* the spool was taken away, and the batch with it */
        rc = ERR_NOT_FOUND;
    /* A connection that was closed for being late has been told so: nothing of it may be stored. */
    if (request->batch != NULL && !ingest_connection_is_closed(&ingest->connections, request->connection)) {
        struct spool_batch *batch = request->batch;
        request->batch = NULL;
        request->taken = true; /* before the answer can come */
        rc = spool_submit(ingest->spool, batch, on_done, request);
        if (rc != ERR_OK) {
            request->taken = false;
            spool_batch_free(batch);
        }
    }
    pthread_rwlock_unlock(&ingest->spool_lock);
    if (rc != ERR_OK)
        on_done(request, &(struct spool_receipt){.err = rc});
}

void ingest_requests_time_out(struct ingest *ingest, int64_t wait_ms_max)
{
    int64_t due_ms = clock_monotonic_ms() - wait_ms_max;
    pthread_mutex_lock(&ingest->waiting_lock);
    while (ingest->oldest_waiting != NULL && ingest->oldest_waiting->waiting_since_ms < due_ms) {
        struct ingest_request *request = ingest->oldest_waiting;
        bool mine = claim_answer(request);
        leave_waiting_locked(request);
        if (mine) {
            request->receipt = (struct spool_receipt){.err = ERR_TIMEOUT};
            atomic_fetch_add(&ingest->answering, 1);
            ingest_http_resume(request->http); /* its reference keeps it alive until it has been answered */
        }
    }
    pthread_mutex_unlock(&ingest->waiting_lock);
}
