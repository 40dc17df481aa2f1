/* SPDX-License-Identifier: MIT
 * tool_fault_session.c - `fault_session`: fails the n-th file operation of a session, for every n,
 * and looks what it cost.
 *
 * Each n is a session of its own on a copy of the same spool with a past: one process works while
 * its disk fails, the next one checks (fault_session.h). A session that hangs is ended, and a
 * failure. */
#include "tests/faults/fault_session.h"
#include "tests/faults/preload_fail.h"

#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SLOTS = 2,
    COUNTING_RUNS = 2,
    FAILURES_MAX = 5,
    PHASE_SECONDS_MAX = 40,
    FOR_MS = 120,
    SECONDS = 160
};

/* What fails, and how. */
struct series {
    const char *kind, *how;
    int64_t kinds;
    int error, times; /* times 0: for FOR_MS */
    bool half;
    unsigned stride; /* every n, or every second one, … */
};

#define OPENS (FAIL_BIT(FAIL_OPEN) | FAIL_BIT(FAIL_OPEN_WRITE))

static const struct series all_series[] = {
    {"write", "EIO", FAIL_BIT(FAIL_WRITE), EIO, 1, false, 1},
    {"write", "ENOSPC, half written", FAIL_BIT(FAIL_WRITE), ENOSPC, 1, true, 1},
    {"write", "EDQUOT, 3 in a row", FAIL_BIT(FAIL_WRITE), EDQUOT, 3, false, 2},
    {"fdatasync", "EIO", FAIL_BIT(FAIL_FDATASYNC), EIO, 1, false, 1},
    {"fdatasync", "ENOSPC, 3 in a row", FAIL_BIT(FAIL_FDATASYNC), ENOSPC, 3, false, 2},
    {"fsync", "EIO", FAIL_BIT(FAIL_FSYNC), EIO, 1, false, 1},
    {"fsync", "EDQUOT, 3 in a row", FAIL_BIT(FAIL_FSYNC), EDQUOT, 3, false, 1},
    {"open", "EMFILE", OPENS, EMFILE, 1, false, 1},
    {"open", "EIO", OPENS, EIO, 1, false, 2},
    {"rename", "EIO", FAIL_BIT(FAIL_RENAME), EIO, 1, false, 1},
    {"rename", "ENOSPC, 3 in a row", FAIL_BIT(FAIL_RENAME), ENOSPC, 3, false, 1},
    {"mkdir", "ENOSPC", FAIL_BIT(FAIL_MKDIR), ENOSPC, 1, false, 1},
    {"mkdir", "EDQUOT, 3 in a row", FAIL_BIT(FAIL_MKDIR), EDQUOT, 3, false, 1},
    {"ftruncate", "EIO", FAIL_BIT(FAIL_FTRUNCATE), EIO, 1, false, 1},
    {"unlink", "EIO", FAIL_BIT(FAIL_UNLINK), EIO, 1, false, 2},
    {"read", "EIO", FAIL_BIT(FAIL_READ), EIO, 1, false, 2},
    {"readdir", "EIO", FAIL_BIT(FAIL_READDIR), EIO, 1, false, 6},
    {"stat", "EIO", FAIL_BIT(FAIL_STAT), EIO, 1, false, 4},
    {"change", "EROFS for a while", FAIL_CHANGES, EROFS, 0, false, 8},
    {"change", "ENOSPC for a while, half written", FAIL_CHANGES, ENOSPC, 0, true, 8},
    {"anything", "EIO for a while", FAIL_EVERY, EIO, 0, false, 32},
};

/* One session at a time in each. */
struct slot {
    pid_t runner;                /* 0: idle */
    const struct series *series; /* NULL: nothing fails */
    int64_t n;
    enum fault_ending ending;
    char dir[300];
    struct fault_board *board; /* shared, as is the plan */
    struct fail_plan *plan;
};

struct sums {
    int64_t sessions, hit, opens_failed, gap_ms, accepted;
};

static struct {
    uint64_t seed;
    const char *kind, *how;
    int64_t n;
    int64_t turns;
    unsigned stride; /* 0: 1, but more on a machine that would take more than SECONDS */
    bool keep;
} options;

