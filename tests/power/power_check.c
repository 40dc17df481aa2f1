/* SPDX-License-Identifier: MIT
 * power_check.c - starts the product on a state and compares with the oracle. */
#include "tests/power/power_check.h"

#include "base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPORTS_SIZE = 400, PATIENCE_US = 10000000, OPEN_US_MAX = 1000000 };

struct run {
    struct power_check *check;
    struct errmsg *msg;
    struct spool *spool;
    bool ok;
    uint64_t done_ids[POWER_TOPIC_COUNT]; /* as the product found them */
    uint64_t read_from;
    uint8_t *seen; /* by number: how often it came */
    uint64_t seen_by_topic[POWER_TOPIC_COUNT];
    uint64_t last_id;
    uint32_t fresh;           /* number of the first event that this run submits; the oracle's
                               * count */
    uint64_t missing;         /* damaged ones that didn't come */
    struct spool_books books; /* at the end of the first start */
};

/* ---- what the product says ------------------------------------------------------------------- */

static pthread_mutex_t reports_lock = PTHREAD_MUTEX_INITIALIZER;
static char reports[REPORTS_SIZE];
static unsigned torn_ends, other_alarms;
static uint64_t uncertain; /* events that it says are gone, or never were promised */

/* A gap in the last batch of all: the batch that was being written. It is told, but nothing is said
 * to be lost. */
static bool is_torn_end(const struct spool_report *report)
{
    return strstr(report->detail, "lost=0 ") != NULL &&
           strstr(report->detail, "uncertain=0 ") == NULL;
}

/* What it may say about damage. */
static bool is_of_damage(const struct spool_report *report)
{
    return strcmp(report->event, "segment_damaged") == 0 ||
           strcmp(report->event, "loss_report") == 0;
}

static void on_report(void *arg, const struct spool_report *report)
{
    (void)arg;
    if (strcmp(report->event, "spool_is_volatile") == 0)
        return; /* the states are laid out in memory */
    const char *doubts = strcmp(report->event, "segment_damaged") == 0
                             ? strstr(report->detail, "events_uncertain=")
                             : NULL;
    pthread_mutex_lock(&reports_lock);
    size_t size = strlen(reports);
    other_alarms += report->problem && !is_of_damage(report);
    uncertain += doubts == NULL ? 0 : strtoull(doubts + strlen("events_uncertain="), NULL, 10);
    if (report->problem && is_torn_end(report))
        torn_ends++;
    else if (report->problem)
        snprintf(reports + size, sizeof reports - size, " [%s %s]", report->event, report->detail);
    pthread_mutex_unlock(&reports_lock);
}

/* Keeps the first complaint. */
__attribute__((format(printf, 2, 3))) static void fail(struct run *run, const char *format, ...)
{
    char text[300];
    va_list args;
    if (!run->ok)
        return;
    run->ok = false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&reports_lock);
    errmsg_set(run->msg, ERR_DAMAGED, "%s%s%s", text,
               reports[0] == '\0' ? "" : "; the product said:", reports);
    pthread_mutex_unlock(&reports_lock);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static const char *topic_of(uint32_t topic)
{
    static const char *names[POWER_TOPIC_COUNT];
    for (uint32_t batch = 0; names[topic] == NULL; batch++)
        names[power_topic_index(power_batch_first(batch))] = power_topic(power_batch_first(batch));
    return names[topic];
}

static void open_spool(struct run *run)
{
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    struct errmsg why = {""};
    options.path = (char *)run->check->path;
    options.create = true;
    options.segment_bytes = 256 << 10;
    options.free_bytes_min = 1 << 20;
    options.cursor_interval_ms = 1;
    int64_t start_ns = clock_monotonic_ns();
    if (spool_open(&options, on_report, NULL, &run->spool, &why) != ERR_OK) {
        run->spool = NULL;
        fail(run, "it doesn't start: %s", why.text);
        return;
    }
    int64_t took_us = (clock_monotonic_ns() - start_ns) / 1000;
    if (took_us > run->check->open_us)
        run->check->open_us = took_us;
    if (took_us > OPEN_US_MAX)
        fail(run, "starting took %" PRId64 " us", took_us);
    const struct spool_cursor_state *state = spool_cursor_at_open(run->spool);
    for (uint32_t i = 0; i < POWER_TOPIC_COUNT; i++)
        run->done_ids[i] = power_done_id(state, topic_of(i));
    run->read_from = power_read_from(state);
}

static void close_spool(struct run *run)
{
    if (run->spool != NULL)
        spool_stop_taking(run->spool);
    spool_close(run->spool);
    run->spool = NULL;
}

static bool is_done(const struct run *run, uint32_t number, uint64_t id)
{
    return id != 0 && id <= run->done_ids[power_topic_index(number)];
}

