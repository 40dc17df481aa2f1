/* SPDX-License-Identifier: MIT
 * sim_faults_kafka.c - brokers that are away, slow, or say no. */
#include "tests/sim/sim_faults.h"
#include "tests/sim/sim_kafka.h"
#include "tests/sim/sim_life.h"
#include "tests/sim/sim_mends.h"
#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>

static void mend(const struct sim_mend *mend)
{
    switch ((enum sim_step_kind)mend->handle) {
    case SIM_STEP_AWAY: sim_kafka_set_away(false); break;
    case SIM_STEP_SLOW_KAFKA: sim_kafka_set_delay_ms(1, 20); break;
    case SIM_STEP_LOST_ANSWERS: sim_kafka_set_lost_answers(0); break;
    case SIM_STEP_NO_TOPIC: sim_kafka_make_topic(mend->text, (int)mend->number); break;
    case SIM_STEP_LEADERLESS: sim_kafka_set_leaderless(mend->text, false); break;
    case SIM_STEP_FORBIDDEN: sim_kafka_set_forbidden(mend->text, false); break;
    default: sim_kafka_set_max_bytes(mend->text, 0); break;
    }
    sim_oracle_trouble(mend->text, -1);
    sim_note("mended: %s %s", sim_step_name((enum sim_step_kind)mend->handle),
             mend->text != NULL ? mend->text : "");
}

static void harm(const struct sim_step *step, const char *topic)
{
    switch (step->kind) {
    case SIM_STEP_AWAY: sim_kafka_set_away(true); break;
    case SIM_STEP_SLOW_KAFKA: sim_kafka_set_delay_ms(step->b / 2, step->b); break;
    case SIM_STEP_LOST_ANSWERS: sim_kafka_set_lost_answers(step->b); break;
    case SIM_STEP_NO_TOPIC: sim_kafka_delete_topic(topic); break;
    case SIM_STEP_LEADERLESS: sim_kafka_set_leaderless(topic, true); break;
    case SIM_STEP_FORBIDDEN: sim_kafka_set_forbidden(topic, true); break;
    default: sim_kafka_set_max_bytes(topic, SIM_SMALL_LIMIT); break;
    }
}

bool sim_faults_kafka(const struct sim_step *step, const struct sim_world *world)
{
    const char *topic = sim_topic_name(step->b % world->topics);
    bool all = step->kind == SIM_STEP_AWAY || step->kind == SIM_STEP_SLOW_KAFKA ||
               step->kind == SIM_STEP_LOST_ANSWERS;
    switch (step->kind) {
    case SIM_STEP_AWAY:
    case SIM_STEP_SLOW_KAFKA:
    case SIM_STEP_LOST_ANSWERS:
    case SIM_STEP_NO_TOPIC:
    case SIM_STEP_LEADERLESS:
    case SIM_STEP_FORBIDDEN:
    case SIM_STEP_SMALL_LIMIT: break;
    case SIM_STEP_GROW: sim_kafka_make_topic(topic, (int)world->partitions + 1); return true;
    case SIM_STEP_CLUSTER:
        sim_note("another cluster");
        sim_kafka_change_cluster();
        sim_oracle_disturb(1);
        sim_oracle_disturb(-1);
        return true;
    default: return false;
    }
    sim_note("kafka: %s %s for %u ms", sim_step_name(step->kind), all ? "" : topic, step->a);
    harm(step, topic);
    sim_oracle_trouble(all ? NULL : topic, 1);
    sim_mends_add(&(struct sim_mend){mend, sim_now_ms() + step->a, world->partitions,
                                     all ? NULL : topic, step->kind});
    return true;
}
