/* SPDX-License-Identifier: MIT
 * run.c - `penstock run`: listens, starts the guard that opens the spool, waits for a signal, stops
 * all parts in order. */
#include "agent/agent.h"

#include "agent/cli/options.h"
#include "agent/pages/page.h"
#include "agent/pages/state.h"
#include "agent/run/admin.h"
#include "agent/run/guard.h"
#include "agent/run/memory.h"
#include "agent/run/reload.h"
#include "agent/run/service.h"
#include "base/clock.h"
#include "base/random.h"
#include "config/config.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DRAIN_MS_MAX = 5000, PAGE_COUNT = 8 };

/* ---- the process ----------------------------------------------------------------------------- */

/* Signals that all threads start with blocked; only the main thread takes them. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP); /* reload; without a file to load: the terminal went away */
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* on failure the agent takes fewer connections */
    }
}

/* A second signal ends the process at once; a reload is too late then. */
static void on_second_signal(int number)
{
    _exit(128 + number);
}

static void arm_second_signal(const struct agent_run_options *options, const sigset_t *signals)
{
    struct sigaction action = {.sa_handler = on_second_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (options->config != NULL)
        action.sa_handler = SIG_IGN;
    sigaction(SIGHUP, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

/* ---- starting and stopping ------------------------------------------------------------------- */

struct running {
    const struct agent_run_options *options;
    struct agent_config **newest;
    const struct config *config; /* the config at the start */
    struct agent_state state;
    struct ingest_page pages[PAGE_COUNT];
    struct agent_guard_calls calls;
    struct agent_guard *guard;
    struct agent_admin *admin;
    struct agent_service service;
    pthread_t main_thread;
    int64_t start_ns;
    bool up; /* a spool was open; belongs to the guard until that has stopped */
    atomic_bool gave_up;
    struct errmsg why; /* written before gave_up */
};

static void on_up(void *arg);
static void on_gave_up(void *arg, const struct errmsg *why);
static void on_let_go(void *arg);

/* Listens before the spool is there, so that clients and health checks get an answer in any
 * case. */
static enum err start_all(struct running *running, struct errmsg *msg)
{
    struct ingest *ingest = NULL;
    enum err rc =
        ingest_start(&running->config->ingest, NULL, running->pages, PAGE_COUNT, &ingest, msg);
    if (rc != ERR_OK) {
        errmsg_wrap(msg, "listen.http");
        return rc;
    }
    pthread_rwlock_wrlock(&running->state.lock);
    running->state.ingest = ingest;
    pthread_rwlock_unlock(&running->state.lock);
    for (size_t i = 0; i < ingest_address_count(ingest); i++)
        log_event(LOG_LEVEL_INFO, "listening", "address=%s", ingest_address(ingest, i));
    running->calls = (struct agent_guard_calls){
        .up = on_up, .gave_up = on_gave_up, .let_go = on_let_go, .arg = running};
    rc = agent_admin_start(&running->state, &running->admin);
    return rc == ERR_OK ? agent_guard_start(running->config, &running->state, &running->calls,
                                            &running->guard, msg)
                        : errmsg_set(msg, rc, "out of memory");
}

static void stop_all(struct running *running)
{
    struct ingest *ingest = running->state.ingest;
    if (ingest != NULL)
        ingest_stop_accepting(ingest);
    agent_guard_stop(running->guard); /* spool and bridge no longer change from here on */
    agent_admin_stop(running->admin);
    struct spool *spool = running->state.spool;
    struct bridge *bridge = running->state.bridge;
    if (spool != NULL)
        spool_stop_taking(spool); /* commits what was taken; every waiting request is answered */
    bool drained = bridge != NULL && bridge_drain(bridge, DRAIN_MS_MAX);
    ingest_stop(ingest); /* the pages end here */
    bridge_stop(bridge);
    spool_close(spool);
    if (running->up)
        log_event(LOG_LEVEL_INFO, "stopped", "all_delivered=%s", drained ? "yes" : "no");
}

/* Words with which curl reaches an address: the options and the beginning of the URL. */
static void curl_words(const char *address, char *out, size_t size)
{
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    snprintf(out, size, is_unix ? "--unix-socket '%s' http://localhost" : "http://%s",
             is_unix ? address + 5 : address);
}

/* Lines to copy, for a first try. */
static void print_first_steps(const struct running *running)
{
    struct bridge_stats stats;
    char curl[512];
    bridge_stats_get(running->state.bridge, &stats);
    curl_words(ingest_address(running->state.ingest, 0), curl, sizeof curl);
    log_event(LOG_LEVEL_INFO, "mock_kafka_started", "bootstrap=%s", stats.bootstrap);
    printf("\nPenstock runs with a Kafka inside, in memory, for trying out.\n"
           "  send an event:     curl -d hello %s/topics/demo\n"
           "  see it arrive:     kcat -b %s -C -t demo -e\n"
           "  look inside:       curl %s/status.txt\n"
           "Ctrl-C stops it.\n\n",
           curl, stats.bootstrap, curl);
    fflush(stdout);
}

/* Called on the guard's thread, as the next function. */
static void on_up(void *arg)
{
    struct running *running = arg;
    char uuid[UUID_TEXT_SIZE];
    uuid_format(spool_uuid(running->state.spool), uuid);
    running->up = true;
    log_event(LOG_LEVEL_INFO, "started", "version=%s spool=%s spool_id=%s start_ms=%.1f pid=%d",
              PENSTOCK_VERSION, log_quote(running->config->spool.path), uuid,
              (double)(clock_monotonic_ns() - running->start_ns) / 1e6, (int)getpid());
    if (running->config->bridge.mock_kafka)
        print_first_steps(running);
}

static void on_let_go(void *arg)
{
    agent_admin_forget(((struct running *)arg)->admin);
}

static void on_gave_up(void *arg, const struct errmsg *why)
{
    struct running *running = arg;
    running->why = *why;
    atomic_store(&running->gave_up, true);
    pthread_kill(running->main_thread, SIGTERM); /* ends its wait */
}

static void list_pages(struct running *running)
{
    static const struct {
        const char *path;
        ingest_page_fn *render;
        ingest_answer_fn *answer;
    } rows[PAGE_COUNT] = {
        {"/", agent_page_index, NULL},
        {"/healthz", agent_page_health, NULL},
        {"/readyz", agent_page_ready, NULL},
        {"/status", agent_page_status, NULL},
        {"/status.txt", agent_page_status_text, NULL},
        {"/metrics", agent_page_metrics, NULL},
        {"/receipts/", NULL, agent_page_receipt},
        {"/progress", NULL, agent_page_progress},
    };
    for (size_t i = 0; i < PAGE_COUNT; i++)
        running->pages[i] = (struct ingest_page){
            rows[i].path, rows[i].render, &running->state,
            rows[i].render == agent_page_index ? agent_page_policy : NULL, rows[i].answer};
}

/* Waits for the next signal; meanwhile the service manager hears of the agent. */
static int wait_for_signal(struct running *running, const sigset_t *signals)
{
    int64_t interval_ms = agent_service_interval_ms(&running->service);
    struct timespec interval = {.tv_sec = interval_ms / 1000,
                                .tv_nsec = interval_ms % 1000 * 1000000};
    int number;
    while ((number = interval_ms > 0 ? sigtimedwait(signals, NULL, &interval)
                                     : sigwaitinfo(signals, NULL)) < 0)
        if (errno == EAGAIN)
            agent_service_tick(&running->service);
    return number;
}

static enum err wait_for_the_end(struct running *running, const sigset_t *signals,
                                 struct errmsg *msg)
{
    int number;
    while ((number = wait_for_signal(running, signals)) == SIGHUP &&
           running->options->config != NULL) {
        agent_service_reloading(&running->service);
        agent_reload(running->options, &running->state, running->guard, running->newest);
        agent_service_ready(&running->service);
    }
    if (atomic_load(&running->gave_up)) {
        *msg = running->why;
        return ERR_UNAVAILABLE;
    }
    log_event(LOG_LEVEL_INFO, "stopping", "signal=%s", strsignal(number));
    return ERR_OK;
}

static int run_until_signal(const struct agent_run_options *options, struct agent_config **newest)
{
    const struct config *config = &(*newest)->config;
    struct running running = {.options = options,
                              .newest = newest,
                              .config = config,
                              .state = {.started_ms = clock_monotonic_ms()},
                              .main_thread = pthread_self(),
                              .start_ns = clock_monotonic_ns()};
    sigset_t signals;
    block_signals(&signals);
    raise_descriptor_limit();
    agent_return_memory_soon();
    log_begin();
    log_set_level(config->log_level);
    pthread_rwlock_init(&running.state.lock, NULL);
    list_pages(&running);
    agent_service_open(&running.service, &running.state);

    struct errmsg msg = {""};
    enum err rc = start_all(&running, &msg);
    if (rc == ERR_OK) {
        agent_service_ready(&running.service);
        rc = wait_for_the_end(&running, &signals, &msg);
    }
    if (rc != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "start_failed", "error=%s", log_quote(msg.text));
    arm_second_signal(options, &signals);
    agent_service_stopping(&running.service);
    stop_all(&running);
    agent_service_close(&running.service);
    pthread_rwlock_destroy(&running.state.lock);
    return rc == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the command ----------------------------------------------------------------------------- */

int agent_run(const struct agent_command *self, int argc, char **argv)
{
    struct agent_run_options options = {0};
    if (agent_wants_help(self, argc, argv))
        return EXIT_DONE;
    int code = agent_run_options_parse(self, argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct agent_config *config = NULL;
    struct errmsg msg = {""};
    if (agent_config_load(&options, &config, &msg) != ERR_OK) {
        fprintf(stderr, "penstock run: %s\n", msg.text);
        return EXIT_USAGE;
    }
    code = run_until_signal(&options, &config);
    agent_config_free(config);
    return code;
}
