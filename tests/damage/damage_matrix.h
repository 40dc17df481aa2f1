/* SPDX-License-Identifier: MIT
 * damage_matrix.h - tries all rows of damage and many random ones on spools in batches of 1, 10 and
 * 100 events, some processes at a time. */
#ifndef PENSTOCK_TESTS_DAMAGE_MATRIX_H
#define PENSTOCK_TESTS_DAMAGE_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

struct matrix_options {
    const char *dir; /* for scratch: must exist */
    uint64_t seed;
    uint32_t rounds;   /* of random damage */
    uint32_t jobs;     /* processes */
    const char *only;  /* part of a row's name; NULL: all */
    int64_t only_case; /* < 0: all */
    bool verbose;
    const char *table; /* file for the table in Markdown; NULL: none */
};

/* Prints progress, failures, and a table; fails the running test when anything went wrong. */
void damage_matrix_run(const struct matrix_options *options);

#endif