static char base_dir[200], template_dir[256];
static struct fault_board *template_board;
static struct slot slots[SLOTS];
static int64_t calls[FAULT_ENDINGS][FAIL_KINDS]; /* of a healthy session */
static int failures;

static void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

__attribute__((format(printf, 1, 2))) static void run_command(const char *format, ...)
{
    char command[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        exit(1);
    }
}

/* ---- one session ----------------------------------------------------------------------------- */

/* Runs fn in a process of its own, for at most PHASE_SECONDS_MAX. */
static void run_apart(struct slot *slot, bool (*fn)(struct slot *))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(PHASE_SECONDS_MAX);
        _exit(!fn(slot));
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        fault_failed(slot->board, WTERMSIG(status) == SIGALRM ? "it HANGS" : "ended by signal %d",
                     WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        fault_failed(slot->board, "ended with %d", WEXITSTATUS(status));
}

static bool make_template(struct slot *slot)
{
    preload_fail_use(base_dir, slot->plan);
    return fault_make_template(slot->board, slot->plan, template_dir);
}

/* A session of that ending makes so many calls that the series counts. */
static int64_t calls_of(const struct series *series, int ending)
{
    int64_t sum = 0;
    for (int kind = 0; kind < FAIL_KINDS; kind++)
        sum += (series->kinds & FAIL_BIT(kind)) != 0 ? calls[ending][kind] : 0;
    return sum;
}

/* Any that comes as far as n; the one with a stop comes farthest. */
static enum fault_ending ending_of(const struct series *series, int64_t n)
{
    uint32_t mixed = (uint32_t)(n + (series - all_series) * 7) * 0x9e3779b1u;
    int ending = (int)((mixed >> 20) % FAULT_ENDINGS);
    return n < calls_of(series, ending) ? (enum fault_ending)ending : FAULT_STOP;
}

static bool run_faulty(struct slot *slot)
{
    preload_fail_use(slot->dir, slot->plan);
    return fault_run(slot->board, slot->plan, slot->dir, slot->ending);
}

static bool run_check(struct slot *slot)
{
    return fault_check(slot->board, slot->dir);
}

static void set_plan(struct slot *slot)
{
    const struct series *series = slot->series;
    struct fail_plan *plan = slot->plan;
    memset(plan, 0, sizeof *plan);
    if (series == NULL)
        return;
    atomic_store(&plan->first, slot->n);
    atomic_store(&plan->times, series->times);
    atomic_store(&plan->for_ms, series->times == 0 ? FOR_MS : 0);
    atomic_store(&plan->error, series->error);
    atomic_store(&plan->half, series->half);
    atomic_store(&plan->kinds, series->kinds);
}

/* The whole session; in the runner's process. */
static void run_session(struct slot *slot)
{
    run_command("rm -rf '%s' && cp -a '%s' '%s'", slot->dir, template_dir, slot->dir);
    memcpy(slot->board, template_board, sizeof *slot->board);
    slot->board->seed = options.seed;
    set_plan(slot);
    run_apart(slot, run_faulty);
    if (slot->board->failure[0] == '\0')
        run_apart(slot, run_check);
}

