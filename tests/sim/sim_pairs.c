/* SPDX-License-Identifier: MIT
 * sim_pairs.c - which faults met: two of them within MEET_MS, or one while the other lasts. */
#include "tests/sim/sim_runs.h"

#define MEET_MS 15000

static unsigned met[SIM_STEP_KINDS][SIM_STEP_KINDS];

static bool meet(const struct sim_step *a, const struct sim_step *b)
{
    return b->at_ms <= a->at_ms + sim_step_lasts_ms(a) + MEET_MS;
}

void sim_pairs_count(const struct sim_history *history)
{
    for (size_t i = 0; i < history->count; i++)
        for (size_t k = i + 1; k < history->count; k++) {
            const struct sim_step *a = &history->steps[i], *b = &history->steps[k];
            if (a->kind == SIM_STEP_SEND || b->kind == SIM_STEP_SEND || !meet(a, b))
                continue;
            bool ordered = a->kind <= b->kind;
            met[ordered ? a->kind : b->kind][ordered ? b->kind : a->kind]++;
        }
}

void sim_pairs_print(bool all)
{
    unsigned never = 0, pairs = 0;
    for (unsigned i = 1; i < SIM_STEP_KINDS; i++)
        for (unsigned k = i; k < SIM_STEP_KINDS; k++) {
            pairs++;
            never += met[i][k] == 0;
            if (all && met[i][k] > 0)
                printf("met %5u  %s + %s\n", met[i][k], sim_step_name(i), sim_step_name(k));
        }
    printf("pairs of faults: %u, met: %u\n", pairs, pairs - never);
    for (unsigned i = 1; i < SIM_STEP_KINDS; i++)
        for (unsigned k = i; k < SIM_STEP_KINDS; k++)
            if (met[i][k] == 0)
                printf("never met: %s + %s\n", sim_step_name(i), sim_step_name(k));
}
