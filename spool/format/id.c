/* SPDX-License-Identifier: MIT
 * id.c - the next segment id. */
#include "spool/format/id.h"

#define WALL_MS_2200 7258118400000ll /* 2200-01-01 UTC: a clock beyond it is broken */

uint64_t spool_segment_id_next(uint64_t known_max, int64_t wall_ms)
{
    uint64_t by_clock = wall_ms < 0 || wall_ms > WALL_MS_2200 ? 0 : (uint64_t)wall_ms / 16;
    return by_clock > known_max ? by_clock : known_max + 1;
}

int spool_id_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}
