/* SPDX-License-Identifier: MIT
 * session_consumer.c - takes events in order and tells what is done, now and then with a lane that
 * stands still. */
#include "tests/power/power_event.h"
#include "tests/power/session_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 7, HELD_MAX = 4096 };

struct work {
    struct session_consumer *consumer;
    struct spool_tail *tail;
    uint64_t done_at_open[POWER_TOPIC_COUNT];
    struct {
        uint64_t id;
        uint32_t number;
    } held[HELD_MAX];
    size_t held_count;
    uint64_t delivered[POWER_TOPIC_COUNT]; /* since the last advance */
};

static const char *topic_name(uint32_t topic)
{
    for (uint32_t batch = 0;; batch++)
        if (power_topic_index(power_batch_first(batch)) == topic)
            return power_topic(power_batch_first(batch));
}

static uint32_t slow_topic(void)
{
    uint32_t topic = 0;
    while (strcmp(topic_name(topic), "slow") != 0)
        topic++;
    return topic;
}

static void deliver(struct work *work, uint64_t id, uint32_t number)
{
    session_mark("deliver %" PRIu64 " %u", id, number);
    work->delivered[power_topic_index(number)]++;
}

static void release_held(struct work *work)
{
    for (size_t i = 0; i < work->held_count; i++)
        deliver(work, work->held[i].id, work->held[i].number);
    work->held_count = 0;
}

static void advance(struct work *work, uint64_t done_id)
{
    struct spool_outcome outcomes[POWER_TOPIC_COUNT];
    struct spool_lane_cursor lane = {.topic = (char *)topic_name(slow_topic())};
    size_t count = 0;
    for (uint32_t i = 0; i < POWER_TOPIC_COUNT; i++)
        if (work->delivered[i] > 0)
            outcomes[count++] = (struct spool_outcome){.topic = bytes_of_string(topic_name(i)),
                                                       .delivered = work->delivered[i]};
    memset(work->delivered, 0, sizeof work->delivered);
    if (work->held_count > 0)
        lane.done_id = work->held[0].id - 1;
    if (spool_advance(work->consumer->spool, SPOOL_AT_LEAST_ONCE, done_id, &lane,
                      work->held_count > 0, outcomes, count) != ERR_OK)
        session_fail("advance");
}

static void take(struct work *work, const struct spool_event *event)
{
    uint32_t number;
    if (!power_event_is(event, &number))
        session_fail("event %" PRIu64 " is garbled", event->id);
    uint32_t topic = power_topic_index(number);
    if (event->id <= work->done_at_open[topic])
        return; /* read again for another topic's sake */
    if (topic == slow_topic() &&
        (work->held_count > 0 || atomic_load(&work->consumer->hold_slow))) {
        if (work->held_count == HELD_MAX)
            session_fail("too many events held");
        work->held[work->held_count].id = event->id;
        work->held[work->held_count++].number = number;
        return;
    }
    deliver(work, event->id, number);
}

static uint64_t pending(struct session_consumer *consumer)
{
    struct spool_stats stats;
    spool_stats_get(consumer->spool, &stats);
    return stats.books.pending;
}

/* Waits until it lags far enough behind; false when it should end. */
static bool may_read(struct work *work)
{
    struct session_consumer *consumer = work->consumer;
    while (pending(consumer) <= atomic_load(&consumer->lag) && atomic_load(&consumer->lag) > 0) {
        if (atomic_load(&consumer->stopping))
            return false;
        usleep(500);
    }
    return true;
}

static void take_chunk(struct work *work, struct spool_chunk *chunk)
{
    struct spool_event event;
    int taken = 0;
    for (size_t at = 0; spool_chunk_next(chunk, &at, &event);) {
        take(work, &event);
        if (++taken % EVENTS_AT_ONCE == 0) {
            advance(work, event.id);
            if (!may_read(work))
                return; /* the rest is for the next life */
        }
    }
    advance(work, chunk->last_id);
}

static void *consumer_main(void *arg)
{
    struct work *work = calloc(1, sizeof *work);
    struct spool_chunk *chunk;
    struct errmsg msg = {""};
    if (work == NULL)
        session_fail("out of memory");
    work->consumer = arg;
    const struct spool_cursor_state *state = spool_cursor_at_open(work->consumer->spool);
    for (uint32_t i = 0; i < POWER_TOPIC_COUNT; i++)
        work->done_at_open[i] = power_done_id(state, topic_name(i));
    if (spool_tail_open(work->consumer->spool, power_read_from(state), &work->tail) != ERR_OK)
        session_fail("no tail");
    while (may_read(work)) {
        if (work->held_count > 0 && !atomic_load(&work->consumer->hold_slow))
            release_held(work);
        enum err rc = spool_tail_next(work->tail, &chunk, &msg);
        if (rc == ERR_OK) {
            take_chunk(work, chunk);
            spool_chunk_unref(chunk);
        } else if (rc != ERR_END) {
            session_fail("read: %s: %s", err_text(rc), msg.text);
        } else {
            advance(work, spool_tail_position(work->tail));
            if (atomic_load(&work->consumer->stopping))
                break;
            usleep(500);
        }
    }
    spool_tail_close(work->tail);
    free(work);
    return NULL;
}

void session_consumer_start(struct session_consumer *consumer)
{
    if (pthread_create(&consumer->thread, NULL, consumer_main, consumer) != 0)
        session_fail("no thread");
}

void session_consumer_stop(struct session_consumer *consumer)
{
    atomic_store(&consumer->stopping, true);
    pthread_join(consumer->thread, NULL);
}
