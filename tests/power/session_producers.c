/* SPDX-License-Identifier: MIT
 * session_producers.c - threads that submit batches and mark what becomes of them. */
#include "tests/power/power_event.h"
#include "tests/power/session_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { ON_THEIR_WAY = 2, WAITS_MAX = 50 };

struct flight {
    uint32_t batch;
    sem_t *room;
};

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct flight *flight = arg;
    if (receipt->err != ERR_OK)
        session_mark("refused %u", flight->batch);
    else
        session_mark("ack %" PRIu64 " %u", receipt->first_id, flight->batch);
    sem_post(flight->room);
    free(flight);
}

static struct spool_batch *make_batch(struct spool *spool, uint32_t batch)
{
    static _Thread_local struct power_event event;
    uint32_t first = power_batch_first(batch);
    struct spool_batch *made = NULL;
    if (spool_batch_new(spool, bytes_of_string(power_topic(first)), &made) != ERR_OK)
        session_fail("no batch");
    for (uint32_t i = 0; i < power_batch_events(batch); i++) {
        power_event_make(first + i, &event);
        if (spool_batch_add(made, &event.event) != ERR_OK)
            session_fail("event %u was not taken", first + i);
    }
    return made;
}

static void submit(struct session_producers *producers, uint32_t batch, sem_t *room)
{
    struct spool_batch *made = make_batch(producers->spool, batch);
    struct flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL)
        session_fail("out of memory");
    *flight = (struct flight){.batch = batch, .room = room};
    session_mark("submit %u", batch);
    enum err rc;
    for (int i = 0; (rc = spool_submit(producers->spool, made, on_done, flight)) != ERR_OK; i++) {
        if (i > 10000)
            session_fail("batch %u is refused for 10 s: %s", batch, err_text(rc));
        usleep(1000);
    }
}

/* A backlog that grows and grows would only make every state slower to look at. What a lane holds
 * is no reason to wait for ever. */
static void wait_for_consumer(struct session_producers *producers)
{
    struct spool_stats stats;
    for (int i = 0; i < WAITS_MAX; i++) {
        spool_stats_get(producers->spool, &stats);
        if (stats.books.pending / 3 <= atomic_load(producers->lag))
            break;
        usleep(200);
    }
}

static void *producer_main(void *arg)
{
    struct session_producers *producers = arg;
    sem_t room;
    sem_init(&room, 0, (unsigned)ON_THEIR_WAY);
    for (;;) {
        sem_wait(&room);
        wait_for_consumer(producers);
        uint32_t batch = atomic_fetch_add(producers->batch_next, 1);
        if (batch >= producers->batch_end) {
            atomic_fetch_sub(producers->batch_next, 1); /* the next life's first */
            sem_post(&room);
            break;
        }
        submit(producers, batch, &room);
    }
    for (int i = 0; i < ON_THEIR_WAY; i++)
        sem_wait(&room);
    sem_destroy(&room);
    return NULL;
}

static size_t thread_count(const struct session_producers *producers)
{
    return sizeof producers->threads / sizeof producers->threads[0];
}

void session_producers_start(struct session_producers *producers)
{
    for (size_t i = 0; i < thread_count(producers); i++)
        if (pthread_create(&producers->threads[i], NULL, producer_main, producers) != 0)
            session_fail("no thread");
}

void session_producers_wait(struct session_producers *producers)
{
    for (size_t i = 0; i < thread_count(producers); i++)
        pthread_join(producers->threads[i], NULL);
}
