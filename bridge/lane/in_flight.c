/* SPDX-License-Identifier: MIT
 * in_flight.c - a ring of events in flight. */
#include "bridge/lane/in_flight.h"

#include <stdlib.h>

#define BRIDGE_WINDOW_CAPACITY_MIN 64

void bridge_window_done(struct bridge_window *window)
{
    free(window->ring);
    *window = (struct bridge_window){0};
}

static bool bridge_window_resize(struct bridge_window *window, size_t capacity)
{
    struct bridge_window_entry *ring = malloc(capacity * sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint64_t seq = window->first_seq; seq < window->end_seq; seq++)
        ring[seq & (capacity - 1)] = *bridge_window_at(window, seq);
    free(window->ring);
    window->ring = ring;
    window->capacity = capacity;
    return true;
}

bool bridge_window_reserve(struct bridge_window *window)
{
    if (bridge_window_count(window) < window->capacity)
        return true;
    return bridge_window_resize(window, window->capacity == 0 ? BRIDGE_WINDOW_CAPACITY_MIN
                                                              : window->capacity * 2);
}

void bridge_window_push(struct bridge_window *window, const struct bridge_window_entry *entry)
{
    assert(bridge_window_count(window) < window->capacity);
    struct bridge_window_entry *slot = bridge_window_at(window, window->end_seq++);
    *slot = *entry;
    slot->state = BRIDGE_WINDOW_IN_FLIGHT;
    if (bridge_window_count(window) == 1)
        window->unordered = false;
    else if (entry->id < window->last_id)
        window->unordered = true;
    window->last_id = entry->id;
    window->in_flight++;
    window->in_flight_bytes += entry->bytes;
}

void bridge_window_unpush(struct bridge_window *window)
{
    const struct bridge_window_entry *entry = bridge_window_at(window, --window->end_seq);
    assert(entry->state == BRIDGE_WINDOW_IN_FLIGHT);
    window->in_flight--;
    window->in_flight_bytes -= entry->bytes;
    window->last_id =
        window->end_seq > window->first_seq ? bridge_window_at(window, window->end_seq - 1)->id : 0;
}

struct bridge_hold *bridge_window_report(struct bridge_window *window, uint64_t seq, bool good)
{
    struct bridge_window_entry *entry = bridge_window_at(window, seq);
    assert(entry->state == BRIDGE_WINDOW_IN_FLIGHT && window->in_flight > 0);
    entry->state = good ? BRIDGE_WINDOW_GOOD : BRIDGE_WINDOW_FAILED;
    window->in_flight--;
    window->in_flight_bytes -= entry->bytes;
    struct bridge_hold *hold = entry->hold;
    entry->hold = NULL;
    return hold;
}

const struct bridge_window_entry *bridge_window_open(struct bridge_window *window)
{
    while (window->open_seq < window->end_seq &&
           bridge_window_at(window, window->open_seq)->state == BRIDGE_WINDOW_GOOD)
        window->open_seq++;
    return window->open_seq < window->end_seq ? bridge_window_at(window, window->open_seq) : NULL;
}

uint64_t bridge_window_floor(struct bridge_window *window, uint64_t ceiling)
{
    const struct bridge_window_entry *open = bridge_window_open(window);
    if (open == NULL)
        return ceiling;
    uint64_t least = open->id;
    if (window->unordered) /* rare, and over as soon as the ring runs empty */
        for (uint64_t seq = window->open_seq; seq < window->end_seq; seq++) {
            const struct bridge_window_entry *entry = bridge_window_at(window, seq);
            if (entry->state != BRIDGE_WINDOW_GOOD && entry->id < least)
                least = entry->id;
        }
    return least - 1 < ceiling ? least - 1 : ceiling;
}

void bridge_window_trim(struct bridge_window *window)
{
    if (bridge_window_count(window) == 0 && window->capacity > BRIDGE_WINDOW_CAPACITY_MIN)
        (void)bridge_window_resize(window, BRIDGE_WINDOW_CAPACITY_MIN);
}

uint64_t bridge_window_pop(struct bridge_window *window, uint64_t upto_id)
{
    bridge_window_open(window);
    uint64_t popped = 0;
    while (window->first_seq < window->open_seq &&
           bridge_window_at(window, window->first_seq)->id <= upto_id) {
        window->first_seq++;
        popped++;
    }
    return popped;
}

bool bridge_window_rewind(struct bridge_window *window, struct bridge_window_entry *ret_first)
{
    assert(window->in_flight == 0);
    const struct bridge_window_entry *open = bridge_window_open(window);
    if (open == NULL)
        return false;
    *ret_first = *open;
    window->end_seq = window->open_seq;
    window->last_id =
        window->end_seq > window->first_seq ? bridge_window_at(window, window->end_seq - 1)->id : 0;
    return true;
}

void bridge_window_clear(struct bridge_window *window)
{
    assert(window->in_flight == 0);
    window->first_seq = window->open_seq = window->end_seq;
    window->last_id = 0;
    window->unordered = false;
}
