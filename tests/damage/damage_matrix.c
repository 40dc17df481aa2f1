/* SPDX-License-Identifier: MIT
 * damage_matrix.c - the cases, the processes that try them, and the table of what happened. */
#include "tests/damage/damage_matrix.h"

#include "base/clock.h"
#include "tests/damage/damage_rows.h"
#include "tests/damage/damage_run.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum {
    BATCHES = 3,
    KINDS = 3,
    FIELDS = BATCHES * KINDS,
    CASES_MAX = 200000,
    TEXT_SIZE = 1400,
    FAILURES_KEPT = 300,
    FAILURES_SHOWN_PER_ROW = 3
};

struct matrix_case {
    const struct damage_row *row; /* NULL: random */
    uint32_t field, segment, variant;
};

struct matrix_outcome { /* shared memory */
    bool tried, failed;
    enum phase_end end;
    enum run_mode mode;
    uint32_t took_ms, open_ms, accepted_ms;
    uint64_t delivered, lost, uncertain, unknowable;
    bool kept;
};

struct matrix_failure {
    uint32_t number;
    char text[TEXT_SIZE];
};

struct matrix_shared {
    atomic_uint next, done, failures;
    struct matrix_failure kept[FAILURES_KEPT];
    struct matrix_outcome outcomes[];
};

struct matrix {
    const struct matrix_options *options;
    struct damage_field fields[FIELDS];
    struct matrix_case *cases;
    uint32_t case_count;
    struct matrix_shared *shared;
};

/* ---- spools ---------------------------------------------------------------------------------- */

