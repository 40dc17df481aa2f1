/* SPDX-License-Identifier: MIT
 * damage_run.h - opens a damaged spool, delivers everything, and checks what came, the books, and
 * what is kept.
 *
 * In processes of their own; what was seen is in memory that they share. */
#ifndef PENSTOCK_TESTS_DAMAGE_RUN_H
#define PENSTOCK_TESTS_DAMAGE_RUN_H

#include "tests/damage/damage_patient.h"
#include "tests/damage/damage_phase.h"

enum run_mode {
    RUN_TO_THE_END, /* until the damaged segments lie in quarantine with their reports */
    RUN_AND_CLOSE, /* closed when the last event was delivered; then opened again: the books are the
                    * same, nothing comes again */
    RUN_STOPPED,   /* stopped on the way, opened again, to the end */
    RUN_KILLED,    /* the same with kill -9 */
    RUN_MODES,
};
extern const char *const run_mode_names[RUN_MODES];

enum { RUN_EVENTS_MAX = 1 << 20, RUN_PROBES_MAX = 4 };

/* Shared memory: from run_book_new(), never freed. */
struct run_book {
    uint8_t seen[RUN_EVENTS_MAX]; /* by number: how often it was delivered */
    uint64_t delivered;
    uint64_t probe_ids[RUN_PROBES_MAX]; /* events accepted after the damage */
    bool probe_seen[RUN_PROBES_MAX];
    uint32_t probe_count;
    int64_t open_ms, accepted_ms; /* the slowest start: until open, until an event was accepted */
    uint64_t salvaged;
};
struct run_book *run_book_new(void);

/* stop_after: events after which a run that doesn't go to the end stops. report: loss reports must
 * be there. */
void run_patient(const struct patient *p, enum run_mode mode, uint64_t stop_after,
                 struct run_book *book, struct phase_result *ret_result);

#endif
