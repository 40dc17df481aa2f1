/* SPDX-License-Identifier: MIT
 * power_check.h - the product on what a power cut left: starts it, reads everything, compares with
 * what was promised. */
#ifndef PENSTOCK_TESTS_POWER_CHECK_H
#define PENSTOCK_TESTS_POWER_CHECK_H

#include "tests/power/power_oracle.h"

struct power_check {
    const struct oracle *oracle;
    const char *path; /* of the spool, which is changed by looking at it */
    bool idle_first;  /* before all that it starts and stops without doing anything */

    /* found out; counts of events */
    uint64_t promised;             /* acknowledged and not done: all of them must come */
    uint64_t delivered;            /* came, with those that nobody was promised */
    uint64_t unacknowledged_twice; /* not acknowledged, and came under two ids */
    uint64_t lost;                 /* damaged, missing, and reported */
    bool torn_end;                 /* a gap in the last batch was reported, with nothing lost */
    int64_t open_us;
};

/* Two starts: the first one accepts an event, delivers everything, and says so; the second one must
 * find nothing left to do. False: a promise is broken, and msg says which. Not thread-safe. */
bool power_check_run(struct power_check *check, struct errmsg *msg);

#endif
