/* SPDX-License-Identifier: MIT
 * requeue.c - dead letters become events again: new ones, with a header that names the
 * old. */
#include "agent/run/admin.h"

#include "spool/spool_letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COMMIT_MS_MAX = 15000 };

#define ORIGIN_HEADER "penstock-origin"

/* ---- waiting for the commit ------------------------------------------------------------------ */

/* State shared with the committer; the last owner frees it. */
struct commit {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned owners;
    bool done;
    enum err rc;
};

static void let_go(struct commit *commit)
{
    bool last = --commit->owners == 0;
    pthread_mutex_unlock(&commit->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&commit->lock);
    pthread_cond_destroy(&commit->changed);
    free(commit);
}

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct commit *commit = arg;
    pthread_mutex_lock(&commit->lock);
    commit->done = true;
    commit->rc = receipt->err;
    pthread_cond_signal(&commit->changed);
    let_go(commit);
}

static enum err wait_for(struct commit *commit)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += COMMIT_MS_MAX / 1000;
    pthread_mutex_lock(&commit->lock);
    while (!commit->done &&
           pthread_cond_clockwait(&commit->changed, &commit->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    enum err rc = commit->done ? commit->rc : ERR_TIMEOUT;
    let_go(commit);
    return rc;
}

static enum err commit_batch(struct spool *spool, struct spool_batch *batch)
{
    struct commit *commit = calloc(1, sizeof *commit);
    if (commit == NULL) {
        spool_batch_free(batch);
        return ERR_NOMEM;
    }
    pthread_mutex_init(&commit->lock, NULL);
    pthread_cond_init(&commit->changed, NULL);
    commit->owners = 2;
    enum err rc = spool_submit(spool, batch, on_done, commit);
    if (rc == ERR_OK)
        return wait_for(commit);
    spool_batch_free(batch);
    pthread_mutex_lock(&commit->lock);
    commit->owners = 1;
    let_go(commit);
    return rc;
}

/* ---- letters --------------------------------------------------------------------------------- */

struct requeue {
    struct spool *spool;
    const uint64_t *ids;
    size_t count;
    uint64_t *done; /* ids whose events are synced */
    size_t done_count;
    enum err rc;
};

/* Encodes the event's headers and one more. */
static bool add_origin(const struct spool_letter *letter, struct buf *out, uint32_t *ret_count)
{
    struct spool_header *headers = malloc((letter->event.header_count + 1) * sizeof *headers);
    struct bytes rest = letter->event.headers;
    uint32_t count = 0;
    char id[24];
    if (headers == NULL)
        return false;
    while (count < letter->event.header_count && spool_headers_next(&rest, &headers[count]))
        count++;
    snprintf(id, sizeof id, "%" PRIu64, letter->id);
    headers[count++] = (struct spool_header){bytes_of_string(ORIGIN_HEADER), bytes_of_string(id)};
    size_t size = spool_headers_size(headers, count);
    bool ok = buf_reserve(out, size);
    if (ok) {
        spool_headers_put(out->data, headers, count);
        out->size = size;
        *ret_count = count;
    }
    free(headers);
    return ok;
}

static enum err requeue_one(struct spool *spool, const struct spool_letter *letter)
{
    struct buf headers = {0};
    struct spool_event event = letter->event;
    struct spool_batch *batch = NULL;
    if (!add_origin(letter, &headers, &event.header_count))
        return ERR_NOMEM;
    event.headers = bytes_of(headers.data, headers.size);
    enum err rc = spool_batch_new(spool, event.topic, &batch);
    if (rc == ERR_OK && (rc = spool_batch_add(batch, &event)) != ERR_OK)
        spool_batch_free(batch);
    buf_free(&headers);
    return rc == ERR_OK ? commit_batch(spool, batch) : rc;
}

static bool take_letter(void *arg, const struct spool_letter *letter)
{
    struct requeue *requeue = arg;
    if (bsearch(&letter->id, requeue->ids, requeue->count, sizeof letter->id, spool_id_compare) ==
        NULL)
        return true;
    requeue->rc = requeue_one(requeue->spool, letter);
    if (requeue->rc == ERR_OK)
        requeue->done[requeue->done_count++] = letter->id;
    return requeue->rc == ERR_OK;
}

enum err agent_requeue(struct spool *spool, const uint64_t *ids, size_t count, size_t *ret_count,
                       struct errmsg *msg)
{
    struct requeue requeue = {
        .spool = spool, .ids = ids, .count = count, .done = malloc((count + 1) * sizeof *ids)};
    if (requeue.done == NULL)
        return ERR_NOMEM;
    enum err read = spool_letters_each(spool, take_letter, &requeue, msg);
    qsort(requeue.done, requeue.done_count, sizeof *requeue.done, spool_id_compare);
    enum err removed = spool_letters_remove(spool, requeue.done, requeue.done_count, NULL, msg);
    *ret_count = requeue.done_count;
    free(requeue.done);
    return requeue.rc != ERR_OK ? requeue.rc : read != ERR_OK ? read : removed;
}