/* The cursors never say more than they were told. */
static void check_cursors(struct run *run)
{
    const struct oracle *oracle = run->check->oracle;
    for (uint32_t n = 0; run->ok && n < oracle->count; n++) {
        const struct oracle_event *event = &oracle->events[n];
        if (event->acknowledged && !event->delivered && !event->damaged &&
            is_done(run, n, event->id))
            fail(run, "event %u (%" PRIu64 ") counts as done, but nobody took it", n, event->id);
    }
}

struct answer {
    sem_t given;
    struct spool_receipt receipt;
};

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    struct answer *answer = arg;
    answer->receipt = *receipt;
    sem_post(&answer->given);
}

/* Starting means accepting, under an id that was never given before. */
static void submit_fresh(struct run *run)
{
    static struct power_event event;
    struct answer answer;
    struct spool_batch *batch = NULL;
    const struct oracle *oracle = run->check->oracle;
    power_event_make(run->fresh, &event);
    sem_init(&answer.given, 0, 0);
    enum err rc = spool_batch_new(run->spool, event.event.topic, &batch);
    if (rc == ERR_OK)
        rc = spool_batch_add(batch, &event.event);
    if (rc == ERR_OK)
        rc = spool_submit(run->spool, batch, on_done, &answer);
    if (rc == ERR_OK) {
        sem_wait(&answer.given);
        rc = answer.receipt.err;
    } else {
        spool_batch_free(batch);
    }
    sem_destroy(&answer.given);
    if (rc != ERR_OK)
        fail(run, "it takes no event: %s", err_text(rc));
    for (uint32_t n = 0; run->ok && n < oracle->count; n++)
        if (oracle->events[n].id >= answer.receipt.first_id)
            fail(run, "a new event has id %" PRIu64 ", but %" PRIu64 " was given before",
                 answer.receipt.first_id, oracle->events[n].id);
}

static void take_event(struct run *run, const struct spool_event *event)
{
    const struct oracle *oracle = run->check->oracle;
    uint32_t number = 0;
    if (event->id <= run->last_id)
        fail(run, "event %" PRIu64 " comes after %" PRIu64, event->id, run->last_id);
    run->last_id = event->id;
    if (!power_event_is(event, &number)) {
        fail(run, "event %" PRIu64 " is garbled", event->id);
        return;
    }
    if (number > oracle->count || (number < oracle->count && !oracle->events[number].submitted)) {
        fail(run, "event %u (%" PRIu64 ") was never submitted", number, event->id);
        return;
    }
    if (is_done(run, number, event->id))
        return; /* read for another topic's sake */
    const struct oracle_event *known = number < oracle->count ? &oracle->events[number] : NULL;
    if (known != NULL && known->acknowledged && known->id != event->id)
        fail(run, "event %u was acknowledged as %" PRIu64 ", and comes as %" PRIu64, number,
             known->id, event->id);
    if (run->seen[number]++ > 0 && (known == NULL || known->acknowledged))
        fail(run, "event %u (%" PRIu64 ") comes twice", number, event->id);
    else if (run->seen[number] == 2)
        run->check->unacknowledged_twice++;
    run->seen_by_topic[power_topic_index(number)]++;
    run->check->delivered++;
}

static uint64_t read_all(struct run *run)
{
    struct spool_tail *tail = NULL;
    struct spool_chunk *chunk;
    struct errmsg why = {""};
    enum err rc = spool_tail_open(run->spool, run->read_from, &tail);
    run->last_id = 0;
    while (rc == ERR_OK && (rc = spool_tail_next(tail, &chunk, &why)) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);)
            take_event(run, &event);
        spool_chunk_unref(chunk);
    }
    if (rc != ERR_END)
        fail(run, "reading ends with %s: %s", err_text(rc), why.text);
    uint64_t position = tail == NULL ? 0 : spool_tail_position(tail);
    spool_tail_close(tail);
    return position;
}

/* Every acknowledged event came, unless it was done, or damaged on purpose. */
static void check_events(struct run *run)
{
    const struct oracle *oracle = run->check->oracle;
    uint32_t first = 0, gone = 0;
    for (uint32_t n = 0; n < oracle->count; n++) {
        const struct oracle_event *event = &oracle->events[n];
        if (!event->acknowledged || is_done(run, n, event->id))
            continue;
        run->check->promised++;
        run->missing += run->seen[n] == 0 && event->damaged;
        if (run->seen[n] == 0 && !event->damaged && gone++ == 0)
            first = n;
    }
    if (gone > 0)
        fail(run, "%u acknowledged events are missing, such as number %u (%" PRIu64 ")", gone,
             first, oracle->events[first].id);
    if (run->seen[run->fresh] != 1)
        fail(run, "the event that was just accepted came %u times", run->seen[run->fresh]);
}

static struct spool_books counted_books(struct run *run)
{
    struct spool_stats stats;
    for (int waited_us = 0;; waited_us += 50) {
        spool_stats_get(run->spool, &stats);
        if (!stats.counting)
            break;
        if (waited_us > PATIENCE_US) {
            fail(run, "it is still counting");
            break;
        }
        usleep(50);
    }
    return stats.books;
}

