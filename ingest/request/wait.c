/* SPDX-License-Identifier: MIT
 * wait.c - a request and its sync: the thread that waits, and the one that ends the wait. */
#include "ingest/request/request.h"

#include "base/clock.h"

enum { RECEIVING, WAITING, CONFIRMING, ANSWERED }; /* CONFIRMING: synced, and waits for Kafka */

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

/* Takes the right to answer: only the first thread gets it. */
static bool claim(struct ingest_request *request, int from, int to)
{
    return atomic_compare_exchange_strong(&request->state, &from, to);
}

/* ---- waiting for Kafka, after the sync ------------------------------------------------------- */

/* Lock held, here and in the next two functions. */
static void enter_confirming(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    request->wait_until_ms = clock_monotonic_ms() + request->wait_ms;
    request->previous_waiting = NULL;
    request->next_waiting = ingest->first_confirming;
    if (request->next_waiting != NULL)
        request->next_waiting->previous_waiting = request;
    ingest->first_confirming = request;
    /* The request holds no body any more, and other requests need the budget. */
    ingest_request_give_back(request);
}

static void leave_confirming(struct ingest_request *request)
{
    if (request->previous_waiting != NULL)
        request->previous_waiting->next_waiting = request->next_waiting;
    else
        request->ingest->first_confirming = request->next_waiting;
    if (request->next_waiting != NULL)
        request->next_waiting->previous_waiting = request->previous_waiting;
    atomic_fetch_add(&request->ingest->answering, 1);
}

/* Cancels the wait for Kafka: no report will come, so its reference to the request is given
 * back. */
static void cancel_confirm(struct ingest_request *request)
{
    if (request->confirm != NULL && spool_delivery_wait_cancel(request->confirm))
        ingest_request_unref(request); /* not the last: the committer or the connection has one */
}

static void on_confirmed(void *arg, bool all)
{
    struct ingest_request *request = arg;
    struct ingest *ingest = request->ingest;
    pthread_mutex_lock(&ingest->waiting_lock);
    if (atomic_load(&request->state) != ANSWERED) {
        request->confirm_over = true;
        request->confirmed = all;
    }
    bool mine = claim(request, CONFIRMING, ANSWERED);
    if (mine)
        leave_confirming(request);
    pthread_mutex_unlock(&ingest->waiting_lock);
    if (mine)
        ingest->transport->resume(request->http);
    ingest_request_unref(request);
}

/* Starts the wait for Kafka, together with the batch; spool_lock held. When too many requests wait,
 * the request is answered after its sync, like one whose time has run out. */
static void begin_confirm(struct ingest_request *request)
{
    struct ingest *ingest = request->ingest;
    buf_free(&request->body); /* the batch has it */
    if (atomic_load(&ingest->confirming) >= ingest->options->connections_max / 2 ||
        spool_delivery_wait_new(ingest->spool, spool_batch_event_count(request->batch),
                                on_confirmed, request, &request->confirm) != ERR_OK)
        return;
    atomic_fetch_add(&ingest->confirming, 1);
    atomic_fetch_add(&request->references, 1); /* on_confirmed()'s */
    spool_batch_set_delivery_wait(request->batch, request->confirm);
}

static void answer_late(struct ingest *ingest, int64_t now_ms)
{
    pthread_mutex_lock(&ingest->waiting_lock);
    for (struct ingest_request *request = ingest->first_confirming, *next; request != NULL;
         request = next) {
        next = request->next_waiting;
        if (now_ms < request->wait_until_ms || !claim(request, CONFIRMING, ANSWERED))
            continue;
        leave_confirming(request);
        cancel_confirm(request);
        ingest->transport->resume(request->http);
    }
    pthread_mutex_unlock(&ingest->waiting_lock);
}

void ingest_requests_confirm_time_out(struct ingest *ingest)
{
    answer_late(ingest, clock_monotonic_ms());
}

void ingest_requests_end_confirming(struct ingest *ingest)
{
    answer_late(ingest, INT64_MAX);
}

/* ---- waiting for the sync -------------------------------------------------------------------- */

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct ingest_request *request = arg;
    struct ingest *ingest = request->ingest;
    pthread_mutex_lock(&ingest->waiting_lock);
    bool goes_on = receipt->err == ERR_OK && request->confirm != NULL && !request->confirm_over;
    bool mine = claim(request, WAITING, goes_on ? CONFIRMING : ANSWERED);
    if (mine) {
        leave_waiting_locked(request);
        request->receipt = *receipt;
        if (goes_on)
            enter_confirming(request);
        else
            atomic_fetch_add(&ingest->answering, 1);
    }
    if (!mine || !goes_on)
        cancel_confirm(request);
    pthread_mutex_unlock(&ingest->waiting_lock);
    if (mine && !goes_on)
        ingest->transport->resume(request->http); /* suspended, and so alive, until here */
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
    /* A connection that was closed for being late has been told so: none of its events may be
     * stored. */
    if (request->batch != NULL &&
        !ingest_connection_is_closed(&ingest->connections, request->connection)) {
        if (request->wait_kafka)
            begin_confirm(request);
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
        bool mine = claim(request, WAITING, ANSWERED);
        leave_waiting_locked(request);
        if (mine) {
            request->receipt = (struct spool_receipt){.err = ERR_TIMEOUT};
            atomic_fetch_add(&ingest->answering, 1);
            /* the reference of the committer keeps the request alive until it has been answered */
            ingest->transport->resume(request->http);
        }
    }
    pthread_mutex_unlock(&ingest->waiting_lock);
}
