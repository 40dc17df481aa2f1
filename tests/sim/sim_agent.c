/* SPDX-License-Identifier: MIT
 * sim_agent.c - start, stop, kill. */
#include "tests/sim/sim_agent.h"

#include "bridge/bridge.h"
#include "spool/spool_event_status.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_kafka.h"
#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_AGAIN_MS 1000
#define DRAIN_MS      5000
#define STOP_MS       20000 /* with the drain */

static struct {
    const struct sim_world *world;
    struct spool_options spool_options;
    struct bridge_options *bridge_options;
    struct spool *spool;
    struct bridge *bridge;
    bool running;
    unsigned users;      /* fibers inside sim_agent_call() */
    unsigned generation; /* processes so far */
} agent;

static void on_spool_report(void *arg, const struct spool_report *report)
{
    (void)arg;
    sim_note("spool %s %s", report->event, report->detail);
}

static void on_bridge_report(void *arg, const struct bridge_report *report)
{
    (void)arg;
    sim_note("bridge %s %s", report->event, report->detail);
}

static struct bridge_options *new_bridge_options(void)
{
    struct bridge_options *options = calloc(1, sizeof *options);
    *options = (struct bridge_options)BRIDGE_OPTIONS_DEFAULT;
    options->delivery = BRIDGE_AT_LEAST_ONCE;
    options->backoff_ms_max = agent.world->backoff_ms_max;
    options->in_flight_events_max = agent.world->in_flight_events;
    return options;
}

void sim_agent_begin(const struct sim_world *world)
{
    agent.world = world;
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    static char path[] = SIM_SPOOL_PATH;
    options.path = path;
    options.create = true;
    options.segment_bytes = SPOOL_SEGMENT_BYTES_MIN;
    options.free_bytes_min = 2 * SPOOL_SEGMENT_BYTES_MIN;
    options.size_bytes_max = world->size_bytes;
    options.window_bytes_max = world->window_bytes;
    options.topics_max = world->topics_max;
    options.cursor_interval_ms = world->cursor_interval_ms;
    options.topic_share_percent = 100;
    agent.spool_options = options;
    agent.bridge_options = new_bridge_options();
}

/* ---- starting -------------------------------------------------------------------------------- */

struct opening {
    enum err rc;
    struct errmsg msg;
};

static void open_all(void *arg)
{
    struct opening *opening = arg;
    struct spool *spool;
    opening->rc = spool_open(&agent.spool_options, on_spool_report, NULL, &spool, &opening->msg);
    if (opening->rc != ERR_OK)
        return;
    struct bridge *bridge;
    opening->rc =
        bridge_start(agent.bridge_options, spool, on_bridge_report, NULL, &bridge, &opening->msg);
    if (opening->rc != ERR_OK) {
        spool_close(spool);
        return;
    }
    agent.spool = spool;
    agent.bridge = bridge;
    agent.running = true;
}

bool sim_agent_start(void)
{
    unsigned generation = ++agent.generation;
    for (;;) {
        struct opening *opening = calloc(1, sizeof *opening);
        sim_note("start");
        sim_oracle_started();
        if (!sim_sched_call_program(open_all, opening) || agent.generation != generation)
            return false;
        if (agent.running)
            return true;
        sim_note("start failed: %s %s", err_name(opening->rc), opening->msg.text);
        sim_sleep_ms(OPEN_AGAIN_MS);
        if (agent.generation != generation)
            return false;
    }
}

bool sim_agent_runs(void)
{
    return agent.running;
}

struct call {
    void (*fn)(struct spool *spool, void *arg);
    void *arg;
};

static void make_call(void *arg)
{
    const struct call *call = arg;
    call->fn(agent.spool, call->arg);
}

