/* SPDX-License-Identifier: MIT
 * damage_run.c - starts on damaged spools. */
#include "tests/damage/damage_run.h"

#include "base/clock.h"
#include "tests/damage/damage_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { START_MS_MAX = 1000, SETTLE_MS_MAX = 10000, PHASE_MS_MAX = 30000, TOPICS = 8 };

const char *const run_mode_names[RUN_MODES] = {"to the end", "closed at once, opened again",
                                               "stopped on the way", "killed on the way"};

struct run {
    const struct patient *p;
    struct run_book *book;
    struct spool *spool;
    struct evidence *evidence; /* of each damaged segment, before */
    uint64_t stop_after;       /* events; UINT64_MAX: to the end */
    bool settle, close, kill;
    bool checksums;                        /* the reports must have them: they were not written in a
                                            * hurry */
    struct spool_outcome outcomes[TOPICS]; /* since the last advance */
    char topics[TOPICS][64];
    size_t topic_count;
};

struct run_book *run_book_new(void)
{
    void *book = mmap(NULL, sizeof(struct run_book), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return book == MAP_FAILED ? NULL : book;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void open_refused(const struct run *run, const struct spool_options *options)
{
    struct spool *spool = NULL;
    struct errmsg msg = {""};
    int64_t started_ms = clock_monotonic_ms();
    enum err rc = spool_open(options, NULL, NULL, &spool, &msg);
    if (rc != run->p->must_refuse)
        phase_fail("%s: opening says %s (%s), should be %s", run->p->what, err_name(rc), msg.text,
                   err_name(run->p->must_refuse));
    if (strstr(msg.text, run->p->dir) == NULL || clock_monotonic_ms() - started_ms > START_MS_MAX)
        phase_fail("%s: opening says '%s', which doesn't name the spool, or took too long",
                   run->p->what, msg.text);
}

static void must_be_quick(const struct run *run, int64_t started_ms, int64_t *slowest_ms,
                          const char *what)
{
    int64_t took_ms = clock_monotonic_ms() - started_ms;
    if (took_ms > START_MS_MAX)
        phase_fail("%s: %s after %" PRId64 " ms", run->p->what, what, took_ms);
    *slowest_ms = took_ms > *slowest_ms ? took_ms : *slowest_ms;
}

static void open_and_accept(struct run *run)
{
    struct spool_options options = damage_field_options(&run->p->field->plan, run->p->dir);
    struct errmsg msg = {""};
    options.create = false;
    int64_t started_ms = clock_monotonic_ms();
    enum err rc = spool_open(&options, NULL, NULL, &run->spool, &msg);
    if (rc != ERR_OK)
        phase_fail("%s: doesn't open: %s: %s", run->p->what, err_name(rc), msg.text);
    must_be_quick(run, started_ms, &run->book->open_ms, "open");
    struct spool_receipt receipt = damage_field_append(run->spool, "probe", "probe", 1);
    if (receipt.err != ERR_OK)
        phase_fail("%s: the first event is refused: %s", run->p->what, err_name(receipt.err));
    must_be_quick(run, started_ms, &run->book->accepted_ms, "the first event is accepted");
    run->book->probe_ids[run->book->probe_count++] = receipt.first_id;
}

/* ---- delivering ------------------------------------------------------------------------------ */

static void count_outcome(struct run *run, struct bytes topic)
{
    size_t i = 0;
    while (i < run->topic_count && !bytes_equal(run->outcomes[i].topic, topic))
        i++;
    if (i == TOPICS || topic.size >= sizeof run->topics[0])
        phase_fail("%s: an event of an unknown topic", run->p->what);
    if (i == run->topic_count) {
        memcpy(run->topics[i], topic.data, topic.size);
        run->outcomes[i] = (struct spool_outcome){.topic = bytes_of(run->topics[i], topic.size)};
        run->topic_count++;
    }
    run->outcomes[i].delivered++;
}

static void take_probe(struct run *run, uint64_t id)
{
    for (uint32_t i = 0; i < run->book->probe_count; i++)
        if (run->book->probe_ids[i] == id) {
            if (run->book->probe_seen[i])
                phase_fail("%s: an event accepted since came twice", run->p->what);
            run->book->probe_seen[i] = true;
            return;
        }
    phase_fail("%s: an event %" PRIu64 " that nobody ever sent", run->p->what, id);
}

static void take_event(struct run *run, const struct spool_event *event, struct bytes frame)
{
    const struct damage_field *field = run->p->field;
    size_t i = 0;
    while (i < field->segment_count && field->segments[i].id != spool_id_segment(event->id))
        i++;
    count_outcome(run, event->topic);
    if (i == field->segment_count) {
        take_probe(run, event->id);
        return;
    }
    uint32_t index = spool_id_index(event->id);
    const struct field_segment *segment = &field->segments[i];
    if (index >= segment->content.event_count)
        phase_fail("%s: event %u of segment %zu was never written", run->p->what, index, i);
    const struct segment_event *wrote = &segment->content.events[index];
    if (frame.size != wrote->size || memcmp(frame.data, wrote->frame, wrote->size) != 0)
        phase_fail("%s: event %u of segment %zu is not what was written", run->p->what, index, i);
    if (++run->book->seen[segment->first_number + index] > 1)
        phase_fail("%s: event %u of segment %zu came twice", run->p->what, index, i);
    if (!patient_must_deliver(run->p, i, index))
        phase_fail("%s: event %u of segment %zu was delivered, but %s", run->p->what, index, i,
                   run->p->segments[i].gone || run->p->segments[i].log.gone[index]
                       ? "it is damaged"
                       : "it was delivered before");
    run->book->delivered++;
    run->book->salvaged += event->salvaged;
}

static void take_chunk(struct run *run, struct spool_chunk *chunk)
{
    struct spool_event event;
    for (size_t pos = 0, before = 0; spool_chunk_next(chunk, &pos, &event); before = pos)
        take_event(run, &event, bytes_of(chunk->data + before, pos - before));
    spool_chunk_unref(chunk);
}

static void advance(struct run *run, uint64_t done_id)
{
    if (spool_advance(run->spool, SPOOL_AT_LEAST_ONCE, done_id, NULL, 0, run->outcomes,
                      run->topic_count) != ERR_OK)
        phase_fail("%s: no advance", run->p->what);
    for (size_t i = 0; i < run->topic_count; i++)
        run->outcomes[i].delivered = 0;
}

static void deliver(struct run *run)
{
    struct spool_tail *tail = NULL;
    struct spool_chunk *chunk;
    struct errmsg msg = {""};
    if (spool_tail_open(run->spool, spool_cursor_at_open(run->spool)->done_id, &tail) != ERR_OK)
        phase_fail("%s: no tail", run->p->what);
    for (;;) {
        enum err rc = spool_tail_next(tail, &chunk, &msg);
        if (rc == ERR_END)
            break;
        if (rc != ERR_OK)
            phase_fail("%s: reading says %s: %s", run->p->what, err_name(rc), msg.text);
        take_chunk(run, chunk);
        advance(run, spool_tail_position(tail));
        if (run->book->delivered >= run->stop_after)
            break;
    }
    advance(run, spool_tail_position(tail));
    spool_tail_close(tail);
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

/* Where does the segment lie, and is that right? Says what is wrong, or NULL. */
static const char *check_place(const struct patient *p, size_t segment)
{
    static char text[200];
    const struct patient_segment *s = &p->segments[segment];
    char name[64];
    snprintf(name, sizeof name, "quarantine/%" PRIu64, p->field->segments[segment].id);
    bool kept = exists(patient_root_path(p, name)), still = exists(patient_path(p, segment, ""));
    const char *what = still ? "still lies in segments/"
                       : kept && s->kept == KEPT_NO
                           ? "lies in quarantine, but nothing is wrong with it"
                       : !kept && s->kept == KEPT_YES              ? "is not in quarantine"
                       : kept && !damage_report_exists(p, segment) ? "has no loss report"
                                                                   : NULL;
    if (what != NULL)
        snprintf(text, sizeof text, "segment %zu %s", segment, what);
    return what == NULL ? NULL : text;
}

static const char *check_books(const struct run *run)
{
    static char text[300];
    const struct patient *p = run->p;
    const struct patient_totals totals = p->totals;
    struct spool_stats stats;
    spool_stats_get(run->spool, &stats);
    struct spool_books *b = &stats.books;
    uint64_t delivered = p->done_count + totals.delivered + run->book->probe_count;
    if (!stats.counting && b->accepted == delivered + totals.lost && b->delivered == delivered &&
        b->pending == 0 && b->lost == totals.lost && b->dead_lettered == 0)
        return NULL;
    snprintf(text, sizeof text,
             "books%s: accepted %" PRIu64 " delivered %" PRIu64 " pending %" PRIu64 " lost %" PRIu64
             ", should be %" PRIu64 " %" PRIu64 " 0 %" PRIu64,
             stats.counting ? " (counting)" : "", b->accepted, b->delivered, b->pending, b->lost,
             delivered + totals.lost, delivered, totals.lost);
    return text;
}

static const char *check_places(const struct run *run)
{
    const char *wrong = NULL;
    for (size_t i = 0; wrong == NULL && !run->p->reports_free && i < run->p->field->segment_count;
         i++)
        wrong = check_place(run->p, i);
    return wrong;
}

static void settle(const struct run *run)
{
    int64_t until_ms = clock_monotonic_ms() + SETTLE_MS_MAX;
    for (;;) {
        const char *wrong = check_books(run);
        if (wrong == NULL)
            wrong = check_places(run);
        if (wrong == NULL)
            return;
        if (clock_monotonic_ms() > until_ms)
            phase_fail("%s: after %d s: %s", run->p->what, SETTLE_MS_MAX / 1000, wrong);
        usleep(2000);
    }
}

static void check_reports(const struct run *run, bool checksums)
{
    for (size_t i = 0; !run->p->reports_free && i < run->p->field->segment_count; i++)
        if (damage_report_exists(run->p, i))
            damage_report_check(run->p, i, &run->evidence[i], checksums);
}

static void check_seen(const struct run *run)
{
    const struct damage_field *field = run->p->field;
    for (size_t i = 0; i < field->segment_count; i++)
        for (uint32_t k = 0; k < field->segments[i].content.event_count; k++)
            if (patient_must_deliver(run->p, i, k) &&
                run->book->seen[field->segments[i].first_number + k] == 0)
                phase_fail("%s: event %u of segment %zu (of %u, at byte %zu) was lost, but none of "
                           "its bytes changed",
                           run->p->what, k, i, field->segments[i].content.event_count,
                           segment_map_offset(&field->segments[i].map, k));
    for (uint32_t i = 0; i < run->book->probe_count; i++)
        if (!run->book->probe_seen[i])
            phase_fail("%s: an event accepted since was lost", run->p->what);
}

/* Waits until the cursors say what was delivered. */
static void wait_for_cursors(const struct run *run)
{
    struct spool_stats stats;
    spool_stats_get(run->spool, &stats);
    /* until then they say what they said at the start */
    for (int i = 0; stats.counting && i < 5000; i++) {
        usleep(1000);
        spool_stats_get(run->spool, &stats);
    }
    uint64_t wanted = stats.cursor_writes + 2;
    for (int i = 0; stats.cursor_writes < wanted && i < 5000; i++) {
        /* there is something to write */
        (void)spool_advance(run->spool, SPOOL_AT_LEAST_ONCE, 0, NULL, 0, NULL, 0);
        usleep(1000);
        spool_stats_get(run->spool, &stats);
    }
}

/* ---- phases ---------------------------------------------------------------------------------- */

static void phase(void *arg)
{
    struct run *run = arg;
    if (run->p->must_refuse != ERR_OK) {
        struct spool_options options = damage_field_options(&run->p->field->plan, run->p->dir);
        open_refused(run, &options);
        return;
    }
    open_and_accept(run);
    deliver(run);
    if (run->settle) {
        check_seen(run);
        settle(run);
        check_reports(run, run->checksums);
    }
    if (run->kill) {
        wait_for_cursors(run);
        _exit(0);
    }
    spool_stop_taking(run->spool);
    spool_close(run->spool);
    if (run->close && !run->settle) {
        check_seen(run);
        const char *wrong = check_places(run);
        if (wrong != NULL)
            phase_fail("%s: after closing: %s", run->p->what, wrong);
    }
}

void run_patient(const struct patient *p, enum run_mode mode, uint64_t stop_after,
                 struct run_book *book, struct phase_result *ret_result)
{
    struct run run = {.p = p,
                      .book = book,
                      .stop_after = UINT64_MAX,
                      .settle = true,
                      .checksums = mode == RUN_TO_THE_END};
    memset(book, 0, sizeof *book);
    if (p->field->event_count > RUN_EVENTS_MAX)
        abort();
    run.evidence = calloc(p->field->segment_count, sizeof *run.evidence);
    for (size_t i = 0; i < p->field->segment_count; i++)
        evidence_take(&run.evidence[i], patient_path(p, i, ""));
    if (mode != RUN_TO_THE_END && p->must_refuse == ERR_OK) {
        struct run first = run;
        first.settle = false;
        first.stop_after = mode == RUN_AND_CLOSE ? UINT64_MAX : stop_after;
        first.close = mode == RUN_AND_CLOSE;
        first.kill = mode == RUN_KILLED;
        phase_run(phase, &first, PHASE_MS_MAX, ret_result);
        if (ret_result->end != PHASE_OK) {
            free(run.evidence);
            return;
        }
    }
    phase_run(phase, &run, PHASE_MS_MAX, ret_result);
    free(run.evidence);
}
