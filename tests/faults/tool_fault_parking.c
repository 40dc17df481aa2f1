/* SPDX-License-Identifier: MIT
 * tool_fault_parking.c - `fault_parking`: fails, or kills the process at, the n-th file operation
 * while segments are parked, for every n, and looks what it cost.
 *
 * Each n is a run on a copy of the same spool, in which a topic's cursor is behind; then one on a
 * healthy disk that checks: nothing is missing, nothing comes twice, the books balance, nothing is
 * said to be lost, and parking goes on. */
#include "base/clock.h"
#include "base/random.h"
#include "spool/spool.h"
#include "tests/faults/preload_fail.h"
#include "tests/support/submit_wait.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROUNDS = 6,
    STUCK_MAX = 16,
    BUSY_BYTES = 12000,
    BUSY_PER_ROUND = 5,
    FAULTY_MS = 300,
    PATIENCE_MS = 10000,
    FAILURES_MAX = 3,
    WORKERS = 8,
    SERIES_MAX = 16
};
enum { PARKED = 4, PLAIN_MAX = 6 }; /* the last round's segment, and empty ones of each run */

/* Shared by the processes of one run. */
struct board {
    uint64_t stuck[STUCK_MAX], last_id;
    uint32_t stuck_count, busy_count;
    atomic_bool cursors_lost; /* they could not be read, and were made anew: what is done counts no
                               * more */
    int64_t parked_in_fault;
    char failure[400], said[2000];
};

static struct board *board, *template_board;
static struct fail_plan *plan;
static char base_dir[200], template_dir[256], dir[256];
static int failures;

__attribute__((format(printf, 1, 2))) static bool failed(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (board->failure[0] == '\0')
        vsnprintf(board->failure, sizeof board->failure, format, args);
    va_end(args);
    return false;
}

static void on_report(void *arg, const struct spool_report *report)
{
    static const char *const alarms[] = {"segment_vanished", "segment_damaged", "loss_report"};
    (void)arg;
    size_t used = strlen(board->said);
    snprintf(board->said + used, sizeof board->said - used, "    %s %s\n", report->event,
             report->detail);
    if (strcmp(report->event, "cursors_not_read") == 0)
        atomic_store(&board->cursors_lost, true);
    for (size_t i = 0; i < sizeof alarms / sizeof alarms[0]; i++)
        if (strcmp(report->event, alarms[i]) == 0)
            failed("a false alarm: %s %s", report->event, report->detail);
}

static struct spool *open_spool(bool pressing)
{
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    struct spool *spool = NULL;
    struct errmsg msg = {""};
    options.path = dir;
    options.create = true;
    options.segment_bytes = 48 << 10;
    options.free_bytes_min = 1 << 20;
    options.window_bytes_max = 16 << 10;
    options.cursor_interval_ms = 1;
    /* the cursors alone take a MiB of it */
    options.size_bytes_max = pressing ? 3 << 20 : 10ull << 30;
    for (int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS; clock_monotonic_ms() < end_ms;
         clock_sleep_ms(2))
        if (spool_open(&options, on_report, NULL, &spool, &msg) == ERR_OK)
            return spool;
    failed("the spool doesn't open: %s", msg.text);
    return NULL;
}

/* ---- the past -------------------------------------------------------------------------------- */

static uint64_t append(struct spool *spool, const char *topic, uint32_t count, size_t bytes)
{
    static char value[BUSY_BYTES];
    struct spool_batch *batch = NULL;
    bool good = spool_batch_new(spool, bytes_of_string(topic), &batch) == ERR_OK;
    for (uint32_t i = 0; good && i < count; i++) {
        struct spool_event event = {
            .time_ms = 1, .value = bytes_of(value, bytes), .partition = SPOOL_PARTITION_ANY};
        good = spool_batch_add(batch, &event) == ERR_OK;
    }
    struct spool_receipt receipt = {.err = ERR_NOMEM};
    if (good)
        receipt = submit_wait(spool, &batch);
    if (receipt.err != ERR_OK)
        failed("no batch, or refused");
    return receipt.last_id;
}

static bool advance(struct spool *spool, uint64_t busy, uint64_t stuck)
{
    struct spool_lane_cursor lane = {(char *)"stuck", 0};
    struct spool_outcome outcomes[] = {{.topic = bytes_of_string("busy"), .delivered = busy},
                                       {.topic = bytes_of_string("stuck"), .delivered = stuck}};
    return spool_advance(spool, SPOOL_EXACTLY_ONCE, board->last_id, &lane, stuck == 0, outcomes,
                         2) == ERR_OK ||
           failed("advance");
}

