/* SPDX-License-Identifier: MIT
 * sim_life.c - one history from its first start to the last judgement. */
#include "tests/sim/sim_life.h"

#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_faults.h"
#include "tests/sim/sim_kafka.h"
#include "tests/sim/sim_letters.h"
#include "tests/sim/sim_mends.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>
#include <stdint.h>

#define WATCH_MS      1000
#define ARRIVE_MS     300000 /* so long after everything is mended may the last event take */
#define BOOKS_MS      35000
#define SMALL_SIZE    ((uint64_t)24 << 20)
#define RESCUED       "rescued"
#define BACKUP        "backup"
#define KILL_CALLS_MS 3000

static struct {
    const struct sim_history *history;
    struct sim_verdict *verdict;
    bool over;
    bool backup;
    int64_t backup_ms;
    unsigned clients;
} life;

/* ---- fibers ---------------------------------------------------------------------------------- */

static void watch_spool(struct spool *spool, void *arg)
{
    (void)arg;
    sim_oracle_watch(spool);
}

static void watch(void *arg)
{
    (void)arg;
    while (!life.over) {
        sim_sleep_ms(WATCH_MS);
        sim_agent_call(watch_spool, NULL);
    }
}

static void client(void *arg)
{
    sim_client_run(life.history, (unsigned)(uintptr_t)arg);
    life.clients--;
}

/* ---- starts and ends ------------------------------------------------------------------------- */

static void start(int64_t after_ms)
{
    sim_sleep_ms(after_ms);
    while (!sim_agent_runs() && !sim_agent_start())
        sim_sleep_ms(1000);
}

static void kill_in_a_call(const struct sim_step *step, bool power_cut)
{
    if (step->b > 0)
        sim_sleep_calls(step->b, KILL_CALLS_MS);
    sim_agent_kill(power_cut);
    start(step->a);
}

static void killer(void *arg)
{
    sim_sleep_ms((int64_t)(uintptr_t)arg);
    sim_agent_kill(false);
}

/* Each start is killed after a moment, be it done or not. */
static void crash_loop(const struct sim_step *step)
{
    for (uint32_t i = 0; i < step->a; i++) {
        if (sim_agent_runs())
            sim_agent_kill(false);
        sim_sleep_ms(200);
        sim_sched_spawn("killer", killer, (void *)(uintptr_t)(step->b + 1));
        (void)sim_agent_start();
        sim_sleep_ms(step->b + 50);
    }
    start(500);
}

static void restore(void)
{
    if (!life.backup)
        return;
    sim_agent_stop();
    sim_note("restore of the backup from %" PRId64, life.backup_ms);
    sim_oracle_history_forked(life.backup_ms);
    sim_disk_remove(SIM_SPOOL_DIR);
    sim_disk_copy(BACKUP, SIM_SPOOL_DIR);
    while (!sim_agent_renew())
        sim_sleep_ms(1000);
    start(100);
}

static void backup(void)
{
    sim_note("backup");
    sim_disk_remove(BACKUP);
    sim_disk_copy(SIM_SPOOL_DIR, BACKUP);
    life.backup_ms = sim_now_ms() - 1000; /* of what is on its way the copy may lack some */
    life.backup = true;
}

static void jump(const struct sim_step *step)
{
    static const int64_t jumps[] = {-86400000, -3600000, -5000, 5000, 3600000, 86400000};
    sim_note("clock jumps by %" PRId64 " ms", jumps[step->a % 6]);
    sim_set_wall_offset_ms(jumps[step->a % 6]);
}

static void unlimit(const struct sim_mend *mend)
{
    (void)mend;
    sim_agent_set_limits(life.history->world.size_bytes);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void execute(const struct sim_step *step)
{
    if (sim_faults_disk(step) || sim_faults_kafka(step, &life.history->world) ||
        sim_faults_damage(step))
        return;
    switch (step->kind) {
    case SIM_STEP_STOP:
        sim_agent_stop();
        start(step->a);
        break;
    case SIM_STEP_KILL: kill_in_a_call(step, false); break;
    case SIM_STEP_POWER_CUT: kill_in_a_call(step, true); break;
    case SIM_STEP_CRASH_LOOP: crash_loop(step); break;
    case SIM_STEP_RELOAD: sim_agent_reload(); break;
    case SIM_STEP_CLOCK: jump(step); break;
    case SIM_STEP_REQUEUE: sim_letters_take(step->a, true); break;
    case SIM_STEP_DROP: sim_letters_take(step->a, false); break;
    case SIM_STEP_LIMITS:
        sim_agent_set_limits(SMALL_SIZE);
        sim_mends_add(&(struct sim_mend){unlimit, sim_now_ms() + step->a, 0, NULL, 0});
        break;
    case SIM_STEP_BACKUP: backup(); break;
    case SIM_STEP_RESTORE: restore(); break;
    default: break;
    }
}

static void judge(struct spool *spool, void *arg)
{
    (void)arg;
    sim_oracle_judge(spool);
}

static void await_arrivals(void)
{
    int64_t end_ms = sim_now_ms() + ARRIVE_MS;
    while (sim_now_ms() < end_ms && !(life.clients == 0 && sim_oracle_all_there()))
        sim_sleep_ms(500);
    sim_sleep_ms(BOOKS_MS);
}

static void rescue(void)
{
    sim_agent_kill(false);
    sim_mends_all();
    sim_disk_copy(SIM_SPOOL_DIR, RESCUED);
    sim_oracle_started();
    sim_agent_drain("/sim/" RESCUED, ARRIVE_MS);
}

static void finish(void)
{
    sim_note("everything is mended");
    sim_mends_all();
    if (!sim_agent_runs())
        start(0);
    await_arrivals();
    sim_agent_call(judge, NULL);
    sim_agent_stop();
    start(100);
    await_arrivals();
    sim_agent_call(judge, NULL);
    sim_agent_stop();
}

static void live(void *arg)
{
    (void)arg;
    const struct sim_history *history = life.history;
    const struct sim_world *world = &history->world;
    bool rescued = false;
    for (unsigned i = 0; i < world->topics; i++)
        sim_kafka_make_topic(sim_topic_name(i), (int)world->partitions);
    sim_disk_set_size((uint64_t)64 << 30);
    if (world->read_ms > 0)
        sim_disk_delay(SIM_DISK_READ, "segments/", world->read_ms);
    sim_agent_begin(world);
    sim_mends_begin();
    start(0);
    sim_sched_spawn("watch", watch, NULL);
    life.clients = world->clients;
    for (unsigned i = 0; i < world->clients; i++)
        sim_sched_spawn("client", client, (void *)(uintptr_t)i);
    for (size_t i = 0; i < history->count && !rescued; i++) {
        const struct sim_step *step = &history->steps[i];
        if (step->at_ms > sim_now_ms())
            sim_sleep_ms(step->at_ms - sim_now_ms());
        if (step->kind == SIM_STEP_RESCUE) {
            rescue();
            rescued = true;
        } else if (step->kind != SIM_STEP_SEND) {
            execute(step);
        }
    }
    if (!rescued && world->end_ms > sim_now_ms())
        sim_sleep_ms(world->end_ms - sim_now_ms());
    if (!rescued)
        finish();
    life.over = true;
    sim_oracle_sum_up();
}

void sim_life_run(const struct sim_history *history, struct sim_verdict *verdict, const char *known)
{
    life.history = history;
    life.verdict = verdict;
    sim_oracle_begin(verdict, known);
    sim_sched_run(history->world.seed, live, NULL);
}
