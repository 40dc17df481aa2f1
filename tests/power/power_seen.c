/* SPDX-License-Identifier: MIT
 * power_seen.c - open addressing in a table that is never more than half full. */
#include "tests/power/power_seen.h"

#include <stdlib.h>

static bool put(uint64_t *slots, size_t capacity, uint64_t hash)
{
    size_t i = (size_t)hash & (capacity - 1);
    while (slots[i] != 0 && slots[i] != hash)
        i = (i + 1) & (capacity - 1);
    bool is_new = slots[i] == 0;
    slots[i] = hash;
    return is_new;
}

bool power_seen_add(struct power_seen *seen, uint64_t hash)
{
    if (seen->count * 2 >= seen->capacity) {
        size_t capacity = seen->capacity == 0 ? 1024 : seen->capacity * 2;
        uint64_t *slots = calloc(capacity, sizeof *slots);
        if (slots == NULL)
            abort();
        for (size_t i = 0; i < seen->capacity; i++)
            if (seen->slots[i] != 0)
                put(slots, capacity, seen->slots[i]);
        free(seen->slots);
        seen->slots = slots;
        seen->capacity = capacity;
    }
    bool is_new = put(seen->slots, seen->capacity, hash == 0 ? 1 : hash);
    seen->count += is_new;
    return is_new;
}

void power_seen_free(struct power_seen *seen)
{
    free(seen->slots);
    *seen = (struct power_seen){0};
}