/* Segments with and without events of the topic that is behind; none is parked yet. */
static bool make_template(void)
{
    struct spool *spool = open_spool(false);
    for (int i = 0; spool != NULL && i < ROUNDS; i++) {
        uint32_t stuck = i == 1 ? 0 : 1 + (uint32_t)i % 2;
        uint64_t last_id = stuck > 0 ? append(spool, "stuck", stuck, 100) : 0;
        for (uint32_t k = 0; k < stuck; k++)
            board->stuck[board->stuck_count++] = last_id - stuck + 1 + k;
        board->last_id = append(spool, "busy", BUSY_PER_ROUND, BUSY_BYTES);
        board->busy_count += BUSY_PER_ROUND;
        if (!advance(spool, BUSY_PER_ROUND, 0))
            return false;
    }
    spool_stop_taking(spool);
    spool_close(spool);
    return board->failure[0] == '\0';
}

/* ---- reading --------------------------------------------------------------------------------- */

/* As a lane that is behind: its events in order, each once. ERR_OK: all came; ERR_UNREADABLE: not
 * now. */
static enum err read_lane(struct spool *spool)
{
    struct spool_tail *tail = NULL;
    struct spool_chunk *chunk;
    uint32_t next = 0;
    uint64_t before = 0;
    enum err rc = spool_tail_open(spool, 0, &tail);
    while (rc == ERR_OK && (rc = spool_tail_next(tail, &chunk, NULL)) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);) {
            if (event.id <= before)
                failed("event %" PRIu64 " comes after %" PRIu64, event.id, before);
            before = event.id;
            if (!bytes_equal(event.topic, bytes_of_string("stuck")))
                continue;
            if (next >= board->stuck_count || event.id != board->stuck[next++])
                failed("event %" PRIu64 " of the lane comes as number %u", event.id, next);
        }
        spool_chunk_unref(chunk);
    }
    spool_tail_close(tail);
    if (rc != ERR_END)
        return rc;
    if (next != board->stuck_count)
        failed("%u of %u events of the lane come", next, board->stuck_count);
    return ERR_OK;
}

static struct spool_stats stats_of(struct spool *spool)
{
    struct spool_stats stats;
    spool_stats_get(spool, &stats);
    return stats;
}

/* ---- the run in which something fails -------------------------------------------------------- */

static bool kill_there; /* instead of failing */

static void *killer_main(void *arg)
{
    (void)arg;
    while (atomic_load(&plan->failed) == 0)
        sched_yield();
    raise(SIGKILL);
    return NULL;
}

/* Long enough for all that is to be done; every second run also reads meanwhile. */
static bool run_faulty(void)
{
    preload_fail_use(dir, plan);
    pthread_t killer;
    if (kill_there)
        pthread_create(&killer, NULL, killer_main, NULL);
    struct spool *spool = open_spool(true);
    bool reads = atomic_load(&plan->first) % 2 == 1;
    for (int64_t end_ms = clock_monotonic_ms() + FAULTY_MS;
         spool != NULL && clock_monotonic_ms() < end_ms;) {
        enum err rc = reads ? read_lane(spool) : ERR_OK;
        /* the last when a listing was cut short */
        if (rc != ERR_OK && rc != ERR_UNREADABLE && rc != ERR_NOMEM)
            failed("reading: %s", err_name(rc));
        struct spool_stats stats = stats_of(spool);
        board->parked_in_fault = (int64_t)stats.parked_segments;
        if (stats.parked_segments >= PARKED && stats.segment_count <= PLAIN_MAX)
            break;
        clock_sleep_ms(reads ? 10 : 1);
    }
    if (atomic_load(&plan->first) % 4 >= 2)
        _exit(board->failure[0] != '\0'); /* the end comes as it comes */
    spool_stop_taking(spool);
    spool_close(spool);
    return board->failure[0] == '\0';
}

/* ---- the run after it ------------------------------------------------------------------------ */

static bool check_books(struct spool *spool, bool all_done)
{
    int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (stats_of(spool).counting && clock_monotonic_ms() < end_ms)
        clock_sleep_ms(1);
    struct spool_books books = stats_of(spool).books;
    uint64_t stuck = board->stuck_count, pending = all_done ? 0 : stuck;
    bool balance = books.accepted == books.delivered + books.pending && books.lost == 0;
    bool right = atomic_load(&board->cursors_lost) ||
                 (books.pending == pending && books.accepted == board->busy_count + stuck);
    return (balance && right) || failed("the books: %" PRIu64 " accepted, %" PRIu64
                                        " delivered, %" PRIu64 " pending, %" PRIu64 " lost",
                                        books.accepted, books.delivered, books.pending, books.lost);
}

