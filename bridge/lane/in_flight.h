/* SPDX-License-Identifier: MIT
 * in_flight.h - the events of one lane that were handed to Kafka's client and that no cursor
 * has passed yet.
 *
 * A ring in the order of handing over. Each entry is in flight until its delivery report, then good
 * or failed; good ones leave at the front when the cursor passes them, so that what is counted as
 * delivered and what the cursor says are one thing. Positions are sequence numbers, which stay
 * valid while the ring grows. Everything is O(1), amortised. Pure but for memory; one thread at a
 * time. Zero-initialised is empty. */
#ifndef PENSTOCK_BRIDGE_LANE_IN_FLIGHT_H
#define PENSTOCK_BRIDGE_LANE_IN_FLIGHT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bridge_chunk_pin;

enum bridge_in_flight_state {
    BRIDGE_IN_FLIGHT_SENT,
    BRIDGE_IN_FLIGHT_GOOD,
    BRIDGE_IN_FLIGHT_FAILED
};

struct bridge_in_flight_entry {
    uint64_t id;
    struct bridge_chunk_pin *hold; /* memory that the client reads; NULL after the report, or when
                                    * the client made a copy */
    uint64_t time_ms : 48;         /* when the event was accepted */
    uint64_t state : 8;
    uint32_t bytes;
    uint32_t taken_ms; /* when the event was handed over: low bits of the monotonic clock */
};

struct bridge_in_flight {
    struct bridge_in_flight_entry *ring;
    size_t capacity;    /* a power of two, or 0 */
    uint64_t first_seq; /* of the oldest entry */
    uint64_t end_seq;   /* of the next entry */
    uint64_t open_seq;  /* entries before this one are all good */
    uint64_t in_flight;
    uint64_t in_flight_bytes;
    uint64_t last_id; /* of the newest entry */
    bool unordered;   /* ids went back somewhere in the ring (events found late) */
};

/* Frees the ring. The chunk pins of its entries must be released before. */
void bridge_in_flight_done(struct bridge_in_flight *window);
/* Gives memory back when the ring is empty. */
void bridge_in_flight_trim(struct bridge_in_flight *window);

static inline uint64_t bridge_in_flight_count(const struct bridge_in_flight *window)
{
    return window->end_seq - window->first_seq;
}

static inline struct bridge_in_flight_entry *bridge_in_flight_at(
    const struct bridge_in_flight *window, uint64_t seq)
{
    return &window->ring[seq & (window->capacity - 1)];
}

/* Makes room for one more entry. False when memory is out. */
bool bridge_in_flight_reserve(struct bridge_in_flight *window);

/* Appends an entry in flight, after bridge_in_flight_reserve(). The entry's position is the end_seq
 * of before the call. */
void bridge_in_flight_push(struct bridge_in_flight *window,
                           const struct bridge_in_flight_entry *entry);

/* Takes the newest entry off again, whose event was not handed over after all. */
void bridge_in_flight_unpush(struct bridge_in_flight *window);

/* Takes in the report for an entry in flight. Only the low bits of seq count. Returns the entry's
 * chunk pin for release. */
struct bridge_chunk_pin *bridge_in_flight_report(struct bridge_in_flight *window, uint64_t seq,
                                                 bool good);

/* The oldest entry that isn't good; NULL when all are. */
const struct bridge_in_flight_entry *bridge_in_flight_open(struct bridge_in_flight *window);

/* The highest id up to which every entry's event is good, but at most `ceiling`. */
uint64_t bridge_in_flight_floor(struct bridge_in_flight *window, uint64_t ceiling);

/* Takes off the good entries at the front with ids <= upto_id; returns how many. */
uint64_t bridge_in_flight_pop(struct bridge_in_flight *window, uint64_t upto_id);

/* Drops every entry from the oldest that isn't good on; none may be in flight. Returns false when
 * nothing was dropped, else *ret_first is the first of them. */
bool bridge_in_flight_rewind(struct bridge_in_flight *window,
                             struct bridge_in_flight_entry *ret_first);

/* Drops every entry; none may be in flight. */
void bridge_in_flight_clear(struct bridge_in_flight *window);

#endif
