/* SPDX-License-Identifier: MIT
 * fault_session.c - the session whose disk fails: what it takes, it must keep, and it must take
 * again. */
#include "tests/faults/fault_session.h"

#include "base/clock.h"
#include "tests/faults/preload_fail.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { SUBMITTERS = 2, BATCHES = 100, BATCH_EVENTS_MAX = 5 };

struct spool_options fault_options(const char *dir)
{
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    options.path = (char *)dir;
    options.segment_bytes = 64 << 10;
    options.free_bytes_min = 1 << 20;
    options.window_bytes_max = 16 << 10; /* so that the reader reads the disk, too */
    options.cursor_interval_ms = 1;
    return options;
}

/* ---- submitting ------------------------------------------------------------------------------ */

struct receipt_waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    struct spool_receipt receipt;
};

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct receipt_waiter *waiter = arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->receipt = *receipt;
    waiter->done = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->lock);
}

static struct spool_batch *make_batch(struct fault_board *board, struct spool *spool,
                                      const uint32_t *numbers, unsigned count)
{
    uint8_t *value = malloc(FAULT_VALUE_MAX);
    struct spool_batch *batch = NULL;
    struct bytes topic = bytes_of_string(fault_topics[numbers[0] % FAULT_TOPICS]);
    bool good = value != NULL && spool_batch_new(spool, topic, &batch) == ERR_OK;
    for (unsigned i = 0; good && i < count; i++) {
        struct spool_event event = fault_event_make(board, numbers[i], value);
        good = spool_batch_add(batch, &event) == ERR_OK;
    }
    free(value);
    if (!good)
        fault_failed(board, "no batch could be made");
    return batch;
}

static void set_fates(struct fault_board *board, const uint32_t *numbers, unsigned count,
                      enum fault_fate fate, uint64_t first_id)
{
    for (unsigned i = 0; i < count; i++) {
        atomic_store(&board->events[numbers[i]].accepted_id,
                     fate == FAULT_ACCEPTED ? first_id + i : 0);
        atomic_store(&board->events[numbers[i]].fate, fate);
    }
}

/* ERR_OK: accepted. ERR_IO: refused, and whether it is there is unknown. Else it was not taken. */
static enum err submit_once(struct fault_board *board, struct spool *spool, const uint32_t *numbers,
                            unsigned count)
{
    struct receipt_waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                    .cond = PTHREAD_COND_INITIALIZER};
    struct spool_batch *batch = make_batch(board, spool, numbers, count);
    if (batch == NULL)
        return ERR_INVALID;
    set_fates(board, numbers, count, FAULT_UNKNOWN, 0); /* from here on it may be read */
    enum err rc = spool_submit(spool, batch, on_done, &waiter);
    if (rc != ERR_OK) {
        set_fates(board, numbers, count, FAULT_NOT_SENT, 0);
        spool_batch_free(batch);
        return rc == ERR_IO ? ERR_INVALID : rc;
    }
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done)
        pthread_cond_wait(&waiter.cond, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    if (waiter.receipt.err == ERR_OK)
        set_fates(board, numbers, count, FAULT_ACCEPTED, waiter.receipt.first_id);
    return waiter.receipt.err == ERR_OK ? ERR_OK : ERR_IO;
}

/* The next events that share a topic. */
static unsigned take_numbers(struct fault_board *board, unsigned random,
                             uint32_t numbers[BATCH_EVENTS_MAX])
{
    unsigned count = 1 + random % BATCH_EVENTS_MAX,
             topic = (random / BATCH_EVENTS_MAX) % FAULT_TOPICS;
    /* of one topic; the others stay unused */
    uint32_t first = atomic_fetch_add(&board->next, count * FAULT_TOPICS);
    for (unsigned i = 0; i < count; i++)
        numbers[i] = first + topic + i * FAULT_TOPICS;
    return first + count * FAULT_TOPICS <= FAULT_EVENTS_MAX ? count : 0;
}

bool fault_submit_many(struct fault_board *board, struct spool *spool, unsigned batches,
                       unsigned random)
{
    int64_t last_ms = clock_monotonic_ms(), deadline_ms = last_ms + FAULT_DEADLINE_MS;
    random += (unsigned)board->seed * 2654435761u;
    for (unsigned accepted = 0; accepted < batches;) {
        uint32_t numbers[BATCH_EVENTS_MAX];
        unsigned count = take_numbers(board, rand_r(&random), numbers);
        if (count == 0)
            return fault_failed(board, "the board is full");
        enum err rc;
        do {
            rc = submit_once(board, spool, numbers, count);
            int64_t now_ms = clock_monotonic_ms();
            if (rc == ERR_INVALID)
                return false;
            if (now_ms > deadline_ms)
                return fault_failed(board, "nothing is accepted for %d s: %s",
                                    FAULT_DEADLINE_MS / 1000, err_name(rc));
            if (rc == ERR_OK) {
                if (now_ms - last_ms > atomic_load(&board->gap_ms))
                    atomic_store(&board->gap_ms, now_ms - last_ms);
                last_ms = now_ms;
                deadline_ms = now_ms + FAULT_DEADLINE_MS;
                accepted++;
            } else {
                clock_sleep_ms(2);
            }
        } while (rc != ERR_OK && rc != ERR_IO &&
                 rand_r(&random) % 8 != 0); /* else these events are given up */
    }
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum err fault_read(struct fault_reader *reader)
{
    struct spool_chunk *chunk = NULL;
    struct errmsg msg = {""};
    enum err rc = spool_tail_next(reader->tail, &chunk, &msg);
    if (rc == ERR_UNREADABLE && msg.text[0] == '\0') {
        fault_failed(reader->board, "unreadable without a word why");
        return ERR_INVALID;
    }
    /* the last one also when a listing was cut short */
    if (rc == ERR_END || rc == ERR_UNREADABLE || rc == ERR_NOMEM)
        return rc == ERR_END ? ERR_END : ERR_UNREADABLE;
    if (rc != ERR_OK) {
        fault_failed(reader->board, "reading: %s %s", err_name(rc), msg.text);
        return ERR_INVALID;
    }
    struct spool_event event;
    uint32_t topic;
    for (size_t at = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event);) {
        rc = fault_delivered(reader->board, &event, reader->phase, &topic) ? ERR_OK : ERR_INVALID;
        if (rc == ERR_OK)
            reader->delivered[topic]++;
    }
    spool_chunk_unref(chunk);
    return rc;
}

