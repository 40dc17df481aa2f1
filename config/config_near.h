/* SPDX-License-Identifier: MIT
 * config_near.h - the name that a misspelt one may have meant. Pure. */
#ifndef PENSTOCK_CONFIG_NEAR_H
#define PENSTOCK_CONFIG_NEAR_H

#include <stddef.h>

/* Counts insertions, deletions, replacements and swaps of neighbours between two texts; texts
 * beyond 64 bytes count as far apart. */
size_t config_near_distance(const char *a, const char *b);

/* The setting (or the section) nearest to a name that doesn't exist, or NULL when none is near. A
 * right name in the wrong section, or in none, is near. */
const char *config_near_key(const char *name);
const char *config_near_section(const char *name);

#endif
