/* SPDX-License-Identifier: MIT
 * child.h - one history in a process of its own, for tests. */
#ifndef PENSTOCK_TESTS_SIM_CHILD_H
#define PENSTOCK_TESTS_SIM_CHILD_H

#include <stdint.h>

struct child {
    int status;      /* 0: green, 1: red, else the signal + 128 */
    uint64_t hash;   /* of a green one */
    int64_t last_ms; /* its virtual time */
};

/* Runs fn(arg) as sim_sched_run() does, in a child. What a red one prints goes to stdout unless it
 * is expected. */
struct child child_run(uint64_t seed, void (*fn)(void *arg), void *arg);

#endif
