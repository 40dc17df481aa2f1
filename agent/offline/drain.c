/* SPDX-License-Identifier: MIT
 * drain.c - `penstock drain`: forwards what a spool still holds, without an agent and without
 * taking anything new. */
#include "agent/agent.h"

#include "agent/cli/options.h"
#include "agent/run/memory.h"
#include "base/clock.h"
#include "base/log.h"
#include "bridge/bridge.h"
#include "config/config.h"
#include "spool/spool.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { TICK_MS = 100, PROGRESS_MS = 2000, FLUSH_MS = 5000 };

static void log_spool(void *arg, const struct spool_report *report)
{
    (void)arg;
    log_event(report->problem ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, report->event, "%s",
              report->detail);
}

static void log_bridge(void *arg, const struct bridge_report *report)
{
    (void)arg;
    log_event(report->problem ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, report->event, "%s",
              report->detail);
}

static void say_progress(const struct spool_stats *stats)
{
    log_event(LOG_LEVEL_INFO, "draining",
              "delivered=%" PRIu64 " pending=%" PRIu64 "%s lost=%" PRIu64
              " segments_unread=%" PRIu64,
              stats->books.delivered, stats->books.pending, stats->counting ? "+" : "",
              stats->books.lost, stats->backlog_segments);
}

/* Waits until all is done, a signal comes, or the time is over. True: all is done. */
static bool wait_until_done(struct spool *spool, struct bridge *bridge, const sigset_t *signals,
                            int64_t timeout_ms)
{
    int64_t start_ms = clock_monotonic_ms(), said_ms = 0;
    for (;;) {
        struct spool_stats stats;
        struct bridge_stats bridge_stats;
        spool_stats_get(spool, &stats);
        bridge_stats_get(bridge, &bridge_stats);
        int64_t now_ms = clock_monotonic_ms();
        if (now_ms - said_ms >= PROGRESS_MS) {
            say_progress(&stats);
            said_ms = now_ms;
        }
        if (!stats.counting && stats.books.pending == 0 && stats.backlog_segments == 0 &&
            bridge_stats.in_flight_events == 0)
            return true;
        if (timeout_ms > 0 && now_ms - start_ms > timeout_ms)
            return false;
        if (sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = TICK_MS * 1000000}) > 0)
            return bridge_drain(bridge, FLUSH_MS);
    }
}

static int drain(const struct config *config, int64_t timeout_ms)
{
    struct spool *spool = NULL;
    struct bridge *bridge = NULL;
    struct errmsg msg = {""};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    agent_return_memory_soon();
    log_begin();
    log_set_level(config->log_level);
    enum err rc = spool_open(&config->spool, log_spool, NULL, &spool, &msg);
    if (rc == ERR_OK)
        rc = bridge_start(&config->bridge, spool, log_bridge, NULL, &bridge, &msg);
    bool done = rc == ERR_OK && wait_until_done(spool, bridge, &signals, timeout_ms);
    struct spool_stats stats = {0};
    bridge_stop(bridge);
    if (rc == ERR_OK)
        spool_stats_get(spool, &stats);
    spool_close(spool);
    if (rc != ERR_OK) {
        fprintf(stderr, "penstock drain: %s\n", msg.text);
        return EXIT_FAILED;
    }
    printf("%s: %" PRIu64 " events delivered in all, %" PRIu64 " left, %" PRIu64 " lost%s\n",
           config->spool.path, stats.books.delivered, stats.books.pending, stats.books.lost,
           done ? "" : "; run it again to go on");
    return done ? EXIT_DONE : EXIT_FAILED;
}

/* Sets bootstrap.servers as one more piece of a config file: Kafka's properties have no row in the
 * table of settings. */
static enum err set_bootstrap(struct config *config, const char *servers, struct errmsg *msg)
{
    char text[1024];
    if (strpbrk(servers, "'\n") != NULL || strlen(servers) > sizeof text - 64)
        return errmsg_set(msg, ERR_INVALID, "--bootstrap is no HOST:PORT: '%s'", servers);
    snprintf(text, sizeof text, "kafka: {bootstrap.servers: '%s'}\n", servers);
    return config_load_text("--bootstrap", bytes_of_string(text), config, msg);
}

static enum err configure(const struct agent_drain_options *options, struct config *config,
                          struct errmsg *msg)
{
    enum err rc = config_init_defaults(config);
    if (rc == ERR_OK && options->config != NULL)
        rc = config_load(options->config, config, msg);
    if (rc == ERR_OK)
        rc = config_set(config, "spool.path", &options->spool, 1, msg);
    if (rc == ERR_OK && options->bootstrap != NULL)
        rc = set_bootstrap(config, options->bootstrap, msg);
    if (rc == ERR_OK && options->log_level != NULL)
        rc = config_set(config, "log.level", &options->log_level, 1, msg);
    config->spool.create = false;
    config->spool.forward_only = true;
    return rc == ERR_OK ? config_check(config, msg) : rc;
}

int agent_drain(const struct agent_command *self, int argc, char **argv)
{
    struct agent_drain_options options;
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    int code = agent_drain_options_parse(self, argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct config config;
    struct errmsg msg = {"out of memory"};
    if (configure(&options, &config, &msg) == ERR_OK) {
        code = drain(&config, options.timeout_ms);
    } else {
        fprintf(stderr, "penstock drain: %s\n", msg.text);
        code = EXIT_USAGE;
    }
    config_free(&config);
    return code;
}
