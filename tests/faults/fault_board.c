/* SPDX-License-Identifier: MIT
 * fault_board.c - events that can be told from each other, and their fates. */
#include "tests/faults/fault_board.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fault_topics[FAULT_TOPICS] = {"orders", "doors", "lamps"};

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

bool fault_failed(struct fault_board *board, const char *format, ...)
{
    static atomic_flag taken = ATOMIC_FLAG_INIT;
    if (board->failure[0] != '\0' || atomic_flag_test_and_set(&taken))
        return false;
    va_list args;
    va_start(args, format);
    vsnprintf(board->failure, sizeof board->failure, format, args);
    va_end(args);
    return false;
}

void fault_report(void *arg, const struct spool_report *report)
{
    struct fault_board *board = arg;
    unsigned at = atomic_fetch_add(&board->report_count, 1) % FAULT_REPORTS;
    snprintf(board->reports[at], sizeof board->reports[at], "%s %s", report->event, report->detail);
    if (strcmp(report->event, "cursors_not_read") == 0)
        atomic_store(&board->counted_anew, true);
}

/* Mostly small ones, some of several KiB, few that are larger than a block of the log. */
static size_t value_size(uint64_t random)
{
    unsigned sort = random % 100;
    return 60 + (random >> 8) % (sort < 85 ? 500 : sort < 99 ? 4000 : 40000);
}

struct spool_event fault_event_make(const struct fault_board *board, uint32_t number,
                                    uint8_t *value)
{
    uint64_t random = mix(board->seed ^ mix(number));
    size_t size = value_size(random);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = mix(random + i);
        memcpy(value + i, &word, 8);
    }
    int head = snprintf((char *)value, 16, "#%07" PRIu32 "#", number);
    value[head] = '.';
    return (struct spool_event){
        .topic = bytes_of_string(fault_topics[number % FAULT_TOPICS]),
        .time_ms = 1700000000000 + number,
        .key = number % 4 == 0 ? BYTES_NULL : bytes_of(value, 6),
        .value = bytes_of(value, size),
        .partition = SPOOL_PARTITION_ANY,
    };
}

static bool number_of(struct bytes value, uint32_t *ret_number)
{
    char text[9] = "";
    if (value.size < 9 || value.data[0] != '#')
        return false;
    memcpy(text, value.data + 1, 7);
    *ret_number = (uint32_t)strtoul(text, NULL, 10);
    return *ret_number < FAULT_EVENTS_MAX;
}

bool fault_delivered(struct fault_board *board, const struct spool_event *event, int phase,
                     uint32_t *ret_topic)
{
    static _Thread_local uint8_t value[FAULT_VALUE_MAX];
    uint32_t number;
    if (!number_of(event->value, &number) || number >= atomic_load(&board->next))
        return fault_failed(board, "event %" PRIu64 " is none of ours", event->id);
    struct spool_event sent = fault_event_make(board, number, value);
    if (!bytes_equal(sent.value, event->value) || !bytes_equal(sent.key, event->key) ||
        !bytes_equal(sent.topic, event->topic) || sent.time_ms != event->time_ms)
        return fault_failed(board, "event #%" PRIu32 " was changed", number);
    struct fault_event *known = &board->events[number];
    uint64_t before = atomic_load(&known->delivered_id);
    if (before == 0)
        atomic_store(&known->delivered_id, event->id);
    else if (before != event->id)
        atomic_store(&known->second_id, event->id);
    else if (atomic_load(&known->phase) == phase)
        return fault_failed(board, "event #%" PRIu32 " was read twice", number);
    atomic_store(&known->phase, phase);
    *ret_topic = number % FAULT_TOPICS;
    return true;
}

static bool check_fate(struct fault_board *board, uint32_t number)
{
    const struct fault_event *event = &board->events[number];
    enum fault_fate fate = atomic_load(&event->fate);
    uint64_t accepted = atomic_load(&event->accepted_id),
             delivered = atomic_load(&event->delivered_id);
    uint64_t second = atomic_load(&event->second_id);
    if (delivered != 0 && fate == FAULT_NOT_SENT)
        return fault_failed(board, "event #%" PRIu32 " was refused, and delivered as %" PRIu64,
                            number, delivered);
    if (delivered != 0 && number == board->damaged_number)
        return fault_failed(board, "event #%" PRIu32 " was damaged, and delivered", number);
    if (fate != FAULT_ACCEPTED || number == board->damaged_number)
        return true;
    if (delivered == 0)
        return fault_failed(board, "event #%" PRIu32 ", accepted as %" PRIu64 ", is MISSING",
                            number, accepted);
    if (delivered != accepted)
        return fault_failed(
            board, "event #%" PRIu32 ", accepted as %" PRIu64 ", was delivered as %" PRIu64, number,
            accepted, delivered);
    return second == 0 ||
           fault_failed(board,
                        "event #%" PRIu32 ", accepted as %" PRIu64 ", came again as %" PRIu64,
                        number, accepted, second);
}

bool fault_check_fates(struct fault_board *board)
{
    bool good = true;
    for (uint32_t number = 0; number < atomic_load(&board->next); number++)
        good = check_fate(board, number) && good;
    return good;
}

uint64_t fault_delivered_count(const struct fault_board *board)
{
    uint64_t count = 0;
    for (uint32_t number = 0; number < atomic_load(&board->next); number++)
        count += atomic_load(&board->events[number].delivered_id) != 0;
    return count;
}
