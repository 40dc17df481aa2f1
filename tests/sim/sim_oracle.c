/* SPDX-License-Identifier: MIT
 * sim_oracle.c - the events, what clients were told of them, what Kafka has of them. */
#include "tests/sim/sim_oracle_events.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_kafka.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_oracle sim_oracle;

static struct sim_oracle *const o = &sim_oracle;

/* ---- findings -------------------------------------------------------------------------------- */

static bool is_known(const char *kind)
{
    size_t size = strlen(kind);
    for (const char *at = o->known; at != NULL && *at != '\0';) {
        if (strncmp(at, kind, size) == 0 && (at[size] == '\n' || at[size] == '\0'))
            return true;
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    return false;
}

static void count_known(const char *kind)
{
    struct sim_verdict *verdict = o->verdict;
    for (unsigned i = 0; i < verdict->known_count; i++)
        if (strcmp(verdict->known[i], kind) == 0)
            return;
    if (verdict->known_count < SIM_KINDS_MAX)
        snprintf(verdict->known[verdict->known_count++], sizeof verdict->known[0], "%s", kind);
}

void sim_oracle_find(const char *kind, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sim_note("FINDING %s: %s", kind, text);
    if (is_known(kind)) {
        count_known(kind);
        return;
    }
    snprintf(o->verdict->kind, sizeof o->verdict->kind, "%s", kind);
    snprintf(o->verdict->text, sizeof o->verdict->text, "%s", text);
    sim_oracle_sum_up();
    sim_red(kind, "%s", text);
}

void sim_oracle_sum_up(void)
{
    o->verdict->events = o->event_count;
    o->verdict->records = o->records_taken;
    o->verdict->virtual_ms = sim_now_ms();
    o->verdict->hash = sim_history_hash();
}

/* ---- values ---------------------------------------------------------------------------------- */

void sim_oracle_value(uint32_t number, uint8_t *value, size_t size)
{
    char head[SIM_VALUE_HEAD + 1];
    snprintf(head, sizeof head, SIM_VALUE_MARK "%08" PRIx32 ";", number);
    memcpy(value, head, SIM_VALUE_HEAD);
    uint64_t x = number * 0x9e3779b97f4a7c15ull + 1;
    for (size_t i = SIM_VALUE_HEAD; i < size; i++) {
        if (i % 8 == 0)
            x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull + number;
        value[i] = (uint8_t)(x >> (i % 8 * 8)) | 0x80; /* never looks like a mark */
    }
}

struct sim_event *sim_oracle_number_of(const uint8_t *value, size_t size)
{
    char digits[9] = "";
    if (value == NULL || size < SIM_VALUE_HEAD ||
        memcmp(value, SIM_VALUE_MARK, sizeof SIM_VALUE_MARK - 1) != 0)
        return NULL;
    memcpy(digits, value + sizeof SIM_VALUE_MARK - 1, 8);
    char *end;
    unsigned long number = strtoul(digits, &end, 16);
    return *end == '\0' && number < o->event_count ? &o->events[number] : NULL;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_confirmed(const char *topic, const uint8_t *value, size_t size)
{
    (void)topic;
    struct sim_event *event = sim_oracle_number_of(value, size);
    if (event != NULL && event->confirmed_ms == 0)
        event->confirmed_ms = sim_now_ms();
}

void sim_oracle_begin(struct sim_verdict *verdict, const char *known)
{
    *o = (struct sim_oracle){.verdict = verdict, .known = known, .forked_ms = INT64_MAX};
    sim_kafka_on_confirmed(on_confirmed);
}

uint32_t sim_oracle_event(const char *topic, uint32_t key, uint32_t size)
{
    if (o->event_count == o->event_capacity) {
        o->event_capacity = o->event_capacity * 2 + 4096;
        o->events = realloc(o->events, o->event_capacity * sizeof *o->events);
    }
    o->events[o->event_count] = (struct sim_event){.topic = topic, .key = key, .size = size};
    return (uint32_t)o->event_count++;
}

void sim_oracle_refused(uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        o->events[first + i].fate = SIM_REFUSED;
}

/* Events that go to the live segment after its directory was taken away lie there, too. */
static bool was_removed(uint64_t segment_id)
{
    for (unsigned i = 0; i < o->removed_segments; i++)
        if (o->removed_ids[i] == segment_id)
            return true;
    return false;
}

void sim_oracle_receipt(uint32_t first, uint32_t count, const struct spool_receipt *receipt)
{
    o->batch++;
    for (uint32_t i = 0; i < count; i++) {
        struct sim_event *event = &o->events[first + i];
        event->fate = receipt->err == ERR_OK       ? SIM_ACKED
                      : receipt->err == ERR_CLOSED ? SIM_REFUSED
                                                   : SIM_UNKNOWN;
        event->id = receipt->err == ERR_OK ? receipt->first_id + i : 0;
        event->acked_ms = sim_now_ms();
        event->batch = o->batch;
        if (event->fate == SIM_ACKED && was_removed(spool_id_segment(event->id))) {
            event->damaged = event->removed = true;
            event->damaged_ms = sim_now_ms();
        }
        o->acked += event->fate == SIM_ACKED;
    }
    if (receipt->err == ERR_OK && receipt->last_id != receipt->first_id + count - 1)
        sim_oracle_find("receipt_with_gaps", "%" PRIu64 "-%" PRIu64 " for %u events",
                        receipt->first_id, receipt->last_id, count);
}

void sim_oracle_oversized(uint32_t number)
{
    o->events[number].poison = true;
}

uint64_t sim_oracle_acked(void)
{
    return o->acked;
}

/* ---- records --------------------------------------------------------------------------------- */

static void take_record(const struct sim_record *record, uint64_t index)
{
    struct sim_event *event = sim_oracle_number_of(record->value, record->value_size);
    static uint8_t expected[1 << 21];
    if (event != NULL && event->size == record->value_size)
        sim_oracle_value((uint32_t)(event - o->events), expected, event->size);
    if (event == NULL || event->size != record->value_size ||
        memcmp(expected, record->value, event->size) != 0 ||
        strcmp(event->topic, record->topic) != 0) {
        sim_oracle_find("garbled_event_delivered", "topic=%s offset=%" PRIu64 " size=%zu",
                        record->topic, record->offset, record->value_size);
        return;
    }
    if (event->fate == SIM_REFUSED)
        sim_oracle_find("refused_event_delivered", "event %td", event - o->events);
    if (event->seen++ == 0) {
        event->first_record = index;
        event->first_seen_ms = record->appended_ms;
    }
    event->last_record = index;
    event->last_seen_ms = record->appended_ms;
    event->partition = record->partition;
    event->late |= record->late;
}

void sim_oracle_take_records(void)
{
    size_t count = sim_kafka_record_count();
    for (; o->records_taken < count; o->records_taken++)
        take_record(sim_kafka_record(o->records_taken), o->records_taken);
}

/* ---- deaths, disturbances -------------------------------------------------------------------- */

static void add_quake(int64_t from_ms, int64_t to_ms)
{
    if (o->quake_count < SIM_QUAKES_MAX)
        o->quakes[o->quake_count++] = (struct sim_quake){from_ms, to_ms};
}

void sim_oracle_started(void)
{
    add_quake(o->ended_ms - 1, sim_now_ms() + 1); /* no cursor moves while nobody runs */
    o->started_ms = sim_now_ms();
    o->calm_since_ms = sim_now_ms();
    o->running = true;
    o->books_looked = false;
}

void sim_oracle_died(void)
{
    o->running = false;
    o->ended_ms = sim_now_ms();
    for (size_t i = 0; i < o->event_count; i++)
        if (o->events[i].fate == SIM_SUBMITTED)
            o->events[i].fate = SIM_UNKNOWN;
}

void sim_oracle_stopped(void)
{
    o->running = false;
    o->ended_ms = sim_now_ms();
}

void sim_oracle_disturb(int delta)
{
    if (delta > 0 && o->disturbed == 0)
        o->disturbed_since_ms = sim_now_ms();
    o->disturbed += delta;
    if (o->disturbed == 0)
        add_quake(o->disturbed_since_ms, sim_now_ms());
    o->calm_since_ms = sim_now_ms();
}

static struct sim_topic_trouble *trouble_of(const char *topic)
{
    for (size_t i = 0; i < o->trouble_count; i++)
        if (o->troubles[i].topic == topic)
            return &o->troubles[i];
    if (o->trouble_count == SIM_TOPICS_MAX)
        abort();
    o->troubles[o->trouble_count] = (struct sim_topic_trouble){.topic = topic};
    return &o->troubles[o->trouble_count++];
}

void sim_oracle_trouble(const char *topic, int delta)
{
    if (topic == NULL) {
        sim_oracle_disturb(delta);
        return;
    }
    struct sim_topic_trouble *trouble = trouble_of(topic);
    trouble->count += delta;
    trouble->changed_ms = sim_now_ms();
}

bool sim_oracle_topic_well_since(const char *topic, int64_t since_ms)
{
    const struct sim_topic_trouble *trouble = trouble_of(topic);
    return trouble->count == 0 && trouble->changed_ms <= since_ms;
}

void sim_oracle_unreadable(uint64_t segment_id, int delta)
{
    if (segment_id == 0) {
        sim_oracle_disturb(delta);
        return;
    }
    o->readable_since_ms = sim_now_ms();
    o->unreadable += delta;
    if (delta > 0 && o->unreadable_count < SIM_UNREADABLE_MAX)
        o->unreadable_ids[o->unreadable_count++] = segment_id;
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void damage(struct sim_event *event)
{
    if (event == NULL)
        return;
    event->damaged = true;
    if (event->damaged_ms == 0)
        event->damaged_ms = sim_now_ms();
}

void sim_oracle_rot(const char *path, uint64_t offset)
{
    uint64_t size = sim_disk_size(path);
    uint8_t *data = malloc(size + 1);
    size_t got = sim_disk_read(path, data, size);
    bool letters = strstr(path, "dead-letter/") != NULL;
    struct sim_event *before = NULL, *after = NULL;
    for (size_t i = 0; i + SIM_VALUE_HEAD <= got && after == NULL; i++) {
        if (data[i] != SIM_VALUE_MARK[0])
            continue;
        struct sim_event *event = sim_oracle_number_of(data + i, got - i);
        if (event != NULL && i <= offset)
            before = event;
        else if (event != NULL)
            after = event;
    }
    free(data);
    if (letters && before != NULL)
        before->letter_rotten = true;
    if (letters && after != NULL)
        after->letter_rotten = true;
    damage(before);
    damage(after);
    o->rotten_bytes++;
    if (strstr(path, "cursors") != NULL)
        o->cursors_rotten++;
    sim_note("rot hits events %td and %td", before != NULL ? before - o->events : -1,
             after != NULL ? after - o->events : -1);
}

void sim_oracle_removed(uint64_t segment_id)
{
    for (size_t i = 0; i < o->event_count; i++)
        if (o->events[i].fate == SIM_ACKED && spool_id_segment(o->events[i].id) == segment_id) {
            damage(&o->events[i]);
            o->events[i].removed = true;
        }
    for (size_t i = 0; i < o->event_count; i++)
        if (o->events[i].fate == SIM_UNKNOWN)
            o->events[i].damaged = true; /* where they lie is not known */
    if (o->removed_segments < SIM_UNREADABLE_MAX)
        o->removed_ids[o->removed_segments++] = segment_id;
}

void sim_oracle_put_back(uint64_t segment_id)
{
    (void)segment_id; /* what was missing at a start may have been reported */
}

void sim_oracle_history_forked(int64_t since_ms)
{
    if (since_ms < o->forked_ms)
        o->forked_ms = since_ms;
}

void sim_oracle_letter_gone(uint64_t id, bool requeued)
{
    for (size_t i = 0; i < o->event_count; i++)
        if (o->events[i].id == id && id != 0) {
            o->events[i].letter_gone = true;
            o->requeued += requeued;
            o->events[i].requeued |= requeued;
        }
}

int64_t sim_oracle_calm_ms(void)
{
    return o->disturbed > 0 || o->unreadable > 0 ? 0 : sim_now_ms() - o->calm_since_ms;
}
