/* SPDX-License-Identifier: MIT
 * sim_mends.c - what ends when. */
#include "tests/sim/sim_mends.h"

#include "tests/sim/sim_sched.h"

#include <stdlib.h>

enum { MENDS_MAX = 512, LOOK_MS = 100 };

static struct sim_mend mends[MENDS_MAX];
static unsigned mend_count;

static void run_due(int64_t until_ms)
{
    for (unsigned i = 0; i < mend_count;) {
        if (mends[i].at_ms > until_ms) {
            i++;
            continue;
        }
        struct sim_mend mend = mends[i];
        mends[i] = mends[--mend_count];
        mend.fn(&mend);
        i = 0;
    }
}

static void tend(void *arg)
{
    (void)arg;
    for (;;) {
        sim_sleep_ms(LOOK_MS);
        run_due(sim_now_ms());
    }
}

void sim_mends_begin(void)
{
    sim_sched_spawn("mends", tend, NULL);
}

void sim_mends_add(const struct sim_mend *mend)
{
    if (mend_count == MENDS_MAX)
        abort();
    mends[mend_count++] = *mend;
}

void sim_mends_all(void)
{
    run_due(INT64_MAX);
}
