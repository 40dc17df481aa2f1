/* SPDX-License-Identifier: MIT
 * spool_delivery_wait.h - waits until Kafka has the events of one batch, and tells their places in
 * Kafka then.
 *
 *   ingest --spool_delivery_wait_new, spool_batch_set_delivery_wait--> committer
 *                                        (registers it before the bridge can see the events)
 *   bridge --spool_delivery_wait_note, spool_delivery_wait_settle-->
 *                                        the last event's place is known --confirmed()--> ingest
 *
 * Without a wait this costs a look at one atomic per delivery report. The number of waits, and of
 * their events, is bounded. */
#ifndef PENSTOCK_SPOOL_DELIVERY_WAIT_H
#define PENSTOCK_SPOOL_DELIVERY_WAIT_H

#include "spool/spool.h"

#define SPOOL_DELIVERY_WAIT_BATCHES_MAX 1000
#define SPOOL_DELIVERY_WAIT_EVENTS_MAX  (1u << 20) /* of all of them together: 16 bytes each */

struct spool_delivery_wait;

/* Called once, unless the wait was cancelled. all: Kafka has every event; false: there won't be an
 * answer, as the spool is closing. On the bridge's thread or the one that closes the spool, without
 * a lock; must be quick. */
typedef void spool_confirmed_fn(void *arg, bool all);

/* Makes a wait. Errors: ERR_FULL (too many wait already), ERR_NOMEM. Any thread; so are all
 * below. */
enum err spool_delivery_wait_new(struct spool *spool, uint32_t event_count,
                                 spool_confirmed_fn *confirmed, void *arg,
                                 struct spool_delivery_wait **ret_confirm);

/* Lets the wait begin once this batch is committed; the batch has as many events as
 * spool_delivery_wait_new() was told. confirm must live until the batch's done(). */
void spool_batch_set_delivery_wait(struct spool_batch *batch, struct spool_delivery_wait *confirm);

/* True: confirmed() was not called and will never be. False: it was, or is being called. Needs no
 * open spool. */
bool spool_delivery_wait_cancel(struct spool_delivery_wait *confirm);

/* Cancelled, or confirmed() was called. Needs no open spool. NULL is fine. */
void spool_delivery_wait_free(struct spool_delivery_wait *confirm);

struct spool_kafka_place {
    int32_t partition;
    uint32_t state; /* spool/commit/delivery_wait.c's */
    int64_t offset; /* < 0: Kafka has not told */
};

/* The place of each event, in order; complete once confirmed() was called with all. */
const struct spool_kafka_place *spool_delivery_wait_places(
    const struct spool_delivery_wait *confirm, uint32_t *ret_count);

/* ---- for the bridge: one thread -------------------------------------------------------------- */

bool spool_delivery_wait_any(struct spool *spool); /* is there any wait? Cheap */

/* Kafka has written the event; it counts at once (final) or with the next
 * spool_delivery_wait_settle(). */
void spool_delivery_wait_note(struct spool *spool, uint64_t event_id, int32_t partition,
                              int64_t offset, bool final);

/* Events noted since the last call count from now on (committed), or are forgotten, as their
 * transaction was aborted. */
void spool_delivery_wait_settle(struct spool *spool, bool committed);

#endif
