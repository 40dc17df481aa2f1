/* SPDX-License-Identifier: MIT
 * damage_make.h - a damaged spool for tests of the whole program, and as JSON what must be missing
 * from it. */
#ifndef PENSTOCK_TESTS_DAMAGE_MAKE_H
#define PENSTOCK_TESTS_DAMAGE_MAKE_H

#include <stdbool.h>
#include <stdint.h>

struct make_options {
    const char *scratch;   /* an existing directory */
    const char *to;        /* the spool; must not exist */
    const char *out;       /* the JSON */
    const char *label;     /* values begin with "<label>-<number>-" */
    uint64_t seed, number; /* which random damage */
    bool every;            /* damages every segment, at least one event of each */
    bool undamaged;        /* damages nothing */
    const char *events;    /* file for all events as text (damage_field_write_events); NULL: none */
    uint32_t batch_events, segments, events_in_last;
    uint64_t segment_bytes;
    bool killed;
};

/* Fails the running test when it can't. */
void damage_make(const struct make_options *options);

#endif
