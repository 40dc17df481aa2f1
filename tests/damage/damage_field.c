/* SPDX-License-Identifier: MIT
 * damage_field.c - fills spools, some of them killed, and takes them apart by the book. */
#include "tests/damage/damage_field.h"

#include "base/clock.h"
#include "spool/disk/dir.h"
#include "tests/damage/damage_phase.h"
#include "tests/support/submit_wait.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define FIELD_TIME_MS 1757500000000ll
enum { RECEIPTS_MAX = 1 << 19 };

/* What the runs, processes of their own, tell: shared memory. */
struct field_book {
    uint32_t receipt_count;
    uint32_t event_count;
    uint64_t done_id;
    uint32_t done_count;
    uint32_t runs[RECEIPTS_MAX]; /* which one got the receipt */
    uint64_t first_ids[RECEIPTS_MAX];
    uint32_t counts[RECEIPTS_MAX];
};

struct field_run { /* the argument of one */
    const struct field_plan *plan;
    const char *dir;
    struct field_book *book;
    uint32_t number;
};

struct spool_options damage_field_options(const struct field_plan *plan, const char *path)
{
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    options.path = (char *)(uintptr_t)path;
    options.create = true;
    options.segment_bytes = plan->segment_bytes;
    options.free_bytes_min = 1 << 20;
    options.window_bytes_max = 1 << 20;
    options.cursor_interval_ms = 5;
    return options;
}

/* ---- events ---------------------------------------------------------------------------------- */

enum { FIELD_TOPICS = 3 };
static const char *const topics[FIELD_TOPICS] = {"orders", "clicks", "a.topic-with_a-longer.name"};

struct field_event {
    struct spool_event event;
    uint8_t value[FIELD_VALUE_MAX], headers[64];
    char key[32];
};

static uint32_t value_size(uint64_t random)
{
    if (random % 3000 == 17)
        return 70000; /* takes several blocks */
    if (random % 60 == 17)
        return 2500;
    return 40 + (uint32_t)(random / 64 % 100);
}

/* Event `number` of a field, the same at every call. */
static void compose(const struct field_plan *plan, uint32_t number, struct field_event *out)
{
    uint64_t random = number * 7919ull + 1, r = segment_random(&random);
    size_t size = value_size(r),
           used = (size_t)snprintf((char *)out->value, 80, "%s-%" PRIu32 "-", plan->label, number);
    for (uint64_t bits = 0; used < size; used++, bits >>= 4) {
        if (bits < 16)
            bits = segment_random(&random) | 1ull << 63;
        out->value[used] = (uint8_t) "0123456789abcdef"[bits & 15];
    }
    uint32_t batch = number / plan->batch_events; /* has one topic */
    out->event =
        (struct spool_event){.time_ms = FIELD_TIME_MS + number,
                             .topic = bytes_of_string(topics[batch % FIELD_TOPICS]),
                             .client_time = true,
                             .partition = r % 7 == 0 ? (int32_t)(r / 8 % 4) : SPOOL_PARTITION_ANY,
                             .value = bytes_of(out->value, used)};
    if (r / 3 % 2 == 0) {
        snprintf(out->key, sizeof out->key, "k%" PRIu64, r / 5 % 40);
        out->event.key = bytes_of_string(out->key);
    }
    if (r / 11 % 5 == 0) {
        struct spool_header header = {.name = bytes_of_string("trace"),
                                      .value = bytes_of("1234", 4)};
        out->event.headers = bytes_of(
            out->headers, (size_t)(spool_headers_put(out->headers, &header, 1) - out->headers));
        out->event.header_count = 1;
    }
}

/* ---- submitting ------------------------------------------------------------------------------ */

struct spool_receipt damage_field_append(struct spool *spool, const char *topic, const char *prefix,
                                         uint32_t count)
{
    struct spool_batch *batch = NULL;
    enum err rc = spool_batch_new(spool, bytes_of_string(topic), &batch);
    for (uint32_t i = 0; rc == ERR_OK && i < count; i++) {
        char value[64];
        snprintf(value, sizeof value, "%s%" PRIu32, prefix, i);
        rc = spool_batch_add(batch, &(struct spool_event){.value = bytes_of_string(value),
                                                          .partition = SPOOL_PARTITION_ANY,
                                                          .time_ms = FIELD_TIME_MS});
    }
    struct spool_receipt receipt = {.err = rc};
    if (rc == ERR_OK)
        receipt = submit_wait(spool, &batch);
    spool_batch_free(batch);
    return receipt;
}

