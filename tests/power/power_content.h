/* SPDX-License-Identifier: MIT
 * power_content.h - what a power cut leaves of a file's content. */
#ifndef PENSTOCK_TESTS_POWER_CONTENT_H
#define PENSTOCK_TESTS_POWER_CONTENT_H

#include "tests/power/power_state.h"

/* A number that follows from the state's name, the thing that it is for, and a third that tells
 * uses apart. */
uint64_t power_random(const struct power_spec *spec, uint64_t thing, uint64_t use);

/* The content of file number `index`; made in *room unless it is the safe one. *ret_hash is of the
 * content. */
struct bytes power_content(struct disk_file *file, uint32_t index, const struct power_spec *spec,
                           struct buf *room, uint64_t *ret_hash);

#endif
