/* SPDX-License-Identifier: MIT
 * tool_enumerate.c - lays out every state that a power cut may leave of a recorded session, and
 * starts the product on each.
 *
 *   power_enumerate TAPE [options]
 *     --states N        go on, round after round, until there were so many different states (20000)
 *     --rounds N        but not longer than so many rounds (1000)
 *     --seed S          for other rounds than the last time
 *     --workers N       processes (2)
 *     --failures N      stop at so many (5)
 *     --dir DIR         where the states are laid out (/dev/shm, else TMPDIR)
 *     --state OP:MODEL:VARIANT:SEED   only this one; --repeat N: so often; --keep: only lay it out
 *     --verify DIR      first compare the end of the tape with the directory that was recorded
 *     --plant early-acks|dir-syncs|file-syncs    planted faults: must turn red
 *
 * Exit code 0: every state held what was promised; 1: some did not; 2: it could not be tried. */
#include "tests/power/power_oracle.h"
#include "tests/power/power_tree.h"
#include "tests/power/power_worker.h"

#include "base/clock.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS_MAX = 16, SAY_EVERY_MS = 5000 };
#define DIR_BYTES_MIN (48u << 20)

struct arguments {
    const char *tape_path, *verify, *state, *dir;
    bool keep;
    struct power_plan plan;
};

/* ---- options --------------------------------------------------------------------------------- */

static const char *take_text(const char *option, const char *value, struct arguments *a)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"--dir", &a->dir},
        {"--state", &a->state},
        {"--verify", &a->verify},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(option, texts[i].name) == 0)
            return *texts[i].text = value;
    return NULL;
}

static bool take_number(const char *option, const char *value, struct power_plan *plan)
{
    const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {
        {"--states", &plan->states}, {"--rounds", &plan->rounds_max},
        {"--seed", &plan->seed},     {"--failures", &plan->failures_max},
        {"--repeat", &plan->repeat},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(option, numbers[i].name) == 0) {
            *numbers[i].number = strtoull(value, NULL, 10);
            return true;
        }
    if (strcmp(option, "--workers") != 0)
        return false;
    plan->workers = (unsigned)strtoul(value, NULL, 10);
    return plan->workers > 0 && plan->workers <= WORKERS_MAX;
}

static bool take_plant(const char *option, const char *value, struct power_plan *plan)
{
    static const struct {
        const char *name;
        enum power_plant plant;
    } plants[] = {
        {"early-acks", POWER_PLANT_EARLY_ACKS},
        {"dir-syncs", POWER_PLANT_DIR_SYNCS},
        {"file-syncs", POWER_PLANT_FILE_SYNCS},
    };
    for (size_t i = 0; strcmp(option, "--plant") == 0 && i < sizeof plants / sizeof plants[0]; i++)
        if (strcmp(value, plants[i].name) == 0) {
            plan->plant = plants[i].plant;
            return true;
        }
    return false;
}

static bool parse(int argc, char **argv, struct arguments *ret)
{
    struct arguments a = {
        .plan = {
            .states = 20000, .rounds_max = 1000, .workers = 2, .failures_max = 5, .repeat = 1}};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--keep") == 0)
            a.keep = true;
        else if (argv[i][0] != '-' && a.tape_path == NULL)
            a.tape_path = argv[i];
        else if (take_text(argv[i], value, &a) != NULL || take_number(argv[i], value, &a.plan) ||
                 take_plant(argv[i], value, &a.plan))
            i++;
        else
            return false;
    }
    *ret = a;
    return a.tape_path != NULL;
}

/* Memory is faster; a container's may be small. */
static const char *default_dir(void)
{
    struct statvfs status;
    if (access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &status) == 0 &&
        (uint64_t)status.f_bavail * status.f_frsize >= DIR_BYTES_MIN)
        return "/dev/shm";
    const char *dir = getenv("TMPDIR");
    return dir == NULL ? "/tmp" : dir;
}

