/* SPDX-License-Identifier: MIT
 * submit_wait.h - hands a batch to the spool and waits for its sync. In a header, so that programs
 * without cmocka have it too. */
#ifndef PENSTOCK_TESTS_SUBMIT_WAIT_H
#define PENSTOCK_TESTS_SUBMIT_WAIT_H

#include "spool/spool.h"

#include <pthread.h>

struct submit_waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    struct spool_receipt receipt;
};

static inline void submit_done(void *arg, const struct spool_receipt *receipt)
{
    struct submit_waiter *waiter = arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->receipt = *receipt;
    waiter->done = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->lock);
}

/* *batch is NULL afterwards; when the spool doesn't take it, it stays the caller's, and the
 * receipt's err says why. */
static inline struct spool_receipt submit_wait(struct spool *spool, struct spool_batch **batch)
{
    struct submit_waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                   .cond = PTHREAD_COND_INITIALIZER};
    enum err rc = spool_submit(spool, *batch, submit_done, &waiter);
    if (rc != ERR_OK)
        return (struct spool_receipt){.err = rc};
    *batch = NULL;
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done)
        pthread_cond_wait(&waiter.cond, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    return waiter.receipt;
}

#endif
