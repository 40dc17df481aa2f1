/* SPDX-License-Identifier: MIT
 * ranges.h - which event indexes of a segment were seen, and the gaps between them. Pure but
 * for memory. */
#ifndef PENSTOCK_SPOOL_FORMAT_RANGES_H
#define PENSTOCK_SPOOL_FORMAT_RANGES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ranges of event indexes of one segment, ascending, first..last inclusive. */
struct spool_range {
    uint32_t first;
    uint32_t last;
};

struct spool_ranges {
    struct spool_range *items;
    size_t count;
    uint64_t total; /* indexes in all of them */
};

void spool_ranges_free(struct spool_ranges *ranges);

/* The indexes at `from` and above, as a copy. ERR_NOMEM */
enum err spool_ranges_from(const struct spool_ranges *ranges, uint32_t from,
                           struct spool_ranges *ret_above);

/* The indexes in one but not in the other, or in both, as a copy. ERR_NOMEM */
enum err spool_ranges_minus(const struct spool_ranges *ranges, const struct spool_ranges *other,
                            struct spool_ranges *ret_rest);
enum err spool_ranges_and(const struct spool_ranges *ranges, const struct spool_ranges *other,
                          struct spool_ranges *ret_both);

bool spool_ranges_have(const struct spool_ranges *ranges, uint32_t index);
/* Appends a range after the others. ERR_NOMEM */
enum err spool_ranges_append(struct spool_ranges *ranges, uint32_t first, uint32_t last);

/* A bit for every index, grown as needed. Zero-initialised is empty. */
struct spool_index_set {
    uint64_t *words;
    size_t word_count;
    uint64_t count;
    uint32_t highest; /* meaningless while count is 0 */
};

/* Makes room for an index, so that adding it cannot fail; *ret_new: the set doesn't have it yet.
 * ERR_NOMEM */
enum err spool_index_set_reserve(struct spool_index_set *set, uint32_t index, bool *ret_new);
/* Adds an index that the set doesn't have; there must be room. */
void spool_index_set_add(struct spool_index_set *set, uint32_t index);
void spool_index_set_free(struct spool_index_set *set);

/* The lowest index of the set above another; false: no such index. */
bool spool_index_set_next(const struct spool_index_set *set, uint32_t above, uint32_t *ret_index);

/* The indexes in [from, below) that are not in the set. ERR_NOMEM */
enum err spool_index_set_gaps(const struct spool_index_set *set, uint32_t from, uint32_t below,
                              struct spool_ranges *ret_gaps);

#endif
