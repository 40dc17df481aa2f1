/* SPDX-License-Identifier: MIT
 * backoff.c - exponential backoff with jitter. */
#include "bridge/lane/backoff.h"

#include <assert.h>

int64_t bridge_backoff_ms(unsigned attempt, int64_t ms_min, int64_t ms_max, uint64_t random)
{
    assert(ms_min >= 0 && ms_max >= ms_min);

    int64_t ceiling = ms_min > 0 ? ms_min : 1;
    while (attempt-- > 0 && ceiling < ms_max)
        ceiling = ceiling > ms_max / 2 ? ms_max : ceiling * 2;
    if (ceiling > ms_max && ms_max > 0)
        ceiling = ms_max;

    int64_t half = ceiling / 2;
    int64_t wait = half + (int64_t)(random % (uint64_t)(ceiling - half + 1));
    return wait > 0 ? wait : 1;
}
