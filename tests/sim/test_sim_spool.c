/* SPDX-License-Identifier: MIT
 * test_sim_spool.c - the real spool on the simulation's disk: through kills and power cuts every
 * acknowledged event is read. */
#include "spool/spool.h"
#include "tests/sim/child.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_sched.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

enum { EVENTS = 1000, SIZE_MAX_OF_VALUE = 3000 };

/* The world outside the program: it outlives kills. */
static struct {
    bool acknowledged[EVENTS], seen[EVENTS];
    unsigned next, seen_count, segments_retired;
    uint64_t done_id;
    bool stop;
    struct spool *spool;
    unsigned busy; /* submitters and readers that use the spool */
} world;

struct handed {
    unsigned first, count;
};

static void took(void *arg, const struct spool_receipt *receipt)
{
    struct handed *handed = arg;
    for (unsigned i = 0; receipt->err == ERR_OK && i < handed->count; i++)
        world.acknowledged[handed->first + i] = true;
    if (receipt->err != ERR_OK)
        sim_red("refused", "%d", receipt->err);
    free(handed);
}

static void submit_some(struct spool *spool)
{
    static uint8_t value[SIZE_MAX_OF_VALUE];
    struct spool_batch *batch = NULL;
    struct handed *handed = malloc(sizeof *handed);
    unsigned count = 1 + (unsigned)sim_random(8);
    handed->first = world.next;
    handed->count = count < EVENTS - world.next ? count : EVENTS - world.next;
    const char *topic = sim_chance(500) ? "a" : "b";
    if (spool_batch_new(spool, (struct bytes){(const uint8_t *)topic, 1}, &batch) != ERR_OK)
        sim_red("batch", "new");
    for (unsigned i = 0; i < handed->count; i++) {
        size_t size = 20 + sim_random(SIZE_MAX_OF_VALUE - 20);
        memset(value, 'v', size);
        int n = snprintf((char *)value, 16, "%u.", handed->first + i);
        value[n] = ' ';
        struct spool_event event = {
            .time_ms = sim_wall_ms(), .value = {value, size}, .partition = SPOOL_PARTITION_ANY};
        if (spool_batch_add(batch, &event) != ERR_OK)
            sim_red("batch", "add");
    }
    world.next += handed->count; /* an answer that never comes: unknown */
    enum err rc = spool_submit(spool, batch, took, handed);
    if (rc != ERR_OK)
        sim_red("refused", "submit %d", rc);
}

static void *submit(void *arg)
{
    while (world.next < EVENTS && !world.stop) {
        submit_some(arg);
        usleep((useconds_t)sim_random(400000));
    }
    world.busy--;
    return NULL;
}

static void take(struct spool *spool, struct spool_chunk *chunk)
{
    struct spool_outcome outcomes[2] = {{.topic = {(const uint8_t *)"a", 1}},
                                        {.topic = {(const uint8_t *)"b", 1}}};
    struct spool_event event;
    size_t at = 0;
    while (spool_chunk_next(chunk, &at, &event)) {
        char text[16] = "";
        memcpy(text, event.value.data, 15);
        unsigned number = (unsigned)strtoul(text, NULL, 10);
        if (number >= EVENTS)
            sim_red("garbled", "%s", text);
        world.seen_count += !world.seen[number];
        world.seen[number] = true;
        outcomes[event.topic.data[0] == 'b'].delivered++;
    }
    if (spool_advance(spool, SPOOL_AT_LEAST_ONCE, chunk->last_id, NULL, 0, outcomes, 2) != ERR_OK)
        sim_red("advance", "no");
}

static void *consume(void *arg)
{
    struct spool_tail *tail = NULL;
    uint64_t after = spool_cursor_at_open(arg)->done_id;
    if (spool_tail_open(arg, after, &tail) != ERR_OK)
        sim_red("tail", "open");
    while (!world.stop) {
        struct spool_chunk *chunk = NULL;
        enum err rc = spool_tail_next(tail, &chunk, NULL);
        if (rc == ERR_OK) {
            take(arg, chunk);
            spool_chunk_unref(chunk);
        } else if (rc != ERR_END) {
            sim_red("tail", "next %d", rc);
        } else {
            usleep(50000);
        }
    }
    spool_tail_close(tail);
    world.busy--;
    return NULL;
}

