/* SPDX-License-Identifier: MIT
 * power_event.c - events from numbers and back. */
#include "tests/power/power_event.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const topics[POWER_TOPIC_COUNT] = {"orders", "slow", "metrics"};

uint64_t power_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

uint32_t power_topic_index(uint32_t number)
{
    return (uint32_t)(power_mix(number / POWER_BATCH_EVENTS_MAX) % POWER_TOPIC_COUNT);
}

const char *power_topic(uint32_t number)
{
    return topics[power_topic_index(number)];
}

uint32_t power_batch_events(uint32_t batch)
{
    return 1 + (uint32_t)(power_mix(~(uint64_t)batch) % POWER_BATCH_EVENTS_MAX);
}

/* Mostly small, some of a few KiB, and few that are larger than one block of the log. */
static size_t value_size(uint32_t number)
{
    uint64_t random = power_mix((uint64_t)number << 20);
    if (random % 97 == 0)
        return 33000 + random / 97 % 15000;
    return random % 7 == 0 ? 1000 + random / 7 % 3000 : 24 + random / 7 % 400;
}

void power_event_make(uint32_t number, struct power_event *ret_event)
{
    struct power_event *e = ret_event;
    size_t size = value_size(number),
           at = (size_t)snprintf(e->value, sizeof e->value, "event %u ", number);
    for (uint64_t random = number; at < size; at++) {
        if (at % 8 == 0)
            random = power_mix(random);
        e->value[at] = (char)(random >> at % 8 * 8);
    }
    e->event = (struct spool_event){
        .topic = bytes_of_string(power_topic(number)),
        .value = bytes_of(e->value, size),
        .partition = SPOOL_PARTITION_ANY,
        .time_ms = 1700000000000 + number,
        .client_time = true,
    };
    if (number % 2 == 0) {
        snprintf(e->key, sizeof e->key, "key-%u", number % 11);
        e->event.key = bytes_of_string(e->key);
    }
}

bool power_event_is(const struct spool_event *event, uint32_t *ret_number)
{
    static struct power_event wanted; /* large; one thread */
    char start[32] = "";
    unsigned number;
    if (event->value.size < 24)
        return false;
    memcpy(start, event->value.data, 24);
    if (sscanf(start, "event %u ", &number) != 1)
        return false;
    power_event_make(number, &wanted);
    *ret_number = number;
    return bytes_equal(event->topic, wanted.event.topic) &&
           bytes_equal(event->key, wanted.event.key) &&
           bytes_equal(event->value, wanted.event.value) &&
           event->time_ms == wanted.event.time_ms && event->header_count == 0 &&
           event->partition == wanted.event.partition;
}

uint64_t power_done_id(const struct spool_cursor_state *state, const char *topic)
{
    for (size_t i = 0; i < state->lane_count; i++)
        if (strcmp(state->lanes[i].topic, topic) == 0)
            return state->lanes[i].done_id;
    return state->done_id;
}

uint64_t power_read_from(const struct spool_cursor_state *state)
{
    uint64_t least = state->done_id;
    for (size_t i = 0; i < state->lane_count; i++)
        if (state->lanes[i].done_id < least)
            least = state->lanes[i].done_id;
    return least;
}