/* ---- the tape -------------------------------------------------------------------------------- */

static bool verify(const struct power_tape *tape, const char *dir)
{
    struct disk disk;
    struct power_state state = {0};
    struct power_spec everything = {tape->count, POWER_STRICT, POWER_ALL, 1};
    struct errmsg msg = {""};
    disk_init(&disk);
    for (size_t i = 0; i < tape->count; i++)
        disk_play(&disk, &tape->ops[i]);
    power_state_build(&disk, &everything, &state);
    bool ok = power_tree_compare(&state, dir, &msg) == ERR_OK;
    if (ok)
        printf("the tape makes the %zu files and directories that were recorded\n", state.count);
    else
        fprintf(stderr, "the tape doesn't make what was recorded: %s\n", msg.text);
    power_state_free(&state);
    disk_free(&disk);
    return ok;
}

static void describe(const struct power_tape *tape)
{
    size_t kinds[POWER_KIND_COUNT] = {0};
    struct oracle oracle;
    oracle_init(&oracle, tape);
    for (size_t i = 0; i < tape->count; i++) {
        kinds[tape->ops[i].kind]++;
        if (tape->ops[i].kind == POWER_MARK)
            oracle_mark(&oracle, (const char *)tape->ops[i].data);
    }
    printf("session: %zu operations:", tape->count - kinds[POWER_MARK]);
    for (int kind = POWER_CREATE; kind < POWER_MARK; kind++)
        printf(" %zu %s%s", kinds[kind], power_kind_name((enum power_kind)kind),
               kind == POWER_MARK - 1 ? "\n" : ",");
    printf("session: %" PRIu32 " events submitted, %" PRIu32 " acknowledged, %" PRIu32
           " delivered, %" PRIu32 " damaged\n",
           oracle.submitted, oracle.acknowledged, oracle.delivered, oracle.damaged);
    oracle_free(&oracle);
}

/* ---- workers --------------------------------------------------------------------------------- */

static bool start(const struct power_plan *plan, struct power_progress *progress,
                  pid_t pids[WORKERS_MAX])
{
    fflush(stdout);
    for (unsigned i = 0; i < plan->workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            power_worker_run(plan, progress, i);
            _exit(0);
        }
        if (pids[i] < 0)
            return false;
    }
    return true;
}

/* A worker that ends otherwise than it should was ended by the product: an abort, a signal, a
 * hang. */
static void mourn(struct power_progress *progress, unsigned worker, int status,
                  uint64_t failures_max)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    fprintf(stderr, "FAILED state %s: the process ended with %s %d\n", progress->now[worker],
            WIFSIGNALED(status) ? "signal" : "code",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    atomic_fetch_add(&progress->failures, (unsigned)failures_max); /* the others needn't go on */
}

static unsigned reap(const struct power_plan *plan, struct power_progress *progress,
                     pid_t pids[WORKERS_MAX])
{
    unsigned running = 0;
    for (unsigned i = 0; i < plan->workers; i++) {
        int status = 0;
        pid_t pid = pids[i] == 0 ? 0 : waitpid(pids[i], &status, WNOHANG);
        if (pid == pids[i] && pid != 0) {
            mourn(progress, i, status, plan->failures_max);
            pids[i] = 0;
        }
        running += pids[i] != 0;
    }
    return running;
}

