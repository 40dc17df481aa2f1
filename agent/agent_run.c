/* SPDX-License-Identifier: MIT
 * agent_run.c - `penstock run`: starts the modules in arrow order, waits for a signal, stops them in reverse. */
#include "agent/agent.h"
#include "agent/agent_options.h"
#include "agent/agent_state.h"

#include "base/clock.h"
#include "base/random.h"
#include "config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DRAIN_MS_MAX = 5000, PAGE_COUNT = 5 };

/* ---- what the modules report becomes log lines ----------------------------------------------------------- */

static void log_spool(void *arg, const struct spool_report *report)
{
    (void)arg;
    log_event(report->problem ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, report->event, "%s", report->detail);
}

static void log_bridge(void *arg, const struct bridge_report *report)
{
    (void)arg;
    log_event(report->problem ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, report->event, "%s", report->detail);
}

/* ---- the process ----------------------------------------------------------------------------------------- */

/* Every thread is started with these blocked; only the main thread takes them. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP); /* the terminal went away */
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* fewer connections then */
    }
}

/* Memory stays where it is used: few arenas, large blocks straight from the kernel and back to it. */
static void tune_memory(void)
{
    mallopt(M_ARENA_MAX, 4);        /* listener, committer, bridge, and Kafka's client don't wait for each other */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 1 << 20);    /* otherwise each commit grows an arena by a page or two, with a system call */
}

/* A second signal ends the process at once. */
static void on_second_signal(int number)
{
    _exit(128 + number);
}