static struct spool_receipt append_planned(struct spool *spool, const struct field_plan *plan,
                                           uint32_t first_number)
{
    static struct field_event composed;
    struct spool_batch *batch = NULL;
    for (uint32_t i = 0; i < plan->batch_events; i++) {
        compose(plan, first_number + i, &composed);
        if (i == 0 && spool_batch_new(spool, composed.event.topic, &batch) != ERR_OK)
            phase_fail("no batch");
        if (spool_batch_add(batch, &composed.event) != ERR_OK)
            phase_fail("event %u was not taken", first_number + i);
    }
    struct spool_receipt receipt = submit_wait(spool, &batch);
    spool_batch_free(batch);
    return receipt;
}

static struct spool *open_spool(const struct field_run *run)
{
    struct spool_options options = damage_field_options(run->plan, run->dir);
    struct spool *spool = NULL;
    struct errmsg msg = {""};
    if (spool_open(&options, NULL, NULL, &spool, &msg) != ERR_OK)
        phase_fail("%s", msg.text);
    return spool;
}

static void end_run(const struct field_run *run, struct spool *spool)
{
    if (run->plan->killed)
        _exit(0);
    spool_stop_taking(spool);
    spool_close(spool);
}

static void fill(void *arg)
{
    const struct field_run *run = arg;
    const struct field_plan *plan = run->plan;
    struct field_book *book = run->book;
    struct spool *spool = open_spool(run);
    uint32_t segments = 0, in_segment = 0;
    uint64_t current = 0;
    for (;;) {
        bool last = segments == plan->segments[run->number];
        if (last && plan->events_in_last > 0 && in_segment >= plan->events_in_last)
            break;
        struct spool_receipt receipt = append_planned(spool, plan, book->event_count);
        if (receipt.err != ERR_OK || book->receipt_count == RECEIPTS_MAX)
            phase_fail("filling the spool: %s", err_text(receipt.err));
        book->runs[book->receipt_count] = run->number;
        book->first_ids[book->receipt_count] = receipt.first_id;
        book->counts[book->receipt_count++] = plan->batch_events;
        book->event_count += plan->batch_events;
        segments += spool_id_segment(receipt.first_id) != current;
        in_segment = spool_id_segment(receipt.first_id) != current
                         ? plan->batch_events
                         : in_segment + plan->batch_events;
        current = spool_id_segment(receipt.first_id);
        if (segments > plan->segments[run->number])
            break; /* one event beyond the last one asked for */
    }
    end_run(run, spool);
}

/* Delivers a part, writes the cursors, dies. */
static void deliver_some(void *arg)
{
    const struct field_run *run = arg;
    struct spool *spool = open_spool(run);
    struct spool_stats stats;
    uint32_t wanted = run->plan->done_events, at = 0;
    uint64_t done_id = 0;
    struct spool_outcome outcomes[FIELD_TOPICS] = {0};
    for (uint32_t i = 0; i < run->book->receipt_count && at < wanted; i++) {
        struct spool_outcome *outcome = &outcomes[at / run->plan->batch_events % FIELD_TOPICS];
        outcome->delivered += run->book->counts[i];
        at += run->book->counts[i];
        done_id = run->book->first_ids[i] + run->book->counts[i] - 1;
    }
    for (uint32_t i = 0; i < FIELD_TOPICS; i++)
        outcomes[i].topic = bytes_of_string(topics[i]);
    do /* else the state of the books is still that of before */
        spool_stats_get(spool, &stats);
    while (stats.counting && usleep(500) == 0);
    if (spool_advance(spool, SPOOL_AT_LEAST_ONCE, done_id, NULL, 0, outcomes, FIELD_TOPICS) !=
        ERR_OK)
        phase_fail("the spool did not advance");
    uint64_t writes = stats.cursor_writes;
    do
        spool_stats_get(spool, &stats);
    while (stats.cursor_writes < writes + 2 && usleep(500) == 0 &&
           spool_advance(spool, SPOOL_AT_LEAST_ONCE, done_id, NULL, 0, NULL, 0) == ERR_OK);
    run->book->done_id = done_id;
    run->book->done_count = at;
    _exit(0);
}

/* ---- taking it apart ------------------------------------------------------------------------- */

static void read_identity(struct damage_field *field)
{
    char path[300], line[200];
    snprintf(path, sizeof path, "%s/PENSTOCK", field->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "id: %39[0-9a-f-]", field->uuid);
        (void)sscanf(line, "seed: %" SCNx64, &field->seed);
    }
    fclose(file);
    assert_true(field->seed != 0 && field->uuid[0] != '\0');
}