static bool wait_for(struct spool *spool, bool parked)
{
    struct spool_stats stats = {0};
    for (int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS; clock_monotonic_ms() < end_ms;
         clock_sleep_ms(2)) {
        stats = stats_of(spool);
        if (parked ? stats.parked_segments >= PARKED && stats.segment_count <= PLAIN_MAX
                   : stats.parked_segments == 0 && stats.segment_count <= 2)
            return true;
    }
    return failed("in vain waited until %s: %" PRIu64 " segments, %" PRIu64 " parked",
                  parked ? "all is parked" : "nothing is left", stats.segment_count,
                  stats.parked_segments);
}

static bool check_open(bool all_done, bool (*then)(struct spool *))
{
    struct spool *spool = open_spool(true);
    bool good = spool != NULL && check_books(spool, all_done) &&
                (all_done || read_lane(spool) == ERR_OK || failed("unreadable")) &&
                (then == NULL || then(spool));
    if (spool != NULL)
        spool_stop_taking(spool);
    spool_close(spool);
    return good && board->failure[0] == '\0';
}

/* Cursors that were lost begin at nothing: then nothing is behind them. */
static bool then_park(struct spool *spool)
{
    return advance(spool, 0, 0) && wait_for(spool, true) && read_lane(spool) == ERR_OK;
}

static bool then_deliver(struct spool *spool)
{
    return advance(spool, atomic_load(&board->cursors_lost) ? board->busy_count : 0,
                   board->stuck_count) &&
           wait_for(spool, false);
}

static bool run_check(void)
{
    return check_open(false, atomic_load(&board->cursors_lost) ? NULL : then_park) &&
           check_open(false, then_deliver) &&
           (atomic_load(&board->cursors_lost) || check_open(true, NULL));
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct series {
    const char *name;
    int64_t kinds;
    int error, times;
    bool half, kills;
    unsigned stride;
};

static const struct series all_series[] = {
    {"killed at a change", FAIL_CHANGES | FAIL_BIT(FAIL_FSYNC) | FAIL_BIT(FAIL_FDATASYNC), 0, 1,
     false, true, 1},
    {"write: ENOSPC, half written", FAIL_BIT(FAIL_WRITE), ENOSPC, 1, true, false, 1},
    {"write: EIO, 3 in a row", FAIL_BIT(FAIL_WRITE), EIO, 3, false, false, 1},
    {"fdatasync: EIO", FAIL_BIT(FAIL_FDATASYNC), EIO, 1, false, false, 1},
    {"fsync: EIO", FAIL_BIT(FAIL_FSYNC), EIO, 1, false, false, 1},
    {"rename: EIO", FAIL_BIT(FAIL_RENAME), EIO, 1, false, false, 1},
    {"mkdir: ENOSPC", FAIL_BIT(FAIL_MKDIR), ENOSPC, 1, false, false, 1},
    {"open: EMFILE", FAIL_BIT(FAIL_OPEN) | FAIL_BIT(FAIL_OPEN_WRITE), EMFILE, 1, false, false, 2},
    {"unlink: EIO", FAIL_BIT(FAIL_UNLINK), EIO, 1, false, false, 1},
    {"read: EIO", FAIL_BIT(FAIL_READ), EIO, 1, false, false, 3},
    {"readdir: EIO", FAIL_BIT(FAIL_READDIR), EIO, 1, false, false, 6},
    {"stat: EIO", FAIL_BIT(FAIL_STAT), EIO, 1, false, false, 6},
};

static void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    return memory;
}

static void run_command(const char *format, const char *a, const char *b)
{
    char command[1000];
    snprintf(command, sizeof command, "rm -rf '%s' && %s '%s' '%s'", b, format, a, b);
    if (system(command) != 0)
        exit(1);
}

/* In a process of its own; may_be_killed: by itself. */
static void run_apart(bool (*fn)(void), bool may_be_killed)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        _exit(!fn());
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && !(may_be_killed && WTERMSIG(status) == SIGKILL))
        failed(WTERMSIG(status) == SIGALRM ? "it HANGS" : "ended by signal %d", WTERMSIG(status));
    else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        failed("ended with %d", WEXITSTATUS(status));
}

/* False: there was no n-th call any more. */
static bool run_one(const struct series *series, int64_t n)
{
    run_command("cp -a", template_dir, dir);
    memcpy(board, template_board, sizeof *board);
    memset(plan, 0, sizeof *plan);
    atomic_store(&plan->first, n);
    atomic_store(&plan->times, series->times);
    atomic_store(&plan->error, series->error);
    atomic_store(&plan->half, series->half);
    atomic_store(&plan->late_ms, series->kills ? 1000 : 0);
    atomic_store(&plan->kinds, series->kinds);
    kill_there = series->kills;
    run_apart(run_faulty, series->kills);
    if (board->failure[0] == '\0')
        run_apart(run_check, false);
    if (board->failure[0] != '\0') {
        failures++;
        printf("FAILED: %s, n %" PRId64 ": %s\n%s", series->name, n, board->failure, board->said);
    }
    return atomic_load(&plan->failed) > 0;
}

