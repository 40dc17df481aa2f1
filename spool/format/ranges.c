/* SPDX-License-Identifier: MIT
 * ranges.c - a bitmap of indexes, and its gaps. */
#include "spool/format/ranges.h"

#include <stdlib.h>
#include <string.h>

void spool_ranges_free(struct spool_ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct spool_ranges){0};
}

void spool_index_set_free(struct spool_index_set *set)
{
    free(set->words);
    *set = (struct spool_index_set){0};
}

static bool contains(const struct spool_index_set *set, uint32_t index)
{
    return index / 64 < set->word_count && (set->words[index / 64] >> (index % 64) & 1) != 0;
}

enum err spool_index_set_reserve(struct spool_index_set *set, uint32_t index, bool *ret_new)
{
    size_t word = index / 64;
    if (word >= set->word_count) {
        size_t word_count = set->word_count == 0 ? 1024 : set->word_count;
        while (word_count <= word)
            word_count *= 2;
        uint64_t *words = realloc(set->words, word_count * sizeof *words);
        if (words == NULL)
            return ERR_NOMEM;
        memset(words + set->word_count, 0, (word_count - set->word_count) * sizeof *words);
        set->words = words;
        set->word_count = word_count;
    }
    *ret_new = !contains(set, index);
    return ERR_OK;
}

void spool_index_set_add(struct spool_index_set *set, uint32_t index)
{
    set->words[index / 64] |= 1ull << (index % 64);
    if (set->count++ == 0 || index > set->highest)
        set->highest = index;
}

bool spool_index_set_next(const struct spool_index_set *set, uint32_t above, uint32_t *ret_index)
{
    if (set->count == 0 || above >= set->highest)
        return false;
    size_t word = ((size_t)above + 1) / 64;
    uint64_t bits = set->words[word] & UINT64_MAX << (above + 1) % 64;
    while (bits == 0)
        bits = set->words[++word]; /* ends: `highest` lies above */
    *ret_index = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
    return true;
}

static bool word_is_full(const struct spool_index_set *set, uint32_t index)
{
    return index % 64 == 0 && index / 64 < set->word_count && set->words[index / 64] == UINT64_MAX;
}

static enum err push(struct spool_ranges *ranges, size_t *capacity, uint32_t first, uint32_t last)
{
    if (ranges->count == *capacity) {
        *capacity = *capacity < 8 ? 16 : *capacity * 2;
        struct spool_range *items = realloc(ranges->items, *capacity * sizeof *items);
        if (items == NULL)
            return ERR_NOMEM;
        ranges->items = items;
    }
    ranges->items[ranges->count++] = (struct spool_range){first, last};
    ranges->total += (uint64_t)last - first + 1;
    return ERR_OK;
}

enum err spool_index_set_gaps(const struct spool_index_set *set, uint32_t from, uint32_t below,
                              struct spool_ranges *ret_gaps)
{
    struct spool_ranges gaps = {0};
    size_t capacity = 0;
    for (uint32_t index = from; index < below;) {
        if (word_is_full(set, index)) {
            index += 64;
            continue;
        }
        uint32_t first = index;
        while (index < below && !contains(set, index))
            index++;
        if (index == first) {
            index++;
        } else if (push(&gaps, &capacity, first, index - 1) != ERR_OK) {
            spool_ranges_free(&gaps);
            return ERR_NOMEM;
        }
    }
    *ret_gaps = gaps;
    return ERR_OK;
}

enum err spool_ranges_from(const struct spool_ranges *ranges, uint32_t from,
                           struct spool_ranges *ret_above)
{
    struct spool_ranges above = {0};
    size_t capacity = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        struct spool_range range = ranges->items[i];
        if (range.last < from)
            continue;
        if (push(&above, &capacity, range.first < from ? from : range.first, range.last) !=
            ERR_OK) {
            spool_ranges_free(&above);
            return ERR_NOMEM;
        }
    }
    *ret_above = above;
    return ERR_OK;
}

/* Cuts each range at the borders of the other list's; keeps the parts inside those, or outside. */
static enum err cut(const struct spool_ranges *ranges, const struct spool_ranges *other,
                    bool inside, struct spool_ranges *ret)
{
    struct spool_ranges kept = {0};
    enum err rc = ERR_OK;
    for (size_t i = 0, k = 0; rc == ERR_OK && i < ranges->count; i++) {
        uint64_t at = ranges->items[i].first, end = (uint64_t)ranges->items[i].last + 1;
        while (rc == ERR_OK && at < end) {
            while (k < other->count && other->items[k].last < at)
                k++;
            bool in = k < other->count && other->items[k].first <= at;
            uint64_t border = k == other->count ? end
                              : in              ? (uint64_t)other->items[k].last + 1
                                                : other->items[k].first;
            uint64_t until = border < end ? border : end;
            if (in == inside)
                rc = spool_ranges_append(&kept, (uint32_t)at, (uint32_t)(until - 1));
            at = until;
        }
    }
    if (rc != ERR_OK)
        spool_ranges_free(&kept);
    else
        *ret = kept;
    return rc;
}

enum err spool_ranges_minus(const struct spool_ranges *ranges, const struct spool_ranges *other,
                            struct spool_ranges *ret_rest)
{
    return cut(ranges, other, false, ret_rest);
}

enum err spool_ranges_and(const struct spool_ranges *ranges, const struct spool_ranges *other,
                          struct spool_ranges *ret_both)
{
    return cut(ranges, other, true, ret_both);
}

bool spool_ranges_have(const struct spool_ranges *ranges, uint32_t index)
{
    size_t low = 0, high = ranges->count; /* position of the first range that ends at the index or
                                           * above */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].last < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ranges->count && ranges->items[low].first <= index;
}

enum err spool_ranges_append(struct spool_ranges *ranges, uint32_t first, uint32_t last)
{
    size_t capacity = ranges->count;
    if (ranges->count > 0 && ranges->items[ranges->count - 1].last + 1 == first) {
        ranges->items[ranges->count - 1].last = last;
        ranges->total += (uint64_t)last - first + 1;
        return ERR_OK;
    }
    return push(ranges, &capacity, first, last);
}
