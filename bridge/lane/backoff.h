/* SPDX-License-Identifier: MIT
 * backoff.h - how long to wait before the next try: doubling, bounded, with jitter. Pure. */
#ifndef PENSTOCK_BRIDGE_LANE_BACKOFF_H
#define PENSTOCK_BRIDGE_LANE_BACKOFF_H

#include <stdint.h>

/* Wait before try number `attempt` (0: the first one after a failure), in ms: between half of and
 * the whole of min(ms_min * 2^attempt, ms_max), evenly by `random`; at least 1. */
int64_t bridge_backoff_ms(unsigned attempt, int64_t ms_min, int64_t ms_max, uint64_t random);

#endif