bool fault_advance(struct fault_reader *reader)
{
    struct spool_outcome outcomes[FAULT_TOPICS];
    for (unsigned i = 0; i < FAULT_TOPICS; i++) {
        outcomes[i] = (struct spool_outcome){.topic = bytes_of_string(fault_topics[i]),
                                             .delivered = reader->delivered[i]};
        reader->delivered[i] = 0;
    }
    enum err rc = spool_advance(reader->spool, SPOOL_AT_LEAST_ONCE,
                                spool_tail_position(reader->tail), NULL, 0, outcomes, FAULT_TOPICS);
    return rc == ERR_OK || fault_failed(reader->board, "advance: %s", err_name(rc));
}

/* ---- the session ----------------------------------------------------------------------------- */

struct session {
    struct fault_board *board;
    struct spool *spool;
    atomic_uint submitters_begun;
    atomic_bool submitted;
    pthread_t submitters[SUBMITTERS], reader;
};

static void *submitter_main(void *arg)
{
    struct session *session = arg;
    unsigned number = atomic_fetch_add(&session->submitters_begun, 1);
    fault_submit_many(session->board, session->spool, BATCHES / SUBMITTERS, number);
    return NULL;
}

/* Reads to the end, and once more when all is submitted. */
static void read_all(struct session *session, struct fault_reader *reader)
{
    int64_t read_ms = clock_monotonic_ms();
    for (bool last_turn = false;;) {
        enum err rc = fault_read(reader);
        if (rc == ERR_INVALID || !fault_advance(reader) || (rc == ERR_END && last_turn))
            return;
        last_turn = rc == ERR_END && atomic_load(&session->submitted);
        if (rc == ERR_OK || rc == ERR_END)
            read_ms = clock_monotonic_ms();
        if (clock_monotonic_ms() - read_ms > FAULT_DEADLINE_MS) {
            fault_failed(session->board, "nothing can be read for %d s", FAULT_DEADLINE_MS / 1000);
            return;
        }
        if (rc != ERR_OK && !last_turn)
            clock_sleep_ms(1);
    }
}

static void *reader_main(void *arg)
{
    struct session *session = arg;
    struct fault_reader reader = {
        .board = session->board, .spool = session->spool, .phase = FAULT_PHASE_FAULTY};
    if (spool_tail_open(session->spool, spool_cursor_at_open(session->spool)->done_id,
                        &reader.tail) == ERR_OK)
        read_all(session, &reader);
    spool_tail_close(reader.tail);
    return NULL;
}

/* A fault may keep the spool from opening: it says so, and the next try, or one after the fault,
 * succeeds. */
static struct spool *open_at_last(struct fault_board *board, const char *dir)
{
    struct spool_options options = fault_options(dir);
    int64_t deadline_ms = clock_monotonic_ms() + FAULT_DEADLINE_MS;
    for (;;) {
        struct spool *spool = NULL;
        struct errmsg msg = {""};
        enum err rc = spool_open(&options, fault_report, board, &spool, &msg);
        if (rc == ERR_OK)
            return spool;
        board->opens_failed++;
        fault_report(board, &(struct spool_report){true, "open_failed", msg.text});
        if (msg.text[0] == '\0' || clock_monotonic_ms() > deadline_ms) {
            fault_failed(board, "the spool doesn't open: %s '%s'", err_name(rc), msg.text);
            return NULL;
        }
        clock_sleep_ms(5);
    }
}

static void *crash_main(void *plan)
{
    unsigned random = (unsigned)atomic_load(&((const struct fail_plan *)plan)->first);
    while (atomic_load(&((const struct fail_plan *)plan)->failed) == 0)
        clock_sleep_ms(1);
    clock_sleep_ms(rand_r(&random) % 10);
    _exit(0);
}

bool fault_run(struct fault_board *board, const struct fail_plan *plan, const char *dir,
               enum fault_ending ending)
{
    struct session session = {.board = board};
    pthread_t crash;
    if (ending == FAULT_CRASH_SOON)
        pthread_create(&crash, NULL, crash_main, (void *)plan);
    session.spool = open_at_last(board, dir);
    if (session.spool == NULL)
        return false;
    if (ending != FAULT_CRASH_UNREAD)
        pthread_create(&session.reader, NULL, reader_main, &session);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_create(&session.submitters[i], NULL, submitter_main, &session);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(session.submitters[i], NULL);
    if (ending != FAULT_STOP)
        _exit(board->failure[0] != '\0');
    atomic_store(&session.submitted, true);
    pthread_join(session.reader, NULL);
    bool good = fault_wait(board, session.spool, fault_is_drained,
                           "the books balance, still in the session");
    spool_stop_taking(session.spool);
    spool_close(session.spool);
    return good && board->failure[0] == '\0';
}