static void summary(const struct power_plan *plan, struct power_progress *p, int64_t ms)
{
    printf("power cuts: %" PRIuFAST64 " states (%" PRIuFAST64
           " different trees) in %.1f s, %u failed\n",
           atomic_load(&p->states), atomic_load(&p->trees), (double)ms / 1000,
           atomic_load(&p->failures));
    for (int model = 0; model < POWER_MODEL_COUNT; model++) {
        printf("  %-8s", power_model_name((enum power_model)model));
        for (int variant = 0; variant < POWER_VARIANT_COUNT; variant++)
            printf(" %s %" PRIuFAST64 "%s", power_variant_name((enum power_variant)variant),
                   atomic_load(&p->by_kind[model][variant]),
                   variant == POWER_VARIANT_COUNT - 1 ? "\n" : ",");
    }
    printf("  nothing unsafe: %" PRIuFAST64 "\n", atomic_load(&p->certain));
    printf("  acknowledged events checked: %" PRIuFAST64 ", delivered %" PRIuFAST64
           ", damaged on purpose and reported %" PRIuFAST64 ", unacknowledged twice %" PRIuFAST64
           "\n  states with gaps in an unanswered batch %" PRIuFAST64
           "; slowest start %.1f ms; rounds %u, seed %" PRIu64 "\n",
           atomic_load(&p->promised), atomic_load(&p->delivered), atomic_load(&p->lost),
           atomic_load(&p->unacknowledged_twice), atomic_load(&p->torn_ends),
           (double)atomic_load(&p->open_us_max) / 1000, atomic_load(&p->round) + 1, plan->seed);
}

static int run(const struct power_plan *plan)
{
    pid_t pids[WORKERS_MAX] = {0};
    struct power_progress *progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int64_t start_ms = clock_monotonic_ms(), said_ms = start_ms;
    if (progress == MAP_FAILED || !start(plan, progress, pids)) {
        fprintf(stderr, "no worker can be started\n");
        return 2;
    }
    while (reap(plan, progress, pids) > 0) {
        usleep(20000);
        if (clock_monotonic_ms() - said_ms < SAY_EVERY_MS)
            continue;
        said_ms = clock_monotonic_ms();
        printf("%4.0f s: round %u, operation %" PRIuFAST64 " of %zu, %" PRIuFAST64
               " states, %u failed\n",
               (double)(said_ms - start_ms) / 1000, atomic_load(&progress->round) + 1,
               atomic_load(&progress->op), plan->tape->count, atomic_load(&progress->states),
               atomic_load(&progress->failures));
        fflush(stdout);
    }
    summary(plan, progress, clock_monotonic_ms() - start_ms);
    bool enough = atomic_load(&progress->states) >= plan->states || plan->rounds_max < 1000;
    if (!enough)
        fprintf(stderr, "fewer than the %" PRIu64 " states wanted\n", plan->states);
    return atomic_load(&progress->failures) == 0 && enough ? 0 : 1;
}

static int run_one(const struct arguments *a)
{
    struct power_spec spec;
    if (!power_spec_parse(a->state, &spec)) {
        fprintf(stderr, "'%s' is no state: OP:MODEL:VARIANT:SEED\n", a->state);
        return 2;
    }
    return power_worker_one(&a->plan, &spec, a->keep) ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct power_tape tape;
    struct errmsg msg = {""};
    if (!parse(argc, argv, &a)) {
        fprintf(stderr, "power_enumerate TAPE [--states N] [--rounds N] [--seed S] [--workers N] "
                        "[--dir DIR] [--verify DIR]\n"
                        "                [--state OP:MODEL:VARIANT:SEED [--repeat N] [--keep]] "
                        "[--plant early-acks|dir-syncs|file-syncs]\n");
        return 2;
    }
    if (power_tape_read(a.tape_path, &tape, &msg) != ERR_OK) {
        fprintf(stderr, "%s\n", msg.text);
        return 2;
    }
    a.plan.tape = &tape;
    snprintf(a.plan.dir, sizeof a.plan.dir, "%s/power-XXXXXX",
             a.dir != NULL ? a.dir : default_dir());
    if (mkdtemp(a.plan.dir) == NULL) {
        perror(a.plan.dir);
        return 2;
    }
    int code = a.verify != NULL && !verify(&tape, a.verify) ? 1 : 0;
    if (a.state == NULL)
        describe(&tape);
    if (code == 0)
        code = a.state != NULL ? run_one(&a) : run(&a.plan);
    if (!a.keep)
        power_tree_remove(a.plan.dir);
    power_tape_free(&tape);
    return code;
}