static void start_session(struct slot *slot, const struct series *series, int64_t n,
                          enum fault_ending ending)
{
    slot->series = series;
    slot->n = n;
    slot->ending = ending;
    fflush(stdout);
    slot->runner = fork();
    if (slot->runner == 0) {
        run_session(slot);
        _exit(0);
    }
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void print_failure(const struct slot *slot)
{
    const struct fault_board *board = slot->board;
    const char *kind = slot->series == NULL ? "nothing" : slot->series->kind,
               *how = slot->series == NULL ? "" : slot->series->how;
    printf("FAILED: %s, %s, n %" PRId64 " (of %" PRIdLEAST64 " seen): %s\n", kind, how, slot->n,
           atomic_load(&slot->plan->seen), board->failure);
    unsigned count = atomic_load(&board->report_count);
    for (unsigned i = count > FAULT_REPORTS ? count - FAULT_REPORTS : 0; i < count; i++)
        printf("    %s\n", board->reports[i % FAULT_REPORTS]);
    printf("  again: fault_session --seed %" PRIu64 " --kind '%s' --how '%s' --n %" PRId64
           " --keep\n",
           options.seed, kind, how, slot->n);
}

static void end_session(struct slot *slot, struct sums *sums)
{
    sums->sessions++;
    sums->hit += atomic_load(&slot->plan->failed) > 0;
    sums->opens_failed += slot->board->opens_failed;
    sums->gap_ms = slot->board->gap_ms > sums->gap_ms ? slot->board->gap_ms : sums->gap_ms;
    for (uint32_t i = atomic_load(&template_board->next); i < atomic_load(&slot->board->next); i++)
        sums->accepted += atomic_load(&slot->board->events[i].fate) == FAULT_ACCEPTED;
    if (slot->board->failure[0] != '\0') {
        print_failure(slot);
        failures++;
    }
    slot->runner = 0;
}

static bool wait_for_any(struct sums *sums)
{
    int status;
    pid_t pid = wait(&status);
    for (int i = 0; pid > 0 && i < SLOTS; i++)
        if (slots[i].runner == pid)
            end_session(&slots[i], sums);
    return pid > 0;
}

static struct slot *idle_slot(struct sums *sums)
{
    for (;;) {
        for (int i = 0; i < SLOTS; i++)
            if (slots[i].runner == 0)
                return &slots[i];
        wait_for_any(sums);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool is_wanted(const struct series *series)
{
    return (options.kind == NULL || strcmp(options.kind, series->kind) == 0) &&
           (options.how == NULL || strcmp(options.how, series->how) == 0);
}

static unsigned stride_for(int64_t session_ms)
{
    int64_t sessions = 0;
    for (size_t i = 0; i < sizeof all_series / sizeof all_series[0]; i++)
        if (is_wanted(&all_series[i]) && options.n == 0)
            sessions += calls_of(&all_series[i], FAULT_STOP) / all_series[i].stride;
    unsigned stride = 1 + (unsigned)(sessions * session_ms / SLOTS / 1000 / SECONDS);
    if (stride > 1)
        printf("a slow machine, %" PRId64
               " ms for a session: only every %u. n, others with another seed (--stride 1: all)\n",
               session_ms, stride);
    return stride;
}

/* How many calls of each kind a healthy session makes: threads make that differ a little from run
 * to run. */
static void count_calls(void)
{
    struct sums sums = {0};
    int64_t start_ms = clock_monotonic_ms();
    for (int run = 0; run < COUNTING_RUNS * FAULT_ENDINGS && failures == 0; run++) {
        int ending = run % FAULT_ENDINGS;
        start_session(&slots[0], NULL, 0, (enum fault_ending)ending);
        while (wait_for_any(&sums))
            ;
        for (int kind = 0; kind < FAIL_KINDS; kind++)
            if (atomic_load(&slots[0].plan->counts[kind]) > calls[ending][kind])
                calls[ending][kind] = atomic_load(&slots[0].plan->counts[kind]);
    }
    if (failures > 0)
        exit(1);
    if (options.stride == 0)
        options.stride = stride_for((clock_monotonic_ms() - start_ms) / sums.sessions);
    printf("a healthy session acknowledges %" PRId64
           " events; longest wait for an acknowledgement %" PRId64 " ms\n",
           sums.accepted / sums.sessions, sums.gap_ms);
}

static void run_series(const struct series *series, struct sums *total)
{
    struct sums sums = {0};
    int64_t all = calls_of(series, FAULT_STOP), start_ms = clock_monotonic_ms();
    int64_t stride = (int64_t)series->stride * options.stride;
    int64_t first = options.n > 0 ? options.n : 1 + (int64_t)(options.seed % (uint64_t)stride),
            last = options.n > 0 ? options.n : all;
    for (int64_t n = first; n <= last && failures < FAILURES_MAX; n += stride)
        for (int64_t turn = 0; turn < options.turns && failures < FAILURES_MAX; turn++)
            start_session(idle_slot(&sums), series, n, ending_of(series, n));
    while (wait_for_any(&sums))
        ;
    printf("%-9s %-33s n 1..%-5" PRId64 " step %-3" PRId64 " %5" PRId64 " sessions, %5" PRId64
           " hit, %4" PRId64 " opens refused, longest wait %4" PRId64 " ms  (%" PRId64 " s)\n",
           series->kind, series->how, all, stride, sums.sessions, sums.hit, sums.opens_failed,
           sums.gap_ms, (clock_monotonic_ms() - start_ms) / 1000);
    if (failures == 0)
        printf("MATRIX: A %s fails: %s | at the n-th call of a session of ingest, rotation, "
               "retiring and quarantine, n from 1 to %" PRId64 " in steps of %" PRId64
               "; then a start on a healthy disk | %" PRId64 " sessions, %" PRId64
               " of them hit | nothing acknowledged is"
               " missing; it takes events again, at the latest %" PRId64 " ms after the last one\n",
               series->kind, series->how, all, stride, sums.sessions, sums.hit, sums.gap_ms);
    total->sessions += sums.sessions;
    total->hit += sums.hit;
    total->accepted += sums.accepted;
}

static void set_up_template(void)
{
    struct slot *slot = &slots[0];
    slot->board->seed = options.seed;
    run_apart(slot, make_template);
    memcpy(template_board, slot->board, sizeof *template_board);
    if (template_board->failure[0] != '\0') {
        printf("FAILED: no spool to begin with: %s\n", template_board->failure);
        exit(1);
    }
}

static void set_up(void)
{
    snprintf(base_dir, sizeof base_dir, "%s/penstock-faults-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(base_dir) == NULL) {
        perror(base_dir);
        exit(1);
    }
    snprintf(template_dir, sizeof template_dir, "%s/template", base_dir);
    for (int i = 0; i < SLOTS; i++) {
        snprintf(slots[i].dir, sizeof slots[i].dir, "%s/spool-%d", base_dir, i);
        slots[i].board = shared_memory(sizeof *slots[i].board);
        slots[i].plan = shared_memory(sizeof *slots[i].plan);
    }
    template_board = shared_memory(sizeof *template_board);
    set_up_template();
}

static void usage(void)
{
    fprintf(stderr, "usage: fault_session [--seed N] [--kind KIND] [--how HOW] [--n N] [--turns N] "
                    "[--stride N] [--keep]\n");
    exit(2);
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"seed", 1, NULL, 's'}, {"kind", 1, NULL, 'k'},  {"how", 1, NULL, 'h'},
        {"n", 1, NULL, 'n'},    {"turns", 1, NULL, 't'}, {"stride", 1, NULL, 'S'},
        {"keep", 0, NULL, 'K'}, {NULL, 0, NULL, 0},
    };
    const char *seed = getenv("PENSTOCK_SEED");
    options.seed = seed != NULL ? strtoull(seed, NULL, 10) : random_u64() >> 40;
    options.turns = 1;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 's': options.seed = strtoull(optarg, NULL, 10); break;
        case 'k': options.kind = optarg; break;
        case 'h': options.how = optarg; break;
        case 'n': options.n = atoll(optarg); break;
        case 't': options.turns = atoll(optarg); break;
        case 'S': options.stride = (unsigned)atoi(optarg); break;
        case 'K': options.keep = true; break;
        default: usage();
        }
    }
    if (optind != argc || options.turns < 1)
        usage();
}

int main(int argc, char **argv)
{
    int64_t start_ms = clock_monotonic_ms();
    struct sums total = {0};
    read_options(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %" PRIu64 " (--seed %" PRIu64 " repeats it)\n", options.seed, options.seed);
    set_up();
    count_calls();
    for (size_t i = 0; i < sizeof all_series / sizeof all_series[0] && failures < FAILURES_MAX; i++)
        if (is_wanted(&all_series[i]))
            run_series(&all_series[i], &total);
    if (!options.keep)
        run_command("rm -rf '%s'", base_dir);
    else
        printf("kept: %s\n", base_dir);
    printf("fault shim: %" PRId64 " sessions, %" PRId64 " hit by a fault, %" PRId64
           " events acknowledged, %d failures (%" PRId64 " s)\n",
           total.sessions, total.hit, total.accepted, failures,
           (clock_monotonic_ms() - start_ms) / 1000);
    return failures == 0 && total.hit > 0 ? 0 : 1;
}
