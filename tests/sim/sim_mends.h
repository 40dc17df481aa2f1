/* SPDX-License-Identifier: MIT
 * sim_mends.h - faults that end by themselves after a time, on a fiber of their own. */
#ifndef PENSTOCK_TESTS_SIM_MENDS_H
#define PENSTOCK_TESTS_SIM_MENDS_H

#include <stdbool.h>
#include <stdint.h>

struct sim_mend {
    void (*fn)(const struct sim_mend *mend);
    int64_t at_ms;
    uint64_t number;
    const char *text;
    unsigned handle;
};

void sim_mends_begin(void);
void sim_mends_add(const struct sim_mend *mend);
void sim_mends_all(void); /* now */

#endif