static void check_balance(struct run *run, const char *when)
{
    const struct spool_books *b = &run->books;
    if (b->accepted != b->delivered + b->pending + b->dead_lettered + b->lost)
        fail(run,
             "the books don't balance %s: %" PRIu64 " accepted, %" PRIu64 " delivered, %" PRIu64
             " pending, %" PRIu64 " lost",
             when, b->accepted, b->delivered, b->pending, b->lost);
}

static void check_alarms(struct run *run)
{
    if (other_alarms > 0 || (run->check->oracle->damaged == 0 && reports[0] != '\0'))
        fail(run, "a false alarm");
}

/* A damaged event behind the cursor counts as lost when its whole segment is behind it, and as
 * pending before. When a cut came between the two, nobody knows whether it was delivered or passed
 * over: then it must at least be reported as uncertain. */
static void check_books(struct run *run)
{
    const struct oracle *oracle = run->check->oracle;
    uint64_t delivered = 0, passed = 0, either = 0;
    for (uint32_t n = 0; n < oracle->count; n++) {
        const struct oracle_event *event = &oracle->events[n];
        bool done = is_done(run, n, event->id);
        delivered += event->delivered && done;
        either +=
            /* came, wasn't noted, and was gone when it should come again */
            event->delivered && done && event->damaged;
        passed += event->acknowledged && event->damaged && !event->delivered && done;
    }
    run->books = counted_books(run);
    check_balance(run, "after the start");
    if (run->books.delivered > delivered || run->books.delivered + either < delivered)
        fail(run, "the books say %" PRIu64 " delivered, it were %" PRIu64, run->books.delivered,
             delivered);
    uint64_t expected = run->check->delivered + run->missing,
             said = run->books.pending + run->books.lost;
    if (said < expected || said > expected + passed + either ||
        said + uncertain < expected + passed)
        fail(run,
             "the books say %" PRIu64 " pending and %" PRIu64 " lost, it are %" PRIu64
             ", and damaged %" PRIu64 " and %" PRIu64 " behind the cursor, %" PRIu64 " uncertain",
             run->books.pending, run->books.lost, run->check->delivered, run->missing, passed,
             uncertain);
    if (said > expected)
        run->missing += said - expected;
    check_alarms(run);
}

static void tell_done(struct run *run, uint64_t position)
{
    struct spool_outcome outcomes[POWER_TOPIC_COUNT];
    for (uint32_t i = 0; i < POWER_TOPIC_COUNT; i++)
        outcomes[i] = (struct spool_outcome){.topic = bytes_of_string(topic_of(i)),
                                             .delivered = run->seen_by_topic[i]};
    if (spool_advance(run->spool, SPOOL_AT_LEAST_ONCE, position, NULL, 0, outcomes,
                      POWER_TOPIC_COUNT) != ERR_OK)
        fail(run, "advance");
}

/* The second start: nothing is left, and the books know all of it. */
static void check_again(struct run *run)
{
    struct spool_books before = run->books;
    uint64_t delivered = run->check->delivered;
    open_spool(run);
    if (!run->ok)
        return;
    read_all(run);
    if (run->check->delivered != delivered)
        fail(run, "%" PRIu64 " events come again after they were done",
             run->check->delivered - delivered);
    run->books = counted_books(run);
    check_balance(run, "after the second start");
    if (run->books.accepted != before.accepted ||
        run->books.delivered != before.delivered + delivered || run->books.pending != 0 ||
        run->books.lost != run->missing)
        fail(run,
             "the books of the second start: %" PRIu64 " accepted, %" PRIu64 " delivered, %" PRIu64
             " pending, %" PRIu64 " lost; before it %" PRIu64 " accepted, %" PRIu64 " + %" PRIu64
             " delivered, %" PRIu64 " of %" PRIu64 " lost",
             run->books.accepted, run->books.delivered, run->books.pending, run->books.lost,
             before.accepted, before.delivered, delivered, before.lost, run->missing);
    check_alarms(run);
    run->check->lost = run->books.lost;
    run->check->torn_end = torn_ends > 0;
}

bool power_check_run(struct power_check *check, struct errmsg *msg)
{
    struct run run = {.check = check, .msg = msg, .ok = true, .fresh = check->oracle->count};
    *check = (struct power_check){
        .oracle = check->oracle, .path = check->path, .idle_first = check->idle_first};
    run.seen = calloc(check->oracle->count + 1, 1);
    reports[0] = '\0';
    torn_ends = other_alarms = 0;
    uncertain = 0;
    if (run.seen == NULL)
        abort();
    if (check->idle_first)
        open_spool(&run);
    close_spool(&run);
    reports[0] = '\0';
    if (run.ok)
        open_spool(&run);
    if (run.ok) {
        check_cursors(&run);
        submit_fresh(&run);
        uint64_t position = read_all(&run);
        check_events(&run);
        check_books(&run);
        tell_done(&run, position);
    }
    close_spool(&run);
    if (run.ok)
        check_again(&run);
    close_spool(&run);
    free(run.seen);
    return run.ok;
}