bool sim_agent_call(void (*fn)(struct spool *spool, void *arg), void *arg)
{
    if (!agent.running)
        return false;
    struct call call = {fn, arg};
    unsigned generation = agent.generation;
    agent.users++;
    bool ok = sim_sched_call_program(make_call, &call);
    if (agent.generation == generation)
        agent.users--;
    return ok && agent.generation == generation;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void stop_all(void *arg)
{
    (void)arg;
    spool_stop_taking(agent.spool);
    bool drained = bridge_drain(agent.bridge, DRAIN_MS);
    bridge_stop(agent.bridge);
    spool_close(agent.spool);
    sim_note("stopped all_delivered=%s", drained ? "yes" : "no");
}

void sim_agent_stop(void)
{
    unsigned generation = agent.generation;
    int64_t begin_ms = sim_now_ms();
    agent.running = false;
    sim_note("stop");
    while (agent.users > 0 && agent.generation == generation)
        sim_sleep_ms(10);
    int64_t calm_ms = sim_oracle_calm_ms();
    if (agent.generation != generation || !sim_sched_call_program(stop_all, NULL))
        return;
    agent.generation++;
    agent.spool = NULL;
    agent.bridge = NULL;
    sim_oracle_stopped();
    int64_t took_ms = sim_now_ms() - begin_ms;
    if (took_ms > STOP_MS && calm_ms > 0 && sim_oracle_calm_ms() >= took_ms)
        sim_oracle_find("slow_stop", "the stop took %" PRId64 " ms", took_ms);
    if (sim_sched_program_fibers() != 0)
        sim_oracle_find("threads_left", "%zu after the stop", sim_sched_program_fibers());
}

void sim_agent_kill(bool power_cut)
{
    sim_note(power_cut ? "power cut" : "kill");
    agent.running = false;
    agent.generation++;
    agent.users = 0;
    agent.spool = NULL;
    agent.bridge = NULL;
    sim_sched_kill_program();
    sim_kafka_client_died();
    if (power_cut)
        sim_disk_power_cut();
    else
        sim_disk_kill();
    sim_oracle_died();
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void reload(struct spool *spool, void *arg)
{
    (void)spool, (void)arg;
    bridge_set_options(agent.bridge, agent.bridge_options);
}

void sim_agent_reload(void)
{
    sim_note("reload");
    agent.bridge_options = new_bridge_options();
    sim_agent_call(reload, NULL);
}

static void set_limits(struct spool *spool, void *arg)
{
    (void)arg;
    spool_set_limits(spool, &agent.spool_options);
}

void sim_agent_set_limits(uint64_t size_bytes_max)
{
    agent.spool_options.size_bytes_max = size_bytes_max;
    sim_agent_call(set_limits, NULL);
}

/* ---- tools ----------------------------------------------------------------------------------- */

struct drain {
    const char *path;
    int64_t max_ms;
    bool ok;
};

static void drain(void *arg)
{
    struct drain *d = arg;
    struct spool_options options = agent.spool_options;
    struct errmsg msg = {""};
    struct spool *spool;
    struct bridge *bridge;
    options.path = (char *)(uintptr_t)d->path;
    options.create = false;
    options.forward_only = true;
    enum err rc = spool_open(&options, on_spool_report, NULL, &spool, &msg);
    if (rc == ERR_OK)
        rc = bridge_start(agent.bridge_options, spool, on_bridge_report, NULL, &bridge, &msg);
    if (rc != ERR_OK) {
        sim_oracle_find("drain_refused", "%s: %s", err_name(rc), msg.text);
        return;
    }
    struct spool_done done = {0};
    struct spool_stats stats;
    for (int64_t end_ms = sim_now_ms() + d->max_ms; sim_now_ms() < end_ms && !done.all;) {
        sim_sleep_ms(500);
        spool_stats_get(spool, &stats);
        spool_done_get(spool, BYTES_NULL, &done);
        done.all = done.all && !stats.counting && stats.books.pending == 0;
    }
    sim_note("drained all=%d delivered=%" PRIu64 " pending=%" PRIu64 " lost=%" PRIu64, done.all,
             stats.books.delivered, stats.books.pending, stats.books.lost);
    sim_oracle_judge_drained(spool);
    bridge_stop(bridge);
    spool_close(spool);
    d->ok = true;
}

void sim_agent_drain(const char *path, int64_t max_ms)
{
    struct drain d = {path, max_ms, false};
    sim_sched_call_program(drain, &d);
}

static void renew(void *arg)
{
    struct spool_renewed renewed;
    struct errmsg msg = {""};
    enum err rc = spool_renew(&agent.spool_options, &renewed, &msg);
    sim_note("renewed %s %s", err_name(rc), msg.text);
    *(bool *)arg = rc == ERR_OK;
}

bool sim_agent_renew(void)
{
    bool ok = false;
    sim_sched_call_program(renew, &ok);
    return ok;
}