static void know_event(struct field_segment *segment, const struct damage_field *field,
                       uint32_t number, uint64_t id, uint32_t batch_first)
{
    static struct field_event composed;
    struct segment_writer *w = &segment->content;
    compose(&field->plan, number, &composed);
    if (w->event_count == w->event_capacity) {
        w->event_capacity = w->event_capacity == 0 ? 8192 : w->event_capacity * 2;
        w->events = realloc(w->events, w->event_capacity * sizeof *w->events);
        assert_non_null(w->events);
    }
    size_t size = spool_frame_size(&composed.event);
    uint8_t *frame = malloc(size);
    assert_non_null(frame);
    spool_frame_put(frame, &composed.event);
    spool_frame_stamp(frame, id, batch_first, field->seed);
    w->events[w->event_count++] = (struct segment_event){frame, (uint32_t)size, batch_first};
}

static struct field_segment *segment_of(struct damage_field *field, uint64_t id, uint32_t run,
                                        uint32_t number)
{
    if (field->segment_count > 0 && field->segments[field->segment_count - 1].id == id)
        return &field->segments[field->segment_count - 1];
    assert_true(field->segment_count < FIELD_SEGMENTS_MAX);
    struct field_segment *segment = &field->segments[field->segment_count++];
    *segment = (struct field_segment){.id = id, .run = run, .first_number = number};
    snprintf(segment->content.dir, sizeof segment->content.dir, "%.200s/segments/%" PRIu64,
             field->dir, id);
    snprintf(segment->content.log_path, sizeof segment->content.log_path, "%s/000003.log",
             segment->content.dir);
    return segment;
}

static void know(struct damage_field *field, const struct field_book *book)
{
    field->segments = calloc(FIELD_SEGMENTS_MAX, sizeof *field->segments);
    assert_non_null(field->segments);
    for (uint32_t i = 0; i < book->receipt_count; i++) {
        uint64_t id = book->first_ids[i];
        struct field_segment *segment =
            segment_of(field, spool_id_segment(id), book->runs[i], field->event_count);
        for (uint32_t k = 0; k < book->counts[i]; k++)
            know_event(segment, field, field->event_count++, id + k, spool_id_index(id));
    }
    for (size_t i = 0; i < field->segment_count; i++)
        segment_map_make(&field->segments[i].map, &field->segments[i].content);
    field->done_id = book->done_id;
    field->done_count = book->done_count;
}

void damage_field_make(struct damage_field *field, const struct field_plan *plan, const char *dir)
{
    *field = (struct damage_field){.plan = *plan};
    snprintf(field->dir, sizeof field->dir, "%s", dir);
    struct field_book *book =
        mmap(NULL, sizeof *book, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(book != MAP_FAILED);
    for (uint32_t i = 0; i < FIELD_RUNS_MAX && plan->segments[i] > 0; i++)
        phase_must(fill, &(struct field_run){plan, field->dir, book, i}, plan->name);
    if (plan->done_events > 0)
        phase_must(deliver_some, &(struct field_run){plan, field->dir, book, FIELD_RUNS_MAX},
                   plan->name);
    read_identity(field);
    know(field, book);
    munmap(book, sizeof *book);
}

void damage_field_free(struct damage_field *field, bool remove_files)
{
    for (size_t i = 0; i < field->segment_count; i++) {
        struct segment_writer *w = &field->segments[i].content;
        for (uint32_t k = 0; k < w->event_count; k++)
            free(w->events[k].frame);
        free(w->events);
        segment_map_free(&field->segments[i].map);
    }
    free(field->segments);
    if (remove_files)
        spool_dir_remove_tree(AT_FDCWD, field->dir);
}

uint32_t damage_field_linked_count(const struct damage_field *field, size_t segment)
{
    const struct field_segment *s = &field->segments[segment], *next = s + 1;
    bool same_run = segment + 1 < field->segment_count && next->run == s->run;
    return same_run ? s->content.event_count : SPOOL_COUNT_UNKNOWN;
}

void damage_field_write_events(const struct damage_field *field, const char *path)
{
    static struct field_event composed;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint32_t number = 0; number < field->event_count; number++) {
        compose(&field->plan, number, &composed);
        const struct spool_event *event = &composed.event;
        fprintf(file, "%.*s\t%" PRId32 "\t%" PRId64 "\t%.*s\t%s\t%.*s\n", (int)event->topic.size,
                (const char *)event->topic.data, event->partition, event->time_ms,
                (int)event->key.size, (const char *)event->key.data,
                event->header_count > 0 ? "trace=1234" : "", (int)event->value.size,
                (const char *)event->value.data);
    }
    assert_int_equal(fclose(file), 0);
}
