/* SPDX-License-Identifier: MIT
 * fault_board.h - what the processes of one session know together: each event, what became of it,
 * and what went wrong.
 *
 * It lies in shared memory, so that it survives the process whose disk failed. An event is its
 * number: topic, key and value follow from that and from the seed. */
#ifndef PENSTOCK_TESTS_FAULT_BOARD_H
#define PENSTOCK_TESTS_FAULT_BOARD_H

#include "spool/spool.h"

#include <stdatomic.h>

enum { FAULT_EVENTS_MAX = 32768, FAULT_VALUE_MAX = 48 << 10, FAULT_TOPICS = 3, FAULT_REPORTS = 24 };

enum fault_fate { FAULT_NOT_SENT, FAULT_UNKNOWN, FAULT_ACCEPTED };

struct fault_event {
    _Atomic enum fault_fate fate;
    atomic_uint_fast64_t accepted_id;  /* of the receipt */
    atomic_uint_fast64_t delivered_id; /* under which it was delivered first; 0: not yet */
    atomic_uint_fast64_t second_id;    /* and another one; 0: none */
    atomic_int phase;                  /* in which it was delivered last */
};

struct fault_board {
    uint64_t seed;
    atomic_uint next; /* number of the next event */
    struct fault_event events[FAULT_EVENTS_MAX];

    uint32_t damaged_number; /* the event whose bytes were hit */
    uint64_t damaged_segment_id;

    atomic_int_least64_t gap_ms; /* the longest time between two acknowledgements */
    int opens_failed;
    atomic_bool counted_anew; /* the cursors could not be read, and so the books began again */
    char failure[1024];       /* "": none so far; the first one stays */
    atomic_uint report_count;
    char reports[FAULT_REPORTS][400]; /* the spool's last words, for whoever looks into a failure */
};

/* Notes a failure (the first counts); returns false so that a check is one line. Any thread. */
bool fault_failed(struct fault_board *board, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A spool_report_fn; arg is the board. */
void fault_report(void *arg, const struct spool_report *report);

/* The event of that number; value points into memory of FAULT_VALUE_MAX bytes. */
struct spool_event fault_event_make(const struct fault_board *board, uint32_t number,
                                    uint8_t *value);

/* Takes note of a delivered event: it must be one that was sent, byte for byte. */
bool fault_delivered(struct fault_board *board, const struct spool_event *event, int phase,
                     uint32_t *ret_topic);

/* Everything accepted was delivered, under its own id and no other; nothing is there that was not
 * sent. */
bool fault_check_fates(struct fault_board *board);

/* Distinct events that were delivered. */
uint64_t fault_delivered_count(const struct fault_board *board);

extern const char *const fault_topics[FAULT_TOPICS];

#endif
