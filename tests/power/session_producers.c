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
    bool marked;
    sem_t *room;
};

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct flight *flight = arg;
    if (receipt->err != ERR_OK)
        session_mark("refused %u", flight->batch);
    else if (!flight->marked)
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

/* What the planted fault says: the id that the batch is going to have if nothing else is on its way. */
static uint64_t guess_id(struct spool *spool)
{
    struct spool_stats stats;
    spool_stats_get(spool, &stats);
    return spool_id_segment(stats.last_event_id) == stats.live_segment_id ? stats.last_event_id + 1
                                                                         : spool_id_of(stats.live_segment_id, 0);
}

static void submit(struct session_producers *producers, uint32_t batch, sem_t *room)
{
    struct spool_batch *made = make_batch(producers->spool, batch);
    struct flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL)
        session_fail("out of memory");
    *flight = (struct flight){.batch = batch, .room = room, .marked = producers->mark_early};
    session_mark("submit %u", batch);
    if (flight->marked)
        session_mark("ack %" PRIu64 " %u", guess_id(producers->spool), batch);
    enum err rc;
    for (int i = 0; (rc = spool_submit(producers->spool, made, on_done, flight)) != ERR_OK; i++) {
        if (i > 10000)
            session_fail("batch %u is refused for 10 s: %s", batch, err_text(rc));
        usleep(1000);
    }
}

/* A backlog that grows and grows would only make every state slower to look at. What a lane holds is no reason to wait for ever. */
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
    int on_their_way = producers->mark_early ? 1 : ON_THEIR_WAY;
    sem_init(&room, 0, (unsigned)on_their_way);
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
    for (int i = 0; i < on_their_way; i++)
        sem_wait(&room);
    sem_destroy(&room);
    return NULL;
}

static size_t thread_count(const struct session_producers *producers)
{
    return producers->mark_early ? 1 : sizeof producers->threads / sizeof producers->threads[0]; /* else ids can't be guessed */
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
