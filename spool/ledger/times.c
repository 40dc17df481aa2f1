/* SPDX-License-Identifier: MIT
 * times.c - at which times ids were given out. */
#include "spool/ledger/times.h"

enum { TIMES_EVERY_MS = 100 };

void spool_times_note(struct spool_times *times, uint64_t first_id, int64_t now_ms)
{
    unsigned last = (times->next + SPOOL_TIMES_MAX - 1) % SPOOL_TIMES_MAX;
    if (times->count > 0 && now_ms < times->items[last].time_ms)
        times->count = 0; /* the clock was set back: the noted times are too late */
    if (times->count > 0 && now_ms - times->items[last].time_ms < TIMES_EVERY_MS)
        return;
    times->items[times->next].id = first_id;
    times->items[times->next].time_ms = now_ms;
    times->next = (times->next + 1) % SPOOL_TIMES_MAX;
    if (times->count < SPOOL_TIMES_MAX)
        times->count++;
}

int64_t spool_times_until(const struct spool_times *times, uint64_t done_id)
{
    for (unsigned i = 1; i <= times->count; i++) {
        unsigned at = (times->next + SPOOL_TIMES_MAX - i) % SPOOL_TIMES_MAX;
        if (times->items[at].id <= done_id + 1)
            return times->items[at].time_ms;
    }
    return 0;
}