static void arm_second_signal(const sigset_t *signals)
{
    struct sigaction action = {.sa_handler = on_second_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

/* ---- starting and stopping ------------------------------------------------------------------------------- */

struct running {
    struct config *config;
    struct agent_state state;
    struct ingest_page pages[PAGE_COUNT];
};

static void publish(struct running *running, struct spool *spool, struct bridge *bridge, struct ingest *ingest)
{
    pthread_rwlock_wrlock(&running->state.lock);
    running->state.spool = spool;
    running->state.bridge = bridge;
    running->state.ingest = ingest;
    pthread_rwlock_unlock(&running->state.lock);
}

static enum err start_all(struct running *running, struct errmsg *msg)
{
    const struct config *config = running->config;
    struct spool *spool = NULL;
    struct bridge *bridge = NULL;
    struct ingest *ingest = NULL;
    enum err rc = spool_open(&config->spool, log_spool, NULL, &spool, msg);
    if (rc != ERR_OK)
        return rc;
    publish(running, spool, NULL, NULL);
    rc = ingest_start(&config->ingest, spool, running->pages, PAGE_COUNT, &ingest, msg);
    if (rc != ERR_OK) {
        errmsg_wrap(msg, "listen.http");
        return rc;
    }
    publish(running, spool, NULL, ingest);
    rc = bridge_start(&config->bridge, spool, log_bridge, NULL, &bridge, msg);
    if (rc != ERR_OK) {
        errmsg_wrap(msg, "kafka");
        return rc;
    }
    publish(running, spool, bridge, ingest);
    return ERR_OK;
}

static void stop_all(struct running *running)
{
    struct spool *spool = running->state.spool;
    struct bridge *bridge = running->state.bridge;
    struct ingest *ingest = running->state.ingest;
    if (ingest != NULL)
        ingest_stop_accepting(ingest);
    if (spool != NULL)
        spool_stop_taking(spool); /* commits what was taken; every waiting request is answered */
    bool drained = bridge != NULL && bridge_drain(bridge, DRAIN_MS_MAX);
    ingest_stop(ingest); /* the pages end here */
    publish(running, NULL, NULL, NULL);
    bridge_stop(bridge);
    spool_close(spool);
    if (spool != NULL)
        log_event(LOG_LEVEL_INFO, "stopped", "all_delivered=%s", drained ? "yes" : "no");
}

static void log_started(const struct running *running, int64_t start_ns)
{
    char uuid[UUID_TEXT_SIZE];
    uuid_format(spool_uuid(running->state.spool), uuid);
    for (size_t i = 0; i < ingest_address_count(running->state.ingest); i++)
        log_event(LOG_LEVEL_INFO, "listening", "address=%s", ingest_address(running->state.ingest, i));
    log_event(LOG_LEVEL_INFO, "started", "version=%s spool=%s spool_id=%s start_ms=%.1f pid=%d", PENSTOCK_VERSION,
              log_quote(running->config->spool.path), uuid, (double)(clock_monotonic_ns() - start_ns) / 1e6,
              (int)getpid());
}

/* How curl reaches an address: the options and the beginning of the URL. */
static void curl_words(const char *address, char *out, size_t size)
{
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    snprintf(out, size, is_unix ? "--unix-socket '%s' http://localhost" : "http://%s",
             is_unix ? address + 5 : address);
}

/* For a first try: lines to copy. */
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

static int run_until_signal(struct config *config)
{
    int64_t start_ns = clock_monotonic_ns();
    sigset_t signals;
    block_signals(&signals);
    raise_descriptor_limit();
    tune_memory();
    log_set_level(config->log_level);
    struct running running = {.config = config, .state = {.started_ms = clock_monotonic_ms()}};
    pthread_rwlock_init(&running.state.lock, NULL);
    running.pages[0] = (struct ingest_page){"/healthz", agent_page_health, &running.state};
    running.pages[1] = (struct ingest_page){"/readyz", agent_page_ready, &running.state};
    running.pages[2] = (struct ingest_page){"/status", agent_page_status, &running.state};
    running.pages[3] = (struct ingest_page){"/status.txt", agent_page_status_text, &running.state};
    running.pages[4] = (struct ingest_page){"/metrics", agent_page_metrics, &running.state};

    struct errmsg msg = {""};
    enum err rc = start_all(&running, &msg);
    if (rc == ERR_OK) {
        log_started(&running, start_ns);
        if (config->bridge.mock_kafka)
            print_first_steps(&running);
        int number = 0;
        sigwait(&signals, &number);
        log_event(LOG_LEVEL_INFO, "stopping", "signal=%s", strsignal(number));
        arm_second_signal(&signals);
    } else {
        log_event(LOG_LEVEL_ERROR, "start_failed", "error=%s", log_quote(msg.text));
    }
    stop_all(&running);
    pthread_rwlock_destroy(&running.state.lock);
    return rc == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the command ----------------------------------------------------------------------------------------- */

static const char help[] =
    "usage: penstock run [--config FILE | --mock-kafka] [--spool DIR] [--listen ADDR]... [--log-level LEVEL]\n\n"
    "Runs the agent in the foreground: takes events over HTTP, syncs them into the spool, forwards them to "
    "Kafka.\n\n"
    "  --config FILE      settings as YAML (docs/configuration.md)\n"
    "  --mock-kafka       try it without a Kafka: an embedded one in memory, and the spool is made if there is "
    "none\n"
    "  --spool DIR        the spool's directory (spool.path; with --mock-kafka ./penstock-data by default)\n"
    "  --listen ADDR      127.0.0.1:8080, [::1]:8080 or unix:/path; can be given several times (listen.http)\n"
    "  --log-level LEVEL  debug, info, warn or error\n\n"
    "SIGTERM: what was taken is committed and flushed to Kafka for up to 5 s; a second SIGTERM ends at once.\n"
    "exit codes: 0 stopped, 1 could not start, 2 usage or configuration\n";

/* What the command line says, on top of the file. */
static enum err apply_options(struct config *config, const struct agent_run_options *options, struct errmsg *msg)
{
    static const char *const yes = "true";
    const char *path = options->spool != NULL                              ? options->spool
                       : options->mock_kafka && config->spool.path == NULL ? "./penstock-data"
                                                                           : NULL;
    enum err rc = ERR_OK;
    config->bridge.mock_kafka = options->mock_kafka;
    if (options->mock_kafka)
        rc = config_set(config, "spool.create", &yes, 1, msg);
    if (rc == ERR_OK && path != NULL)
        rc = config_set(config, "spool.path", &path, 1, msg);
    if (rc == ERR_OK && options->listen_count > 0)
        rc = config_set(config, "listen.http", options->listen, options->listen_count, msg);
    if (rc == ERR_OK && options->log_level != NULL)
        rc = config_set(config, "log.level", &options->log_level, 1, msg);
    return rc;
}

int agent_run(int argc, char **argv)
{
    struct agent_run_options options = {0};
    if (agent_wants_help(argc, argv, help))
        return EXIT_DONE;
    int code = agent_run_options_parse(argc, argv, &options);
    if (code != EXIT_DONE)
        return code;
    struct config config;
    struct errmsg msg = {"out of memory"};
    enum err rc = config_init_defaults(&config);
    if (rc == ERR_OK && options.config != NULL)
        rc = config_load(options.config, &config, &msg);
    if (rc == ERR_OK)
        rc = apply_options(&config, &options, &msg);
    if (rc == ERR_OK)
        rc = config_check(&config, &msg);
    if (rc != ERR_OK) {
        fprintf(stderr, "penstock run: %s\n", msg.text);
        code = EXIT_USAGE;
    }
    if (code == EXIT_DONE)
        code = run_until_signal(&config);
    config_free(&config);
    return code;
}
