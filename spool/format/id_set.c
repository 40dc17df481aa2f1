/* SPDX-License-Identifier: MIT
 * id_set.c - a sorted array. */
#include "spool/format/id_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The position where an id is, or belongs. */
static size_t place_of(const struct spool_id_set *set, uint64_t id)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool spool_id_set_has(const struct spool_id_set *set, uint64_t id)
{
    size_t at = place_of(set, id);
    return at < set->count && set->ids[at] == id;
}

enum err spool_id_set_reserve(struct spool_id_set *set)
{
    if (set->count < set->capacity)
        return ERR_OK;
    size_t capacity = set->capacity == 0 ? 64 : set->capacity * 2;
    uint64_t *ids = realloc(set->ids, capacity * sizeof *ids);
    if (ids == NULL)
        return ERR_NOMEM;
    set->ids = ids;
    set->capacity = capacity;
    return ERR_OK;
}

bool spool_id_set_add(struct spool_id_set *set, uint64_t id)
{
    size_t at = place_of(set, id);
    if (at < set->count && set->ids[at] == id)
        return false;
    assert(set->count < set->capacity);
    memmove(set->ids + at + 1, set->ids + at, (set->count - at) * sizeof *set->ids);
    set->ids[at] = id;
    set->count++;
    return true;
}

void spool_id_set_free(struct spool_id_set *set)
{
    free(set->ids);
    *set = (struct spool_id_set){0};
}
