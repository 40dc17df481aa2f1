/* SPDX-License-Identifier: MIT
 * power_oracle.h - what the session's marks say about each event, up to some point of the tape. */
#ifndef PENSTOCK_TESTS_POWER_ORACLE_H
#define PENSTOCK_TESTS_POWER_ORACLE_H

#include "tests/power/power_event.h"
#include "tests/power/power_tape.h"

struct oracle_event {
    uint64_t id; /* 0: not known */
    bool submitted;
    bool acknowledged;
    bool delivered; /* the consumer took it */
    bool damaged;   /* a byte of it was flipped, by then or soon */
};

struct oracle {
    struct oracle_event *events; /* by number */
    uint32_t count;
    uint32_t submitted, acknowledged, delivered, damaged, refused; /* so many */
};

void oracle_init(struct oracle *oracle, const struct power_tape *tape);
void oracle_free(struct oracle *oracle);
void oracle_rewind(struct oracle *oracle); /* to the tape's begin */
void oracle_mark(struct oracle *oracle, const char *text);

#endif