/* What each worker did; shared. */
struct sums {
    int64_t runs, parked, last, failures;
};
static struct sums (*sums)[WORKERS]; /* by series */

static void run_series(const struct series *series, int64_t first, int64_t step, struct sums *mine)
{
    for (int64_t n = first, missed = 0; missed < 2 && failures < FAILURES_MAX; n += step) {
        /* threads make the number of calls differ a little */
        missed = run_one(series, n) ? 0 : missed + 1;
        mine->parked += board->parked_in_fault > 0;
        mine->last = n;
        mine->runs++;
    }
    mine->failures = failures;
}

/* Mostly they wait. */
static void work(int worker, const char *only, int64_t one, unsigned stride, int64_t offset)
{
    snprintf(dir, sizeof dir, "%s/spool-%d", base_dir, worker);
    board = shared_memory(sizeof *board);
    plan = shared_memory(sizeof *plan);
    for (size_t i = 0; i < sizeof all_series / sizeof all_series[0]; i++) {
        const struct series *series = &all_series[i];
        int64_t step = (int64_t)series->stride * stride;
        if (only != NULL && strstr(series->name, only) == NULL)
            continue;
        if (one == 0)
            run_series(series, 1 + offset % step + worker * step, WORKERS * step, &sums[i][worker]);
        else if (worker == 0) {
            run_one(series, one);
            sums[i][0] = (struct sums){1, board->parked_in_fault > 0, one, failures};
        }
    }
}

static struct sums add_up(void)
{
    struct sums all = {0};
    for (size_t i = 0; i < sizeof all_series / sizeof all_series[0]; i++) {
        struct sums sum = {0};
        for (int w = 0; w < WORKERS; w++) {
            sum.runs += sums[i][w].runs;
            sum.parked += sums[i][w].parked;
            sum.last = sums[i][w].last > sum.last ? sums[i][w].last : sum.last;
            all.failures += sums[i][w].failures;
        }
        if (sum.runs > 0)
            printf("%-30s %4" PRId64 " runs, n up to %" PRId64 "\n", all_series[i].name, sum.runs,
                   sum.last);
        all.runs += sum.runs;
        all.parked += sum.parked;
    }
    return all;
}

static void set_up(void)
{
    snprintf(base_dir, sizeof base_dir, "%s/penstock-parking-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(base_dir) == NULL)
        exit(1);
    snprintf(template_dir, sizeof template_dir, "%s/template", base_dir);
    snprintf(dir, sizeof dir, "%s/template", base_dir);
    board = shared_memory(sizeof *board);
    template_board = shared_memory(sizeof *board);
    sums = shared_memory(SERIES_MAX * sizeof *sums);
    run_apart(make_template, false);
    memcpy(template_board, board, sizeof *board);
    if (board->failure[0] != '\0') {
        printf("FAILED: no spool to begin with: %s\n", board->failure);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    int64_t one = 0;
    unsigned stride = 1;
    bool bad = false;
    for (int c; (c = getopt(argc, argv, "k:n:s:")) != -1;) {
        if (c == 'k')
            only = optarg;
        else if (c == 'n')
            one = atoll(optarg);
        else if (c == 's')
            stride = (unsigned)atoi(optarg);
        else
            return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    set_up();
    int64_t offset = (int64_t)(random_u64() >> 8);
    for (int worker = 0; worker < WORKERS; worker++)
        if (fork() == 0) {
            work(worker, only, one, stride, offset);
            _exit(0);
        }
    for (int status; wait(&status) > 0;)
        bad |= status != 0;
    struct sums all = add_up();
    if (all.failures == 0 && !bad)
        run_command("true", base_dir, base_dir);
    else
        printf("left as it is: %s\n", base_dir);
    printf("MATRIX: A call fails, or the process is killed at it, while segments are parked | "
           "every n-th call of opening, parking, retiring"
           " and reading meanwhile; then a start on a healthy disk | %" PRId64
           " runs, parked before the end in %" PRId64 " of them | %" PRId64
           " with an event missing or twice, books that don't balance, or a false alarm\n",
           all.runs, all.parked, all.failures);
    return all.failures == 0 && !bad && (one > 0 || all.parked > 0) ? 0 : 1;
}
