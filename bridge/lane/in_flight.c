/* SPDX-License-Identifier: MIT
 * in_flight.c - a ring of events in flight. */
#include "bridge/lane/in_flight.h"

#include <stdlib.h>

#define BRIDGE_IN_FLIGHT_CAPACITY_MIN 64

void bridge_in_flight_done(struct bridge_in_flight *window)
{
    free(window->ring);
    *window = (struct bridge_in_flight){0};
}

static bool bridge_in_flight_resize(struct bridge_in_flight *window, size_t capacity)
{
    struct bridge_in_flight_entry *ring = malloc(capacity * sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint64_t seq = window->first_seq; seq < window->end_seq; seq++)
        ring[seq & (capacity - 1)] = *bridge_in_flight_at(window, seq);
    free(window->ring);
    window->ring = ring;
    window->capacity = capacity;
    return true;
}

bool bridge_in_flight_reserve(struct bridge_in_flight *window)
{
    if (bridge_in_flight_count(window) < window->capacity)
        return true;
    return bridge_in_flight_resize(window, window->capacity == 0 ? BRIDGE_IN_FLIGHT_CAPACITY_MIN
                                                                 : window->capacity * 2);
}

void bridge_in_flight_push(struct bridge_in_flight *window,
                           const struct bridge_in_flight_entry *entry)
{
    assert(bridge_in_flight_count(window) < window->capacity);
    struct bridge_in_flight_entry *slot = bridge_in_flight_at(window, window->end_seq++);
    *slot = *entry;
    slot->state = BRIDGE_IN_FLIGHT_SENT;
    if (bridge_in_flight_count(window) == 1)
        window->unordered = false;
    else if (entry->id < window->last_id)
        window->unordered = true;
    window->last_id = entry->id;
    window->in_flight++;
    window->in_flight_bytes += entry->bytes;
}

void bridge_in_flight_unpush(struct bridge_in_flight *window)
{
    const struct bridge_in_flight_entry *entry = bridge_in_flight_at(window, --window->end_seq);
    assert(entry->state == BRIDGE_IN_FLIGHT_SENT);
    window->in_flight--;
    window->in_flight_bytes -= entry->bytes;
    window->last_id = window->end_seq > window->first_seq
                          ? bridge_in_flight_at(window, window->end_seq - 1)->id
                          : 0;
}

struct bridge_chunk_pin *bridge_in_flight_report(struct bridge_in_flight *window, uint64_t seq,
                                                 bool good)
{
    struct bridge_in_flight_entry *entry = bridge_in_flight_at(window, seq);
    assert(entry->state == BRIDGE_IN_FLIGHT_SENT && window->in_flight > 0);
    entry->state = good ? BRIDGE_IN_FLIGHT_GOOD : BRIDGE_IN_FLIGHT_FAILED;
    window->in_flight--;
    window->in_flight_bytes -= entry->bytes;
    struct bridge_chunk_pin *hold = entry->hold;
    entry->hold = NULL;
    return hold;
}

const struct bridge_in_flight_entry *bridge_in_flight_open(struct bridge_in_flight *window)
{
    while (window->open_seq < window->end_seq &&
           bridge_in_flight_at(window, window->open_seq)->state == BRIDGE_IN_FLIGHT_GOOD)
        window->open_seq++;
    return window->open_seq < window->end_seq ? bridge_in_flight_at(window, window->open_seq)
                                              : NULL;
}

uint64_t bridge_in_flight_floor(struct bridge_in_flight *window, uint64_t ceiling)
{
    const struct bridge_in_flight_entry *open = bridge_in_flight_open(window);
    if (open == NULL)
        return ceiling;
    uint64_t least = open->id;
    if (window->unordered) /* rare, and over as soon as the ring runs empty */
        for (uint64_t seq = window->open_seq; seq < window->end_seq; seq++) {
            const struct bridge_in_flight_entry *entry = bridge_in_flight_at(window, seq);
            if (entry->state != BRIDGE_IN_FLIGHT_GOOD && entry->id < least)
                least = entry->id;
        }
    return least - 1 < ceiling ? least - 1 : ceiling;
}

void bridge_in_flight_trim(struct bridge_in_flight *window)
{
    if (bridge_in_flight_count(window) == 0 && window->capacity > BRIDGE_IN_FLIGHT_CAPACITY_MIN)
        (void)bridge_in_flight_resize(window, BRIDGE_IN_FLIGHT_CAPACITY_MIN);
}

uint64_t bridge_in_flight_pop(struct bridge_in_flight *window, uint64_t upto_id)
{
    bridge_in_flight_open(window);
    uint64_t popped = 0;
    while (window->first_seq < window->open_seq &&
           bridge_in_flight_at(window, window->first_seq)->id <= upto_id) {
        window->first_seq++;
        popped++;
    }
    return popped;
}

bool bridge_in_flight_rewind(struct bridge_in_flight *window,
                             struct bridge_in_flight_entry *ret_first)
{
    assert(window->in_flight == 0);
    const struct bridge_in_flight_entry *open = bridge_in_flight_open(window);
    if (open == NULL)
        return false;
    *ret_first = *open;
    window->end_seq = window->open_seq;
    window->last_id = window->end_seq > window->first_seq
                          ? bridge_in_flight_at(window, window->end_seq - 1)->id
                          : 0;
    return true;
}

void bridge_in_flight_clear(struct bridge_in_flight *window)
{
    assert(window->in_flight == 0);
    window->first_seq = window->open_seq = window->end_seq;
    window->last_id = 0;
    window->unordered = false;
}
