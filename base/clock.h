/* SPDX-License-Identifier: MIT
 * clock.h - wall time and monotonic time; any thread may call. */
#ifndef PENSTOCK_BASE_CLOCK_H
#define PENSTOCK_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void);      /* since 1970-01-01 UTC */
int64_t clock_monotonic_ms(void); /* for intervals and deadlines */
int64_t clock_monotonic_ns(void);

/* Shifts the wall clock, for tests; 0 ends that. Not for use while other threads read. */
void clock_set_wall_offset_ms(int64_t offset_ms);

/* Sleeps at least this long; goes on sleeping over signals. */
void clock_sleep_ms(int64_t duration_ms);

#endif