static void on_report(void *arg, const struct spool_report *report)
{
    (void)arg;
    sim_note("%s %s %s", report->problem ? "problem" : "news", report->event, report->detail);
}

static void open_spool(void *arg)
{
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    struct errmsg msg = {0};
    pthread_t threads[2];
    (void)arg;
    options.path = (char *)SIM_DISK_ROOT "/spool";
    options.create = true;
    options.require_mount = (char *)"auto";
    options.segment_bytes = 64 << 10;
    enum err rc = spool_open(&options, on_report, NULL, &world.spool, &msg);
    if (rc != ERR_OK)
        sim_red("open", "%d %s", rc, msg.text);
    world.busy = 2;
    pthread_create(&threads[0], NULL, submit, world.spool);
    pthread_create(&threads[1], NULL, consume, world.spool);
}

static void close_spool(void *arg)
{
    (void)arg;
    spool_stop_taking(world.spool);
    spool_close(world.spool);
}

/* Kills at a place that no clock would meet, now and then with the power. */
static void kill_program(void)
{
    if (!sim_sleep_calls(1 + sim_random(600), 20000))
        sim_note("a quiet time");
    sim_note("kill, next %u, seen %u", world.next, world.seen_count);
    sim_sched_kill_program();
    if (sim_chance(500))
        sim_disk_power_cut();
    else
        sim_disk_kill();
    if (sim_disk_descriptors() != 0)
        sim_red("descriptors", "are left");
}

static bool all_seen(void)
{
    for (unsigned i = 0; i < EVENTS; i++)
        if (world.acknowledged[i] && !world.seen[i])
            return false;
    return true;
}

static void live(void *arg)
{
    struct spool_stats stats;
    (void)arg;
    unsigned kills = 3 + (unsigned)sim_random(8);
    for (unsigned i = 0; i < kills; i++) {
        if (!sim_sched_call_program(open_spool, NULL))
            sim_red("open", "killed");
        kill_program();
    }
    sim_sched_call_program(open_spool, NULL);
    for (int i = 0; i < 3000 && (world.next < EVENTS || !all_seen()); i++)
        sim_sleep_ms(100);
    sim_sleep_ms(5000);
    if (!all_seen())
        sim_red("lost", "%u of %u seen", world.seen_count, world.next);
    world.stop = true;
    while (world.busy > 0)
        sim_sleep_ms(10);
    spool_stats_get(world.spool, &stats);
    sim_note("segments %" PRIu64 ", lost %" PRIu64, stats.segment_count, stats.books.lost);
    if (stats.books.lost > 0 || stats.books.pending > 0 || stats.segment_count > 4)
        sim_red("books", "lost %" PRIu64 ", pending %" PRIu64 ", segments %" PRIu64,
                stats.books.lost, stats.books.pending, stats.segment_count);
    sim_sched_call_program(close_spool, NULL);
    if (sim_disk_descriptors() != 0)
        sim_red("descriptors", "%u are left", sim_disk_descriptors());
    if (sim_sched_program_fibers() > 1) /* LevelDB's own */
        sim_red("threads", "%zu are left", sim_sched_program_fibers());
    sim_sleep_ms(600000);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_nothing_is_lost(void **state)
{
    const char *wanted = getenv("SIM_SECONDS");
    double begin = seconds(), limit = wanted != NULL ? strtod(wanted, NULL) : 5;
    uint64_t seed = 1;
    (void)state;
    for (; seconds() - begin < limit; seed++)
        assert_int_equal(child_run(seed, live, NULL).status, 0);
    printf("%" PRIu64 " histories, %.0f a minute\n", seed - 1,
           (double)(seed - 1) * 60 / (seconds() - begin));
}

static void test_two_runs_are_equal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct child one = child_run(seed, live, NULL), two = child_run(seed, live, NULL);
        assert_int_equal(one.status, 0);
        assert_true(one.hash == two.hash && one.last_ms == two.last_ms);
    }
}

/* With a seed as argument: prints its hash, for comparisons of builds. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_two_runs_are_equal),
    };
    if (argc < 2)
        return cmocka_run_group_tests(tests, NULL, NULL);
    sim_sched_run(strtoull(argv[1], NULL, 10), live, NULL);
    if (argc > 2)
        sim_history_print();
    printf("%016" PRIx64 "\n", sim_history_hash());
    return 0;
}
