/* SPDX-License-Identifier: MIT
 * tool_session.c - a session of the spool that is worth recording: several lives of one spool, with
 * everything that happens to one.
 *
 *   tool_session DIR [--batches N]
 *
 * Each life is a process. In them: rotation, retiring, a write that fails half way, a sync that
 * fails, damage in a segment of the running life and in one that an earlier life left (so
 * quarantine), a lane that stands still, segments that are parked because it alone holds them, ends
 * with and without a goodbye. */
#include "tests/power/session_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct session {
    struct spool_options options;
    uint32_t batches;
    atomic_uint *batch_next; /* in memory that all lives share */
};

struct life {
    struct session *session;
    struct spool *spool;
    struct session_producers producers;
    struct session_consumer consumer;
};

static void open_life(struct life *life, struct session *session, unsigned lag)
{
    struct errmsg msg = {""};
    *life = (struct life){.session = session};
    if (spool_open(&session->options, NULL, NULL, &life->spool, &msg) != ERR_OK)
        session_fail("%s", msg.text);
    life->consumer.spool = life->spool;
    atomic_store(&life->consumer.lag, lag);
    session_consumer_start(&life->consumer);
}

/* Submits so many batches; about at `at` of them something happens. */
static void produce(struct life *life, uint32_t batches, uint32_t at,
                    void (*happens)(struct life *))
{
    uint32_t begin = atomic_load(life->session->batch_next);
    life->producers = (struct session_producers){
        .spool = life->spool,
        .batch_next = life->session->batch_next,
        .batch_end = begin + batches,
        .lag = &life->consumer.lag,
    };
    session_producers_start(&life->producers);
    while (happens != NULL && atomic_load(life->session->batch_next) < begin + at)
        usleep(100);
    if (happens != NULL)
        happens(life);
    session_producers_wait(&life->producers);
}

static void close_life(struct life *life)
{
    session_consumer_stop(&life->consumer);
    spool_stop_taking(life->spool);
    spool_close(life->spool);
}

/* ---- what happens ---------------------------------------------------------------------------- */

enum {
    LAG = 60,
    LAG_FOR_EVER = 1000000,
    PARKED_MIN = 2,
    PARKING_TRIES = 10000,
    PRESSING_BYTES = 4 << 20
};

/* Old enough that the consumer, which hasn't taken anything yet, must read it from disk; and nobody
 * writes it. */
static void damage_closed(struct life *life)
{
    struct spool_stats stats;
    spool_stats_get(life->spool, &stats);
    for (size_t n = 0;; n++) {
        uint64_t id = session_segment(life->session->options.path, n);
        if (id == 0)
            session_fail("no segment to damage");
        if (id < stats.live_segment_id && session_damage(life->session->options.path, id, true))
            break;
    }
    atomic_store(&life->consumer.lag, LAG);
}

static void fail_a_write(struct life *life)
{
    (void)life;
    session_fail_write(".log", true);
}

static void fail_a_sync(struct life *life)
{
    (void)life;
    session_fail_sync(".log");
}

static void hold_a_lane(struct life *life)
{
    atomic_store(&life->consumer.hold_slow, true);
}

static void release_the_lane(struct life *life)
{
    atomic_store(&life->consumer.hold_slow, false);
}

/* ---- the lives ------------------------------------------------------------------------------- */

static void first_life(struct session *session)
{
    struct life life;
    open_life(&life, session, LAG_FOR_EVER);
    produce(&life, session->batches / 3, session->batches / 6, damage_closed);
    produce(&life, session->batches / 12, 3, fail_a_write);
    produce(&life, session->batches / 12, 3, fail_a_sync);
    session_die();
}

/* Opens and dies while the spool has just begun to look around. Nothing is taken: what is damaged
 * next wasn't delivered. */
static void short_life(struct session *session)
{
    struct life life;
    open_life(&life, session, LAG_FOR_EVER);
    session_die();
}

static void second_life(struct session *session)
{
    struct life life;
    open_life(&life, session, LAG);
    produce(&life, session->batches / 6, 2, hold_a_lane);
    produce(&life, session->batches / 12, session->batches / 24, release_the_lane);
    close_life(&life);
}

/* Everything but the lane is done, and room is short: what it needs of a segment is parked. The
 * next life reads it there. */
static void parking_life(struct session *session)
{
    struct life life;
    struct spool_stats stats = {0};
    session->options.size_bytes_max = PRESSING_BYTES;
    open_life(&life, session, LAG);
    atomic_store(&life.consumer.hold_slow, true);
    produce(&life, session->batches / 4, 0, NULL);
    atomic_store(&life.consumer.lag, 0);
    for (int i = 0; i < PARKING_TRIES && stats.parked_segments < PARKED_MIN; i++) {
        usleep(1000);
        spool_stats_get(life.spool, &stats);
    }
    if (stats.parked_segments < PARKED_MIN)
        session_fail("%d segments are parked, of %d", (int)stats.parked_segments,
                     (int)stats.segment_count);
    usleep(50000); /* some of them have left segments/ */
    session_die();
}

static void last_life(struct session *session)
{
    struct life life;
    open_life(&life, session, LAG);
    produce(&life, session->batches / 12, 2, hold_a_lane);
    atomic_store(&life.consumer.hold_slow, false);
    atomic_store(&life.consumer.lag, 0); /* takes all there is */
    session_consumer_stop(&life.consumer);
    usleep(250000); /* the keeper retires what is done */
    spool_stop_taking(life.spool);
    spool_close(life.spool);
}

static void live(struct session *session, const char *name, void (*life)(struct session *))
{
    int status = 0;
    session_mark("life %s", name);
    pid_t pid = fork();
    if (pid == 0) {
        life(session);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        session_fail("%s life: status %d", name, status);
}

static void run(struct session *session)
{
    live(session, "first", first_life);
    live(session, "short", short_life);
    for (size_t n = 0;
         !session_damage(session->options.path, session_segment(session->options.path, n), true);
         n++)
        if (session_segment(session->options.path, n) == 0)
            session_fail("no old segment to damage");
    live(session, "second", second_life);
    live(session, "parking", parking_life);
    live(session, "last", last_life);
}

int main(int argc, char **argv)
{
    struct session session = {.options = SPOOL_OPTIONS_DEFAULT, .batches = 240};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--batches") == 0 && i + 1 < argc)
            session.batches = (uint32_t)strtoul(argv[++i], NULL, 10);
        else
            argc = 0;
    }
    if (argc < 2) {
        fprintf(stderr, "tool_session DIR [--batches N]\n");
        return 2;
    }
    session_hooks_find();
    session.batch_next =
        mmap(NULL, sizeof(atomic_uint), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (session.batch_next == MAP_FAILED)
        session_fail("out of memory");
    session.options.path = argv[1];
    session.options.create = true;
    session.options.segment_bytes = 48 << 10; /* so that there are many */
    session.options.window_bytes_max = 32 << 10;
    session.options.free_bytes_min = 1 << 20;
    session.options.cursor_interval_ms = 1;
    run(&session);
    return 0;
}
