/* SPDX-License-Identifier: MIT
 * power_seen.h - a set of 64-bit hashes. Out of memory ends the program. */
#ifndef PENSTOCK_TESTS_POWER_SEEN_H
#define PENSTOCK_TESTS_POWER_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct power_seen {
    uint64_t *slots; /* 0: free */
    size_t count, capacity;
};

bool power_seen_add(struct power_seen *seen, uint64_t hash); /* false: it was in it */
void power_seen_free(struct power_seen *seen);

#endif
