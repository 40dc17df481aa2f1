/* SPDX-License-Identifier: MIT
 * session_parts.h - what a recorded session is made of: hooks into the recorder, producers, a
 * consumer, damage.
 *
 * Marks, one line each, before what they announce but for ack: submit BATCH · ack FIRST_ID BATCH ·
 * refused BATCH · deliver ID NUMBER · damage NUMBER · life TEXT */
#ifndef PENSTOCK_TESTS_SESSION_PARTS_H
#define PENSTOCK_TESTS_SESSION_PARTS_H

#include "spool/spool.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* Without a recorder all of these do nothing, but die. */
void session_hooks_find(void);
void session_mark(const char *format, ...) __attribute__((format(printf, 1, 2)));
void session_fail_write(const char *suffix, bool half);
void session_fail_sync(const char *suffix);
_Noreturn void session_die(void);
/* Says what went wrong and ends the process with 1. */
_Noreturn void session_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Threads that submit batches from batch_next to batch_end, two on their way at a time each. */
struct session_producers {
    struct spool *spool;
    atomic_uint *batch_next; /* shared by all lives of a session */
    uint32_t batch_end;
    atomic_uint *lag; /* of the consumer: at about three times that many pending events they wait
                       * for it */
    pthread_t threads[3];
};
void session_producers_start(struct session_producers *producers);
/* until every batch is answered */
void session_producers_wait(struct session_producers *producers);

/* A thread that takes events as the bridge does: reads from the cursors on, tells what is done,
 * stays `lag` events behind. */
struct session_consumer {
    struct spool *spool;
    atomic_uint lag;       /* events; 0: takes all there are */
    atomic_bool hold_slow; /* the topic "slow" gets a lane of its own, which doesn't move */
    atomic_bool stopping;  /* at the end of what there is, unless it lags behind */
    pthread_t thread;
};
void session_consumer_start(struct session_consumer *consumer);
void session_consumer_stop(struct session_consumer *consumer);

/* Flips one byte of an event in the middle of a segment's log. The event's number is marked. False:
 * none was found. */
bool session_damage(const char *spool_path, uint64_t segment_id, bool sync);
/* The id of the n-th newest segment in the spool's folder, 0 being the newest; 0 when there is
 * none. */
uint64_t session_segment(const char *spool_path, size_t n);

#endif