static void make_fields(struct matrix *m)
{
    static const uint32_t batches[BATCHES] = {1, 10, 100};
    static const struct {
        const char *name;
        uint32_t segments[FIELD_RUNS_MAX], done_events;
        bool killed;
    } kinds[KINDS] = {{"stopped", {3}, 0, false},
                      {"killed", {2, 1}, 0, true},
                      {"partly delivered, killed", {2, 1}, 2000, true}};
    for (uint32_t i = 0; i < FIELDS; i++) {
        struct field_plan plan = {.batch_events = batches[i % BATCHES],
                                  .segment_bytes = 1150000,
                                  .events_in_last = 4000,
                                  .killed = kinds[i / BATCHES].killed,
                                  .done_events = kinds[i / BATCHES].done_events};
        char dir[300];
        memcpy(plan.segments, kinds[i / BATCHES].segments, sizeof plan.segments);
        snprintf(plan.name, sizeof plan.name, "%s, batches of %u", kinds[i / BATCHES].name,
                 plan.batch_events);
        snprintf(plan.label, sizeof plan.label, "f%u", i);
        snprintf(dir, sizeof dir, "%s/field%u", m->options->dir, i);
        damage_field_make(&m->fields[i], &plan, dir);
        for (size_t k = 0; k < m->fields[i].segment_count; k++)
            if (k < 3)
                assert_true(m->fields[i].segments[k].content.event_count >= 4000);
    }
    printf("%u spools of %zu segments with about %u events each\n", FIELDS,
           m->fields[0].segment_count, m->fields[0].segments[0].content.event_count);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void add_case(struct matrix *m, const struct damage_row *row, uint32_t field,
                     uint32_t segment, uint32_t variant)
{
    assert_true(m->case_count < CASES_MAX);
    m->cases[m->case_count++] = (struct matrix_case){row, field, segment, variant};
}

/* Rows with few variants are tried on every segment of every spool; the others take turns, but meet
 * every size of batch. */
static void add_row(struct matrix *m, const struct damage_row *row)
{
    bool few = row->variants <= 10;
    for (uint32_t variant = 0; variant < row->variants; variant++)
        for (uint32_t field = 0; field < FIELDS; field++) {
            uint32_t kind = field / BATCHES, batch = field % BATCHES;
            if (row->whole_spool)
                add_case(m, row, field, 0, variant);
            else if (few ? kind > 0 || variant % 2 == batch % 2 : kind == (variant + batch) % KINDS)
                add_case(m, row, field, (variant / 3 + batch + (few ? kind : 0)) % 3, variant);
        }
}

static void make_cases(struct matrix *m)
{
    m->cases = calloc(CASES_MAX, sizeof *m->cases);
    assert_non_null(m->cases);
    for (const struct damage_row *row = damage_rows(); row->name != NULL; row++)
        add_row(m, row);
    for (uint32_t i = 0; i < m->options->rounds; i++)
        add_case(m, NULL, i % FIELDS, 0, i);
}

static bool is_wanted(const struct matrix *m, uint32_t number)
{
    const char *name = m->cases[number].row == NULL ? "random" : m->cases[number].row->name;
    if (m->options->only_case >= 0)
        return number == (uint64_t)m->options->only_case;
    return m->options->only == NULL || strcasestr(name, m->options->only) != NULL;
}

/* ---- one case -------------------------------------------------------------------------------- */

static void note_failure(struct matrix *m, uint32_t number, const struct patient *p,
                         const struct phase_result *result)
{
    static const char *const ends[] = {"ok", "wrong", "SIGNAL", "HANG"};
    uint32_t i = atomic_fetch_add(&m->shared->failures, 1);
    if (i >= FAILURES_KEPT)
        return;
    m->shared->kept[i].number = number;
    snprintf(m->shared->kept[i].text, TEXT_SIZE, "%s, segment %u, %s: %s: %s%s%.600s",
             p->field->plan.name, m->cases[number].segment,
             run_mode_names[m->shared->outcomes[number].mode], ends[result->end],
             result->end >= PHASE_SIGNAL ? p->what : "", result->end >= PHASE_SIGNAL ? ": " : "",
             result->text);
}

static void try_case(struct matrix *m, uint32_t number, const char *dir, struct run_book *book)
{
    const struct matrix_case *c = &m->cases[number];
    struct matrix_outcome *outcome = &m->shared->outcomes[number];
    struct patient p;
    struct phase_result result;
    int64_t started_ms = clock_monotonic_ms();
    patient_make(&p, &m->fields[c->field], dir, m->options->seed * 1000003 + number);
    outcome->mode = (enum run_mode)patient_below(&p, RUN_MODES);
    uint64_t stop_after = 1 + patient_below(&p, m->fields[c->field].event_count);
    if (c->row == NULL)
        damage_at_random(&p);
    else
        c->row->apply(&p, c->segment, c->variant);
    patient_finish(&p);
    if (m->options->verbose)
        printf("case %u (%s): %s\n", number, p.field->plan.name, p.what);
    run_patient(&p, outcome->mode, stop_after, book, &result);
    const struct patient_totals totals = p.totals;
    outcome->delivered = book->delivered;
    outcome->lost = totals.lost;
    outcome->uncertain = totals.uncertain;
    outcome->unknowable = totals.unknowable;
    outcome->open_ms = (uint32_t)book->open_ms;
    outcome->accepted_ms = (uint32_t)book->accepted_ms;
    outcome->took_ms = (uint32_t)(clock_monotonic_ms() - started_ms);
    outcome->end = result.end;
    outcome->failed = result.end != PHASE_OK;
    if (outcome->failed)
        note_failure(m, number, &p, &result);
    outcome->tried = true;
    patient_free(&p, !outcome->failed || m->options->only_case < 0);
    if (outcome->failed && m->options->only_case >= 0)
        printf("left as it is: %s\n", dir);
}

static void work(struct matrix *m, uint32_t worker)
{
    char dir[300];
    struct run_book *book = run_book_new();
    assert_non_null(book);
    snprintf(dir, sizeof dir, "%s/job%u", m->options->dir, worker);
    for (;;) {
        uint32_t number = atomic_fetch_add(&m->shared->next, 1);
        if (number >= m->case_count)
            return;
        if (is_wanted(m, number))
            try_case(m, number, dir, book);
        atomic_fetch_add(&m->shared->done, 1);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void wait_for_workers(struct matrix *m, uint32_t jobs)
{
    int64_t started_ms = clock_monotonic_ms(), said_ms = started_ms;
    bool broken = false;
    while (jobs > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0) {
            jobs--;
            broken |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
            continue;
        }
        if (pid < 0 && errno != EINTR)
            break;
        if (clock_monotonic_ms() - said_ms >= 10000) {
            said_ms = clock_monotonic_ms();
            printf("[%4" PRId64 " s] %u of %u, %u failed\n", (said_ms - started_ms) / 1000,
                   atomic_load(&m->shared->done), m->case_count, atomic_load(&m->shared->failures));
            fflush(stdout);
        }
        usleep(20000);
    }
    if (broken)
        fail_msg("a process that tries damage ended badly");
}

static void print_row(const struct matrix *m, const struct damage_row *row, FILE *table)
{
    uint32_t tried = 0, ends[4] = {0}, open_ms = 0, accepted_ms = 0;
    uint64_t delivered = 0, lost = 0, uncertain = 0, unknowable = 0;
    for (uint32_t i = 0; i < m->case_count; i++) {
        const struct matrix_outcome *outcome = &m->shared->outcomes[i];
        if (m->cases[i].row != row || !outcome->tried)
            continue;
        tried++;
        ends[outcome->end]++;
        delivered += outcome->delivered;
        lost += outcome->lost;
        uncertain += outcome->uncertain;
        unknowable += outcome->unknowable;
        open_ms = outcome->open_ms > open_ms ? outcome->open_ms : open_ms;
        accepted_ms = outcome->accepted_ms > accepted_ms ? outcome->accepted_ms : accepted_ms;
    }
    if (tried > 0)
        fprintf(table,
                "| %s | %u | %u | %u | %u | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64
                " | %u / %u |\n",
                row == NULL ? "random, one or several at once" : row->name, tried,
                ends[PHASE_FAILED], ends[PHASE_SIGNAL], ends[PHASE_HANG], delivered, lost,
                uncertain, unknowable, open_ms, accepted_ms);
}

static void print_table(const struct matrix *m, FILE *table)
{
    fprintf(table, "| damage | tried | wrong | signal | hang | events delivered, each once | lost "
                   "= reported | uncertain, reported |"
                   " torn off an end that nothing tells of | slowest start: open / first event, ms "
                   "|\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (const struct damage_row *row = damage_rows(); row->name != NULL; row++)
        print_row(m, row, table);
    print_row(m, NULL, table);
}

static void print_failures(const struct matrix *m)
{
    uint32_t count = atomic_load(&m->shared->failures), shown = 0;
    for (uint32_t i = 0; i < count && i < FAILURES_KEPT; i++) {
        const struct matrix_failure *failure = &m->shared->kept[i];
        uint32_t of_row = 0;
        for (uint32_t k = 0; k < i; k++)
            of_row += m->cases[m->shared->kept[k].number].row == m->cases[failure->number].row;
        if (of_row >= FAILURES_SHOWN_PER_ROW)
            continue;
        printf("FAILED (--seed %" PRIu64 " --rounds %u --case %u) %s\n", m->options->seed,
               m->options->rounds, failure->number, failure->text);
        shown++;
    }
    if (count > shown)
        printf("and %u more\n", count - shown);
}

void damage_matrix_run(const struct matrix_options *options)
{
    struct matrix m = {.options = options};
    int64_t started_ms = clock_monotonic_ms();
    printf("seed %" PRIu64 "\n", options->seed);
    make_fields(&m);
    make_cases(&m);
    size_t shared_size = sizeof *m.shared + m.case_count * sizeof m.shared->outcomes[0];
    m.shared = mmap(NULL, shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(m.shared != MAP_FAILED);
    fflush(NULL);
    for (uint32_t i = 0; i < options->jobs; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            work(&m, i);
            fflush(NULL);
            _exit(0);
        }
    }
    wait_for_workers(&m, options->jobs);
    print_table(&m, stdout);
    FILE *table = options->table == NULL ? NULL : fopen(options->table, "w");
    if (table != NULL) {
        print_table(&m, table);
        fclose(table);
    }
    print_failures(&m);
    uint32_t tried = 0;
    for (uint32_t i = 0; i < m.case_count; i++)
        tried += m.shared->outcomes[i].tried;
    printf("%u damages tried in %" PRId64 " s, %u failed\n", tried,
           (clock_monotonic_ms() - started_ms) / 1000, atomic_load(&m.shared->failures));
    assert_true(tried > 0);
    assert_int_equal(atomic_load(&m.shared->failures), 0);
    for (uint32_t i = 0; i < FIELDS; i++)
        damage_field_free(&m.fields[i], true);
    munmap(m.shared, shared_size);
    free(m.cases);
}
