/* SPDX-License-Identifier: MIT
 * times.h - at which times ids were given out. */
#ifndef PENSTOCK_SPOOL_LEDGER_TIMES_H
#define PENSTOCK_SPOOL_LEDGER_TIMES_H

#include <stdint.h>

/* Times at which ids were given out, a bounded number of them: for spool_done.time_ms. Pure;
 * zero-initialised is empty. */
#define SPOOL_TIMES_MAX 512
struct spool_times {
    struct {
        uint64_t id; /* events accepted before the time have lower ids */
        int64_t time_ms;
    } items[SPOOL_TIMES_MAX];
    unsigned next, count;
};
void spool_times_note(struct spool_times *times, uint64_t first_id, int64_t now_ms);
/* The latest time before which every accepted event is done, when all up to done_id are; 0: not
 * known. */
int64_t spool_times_until(const struct spool_times *times, uint64_t done_id);

#endif
