/* SPDX-License-Identifier: MIT
 * power_event.h - the events of a recorded session: each follows from its number, so that no one
 * has to remember them. */
#ifndef PENSTOCK_TESTS_POWER_EVENT_H
#define PENSTOCK_TESTS_POWER_EVENT_H

#include "spool/spool.h"

/* A batch takes its numbers from a block of its own; its topic follows from that. */
enum { POWER_BATCH_EVENTS_MAX = 16, POWER_TOPIC_COUNT = 3, POWER_VALUE_MAX = 48 << 10 };

struct power_event {
    struct spool_event event; /* views of what follows */
    char key[16];
    char value[POWER_VALUE_MAX];
};

const char *power_topic(uint32_t number); /* of that event; POWER_TOPIC_COUNT of them */
uint32_t power_topic_index(uint32_t number);
uint32_t power_batch_events(uint32_t batch); /* how many of the block's numbers the batch uses, 1 to
                      * POWER_BATCH_EVENTS_MAX */
static inline uint32_t power_batch_first(uint32_t batch)
{
    return batch * POWER_BATCH_EVENTS_MAX;
}

void power_event_make(uint32_t number, struct power_event *ret_event);

/* Which of them is it? False when it isn't one, byte for byte. */
bool power_event_is(const struct spool_event *event, uint32_t *ret_number);

/* Up to where a topic is done. */
uint64_t power_done_id(const struct spool_cursor_state *state, const char *topic);
/* The least of these: reading on from there misses nothing. */
uint64_t power_read_from(const struct spool_cursor_state *state);

/* A good mixing of bits (splitmix64): numbers that look random and are the same in every run. */
uint64_t power_mix(uint64_t x);

#endif
