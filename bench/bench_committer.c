/* SPDX-License-Identifier: MIT
 * bench_committer.c - `bench_committer DIR EVENTS ROUNDS SECONDS`: the spool's committer against
 * the bare disk.
 *
 * In turn, ROUNDS times: write + fdatasync of EVENTS x 200 bytes at a time, and spool_submit() of
 * batches of EVENTS events of 200 bytes. While one batch is synced the next one is built on another
 * thread, as requests are, and it is handed over when the one before is done: so each commit holds
 * exactly one batch and the sizes of the synced writes are the same (the program checks that). Only
 * the bytes of the values count. One line of JSON with the medians. */
#include "base/clock.h"
#include "bench/support_disk.h"
#include "spool/spool.h"

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { VALUE_SIZE = 200, ROUNDS_MAX = 99 };

static struct spool *spool;
static uint64_t last_id;

/* What is between the builder and the committer. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct spool_batch *built; /* the next one */
static bool busy;                 /* the committer has one */

static void on_done(void *arg, const struct spool_receipt *receipt);

static void submit_built(void)
{
    if (spool_submit(spool, built, on_done, NULL) != ERR_OK)
        errx(1, "the spool refuses");
    built = NULL;
    busy = true;
    pthread_cond_signal(&changed);
}

static void on_done(void *arg, const struct spool_receipt *receipt)
{
    (void)arg;
    if (receipt->err != ERR_OK)
        errx(1, "commit: %s", err_text(receipt->err));
    pthread_mutex_lock(&lock);
    last_id = receipt->last_id;
    busy = false;
    if (built != NULL)
        submit_built();
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void hand_over(struct spool_batch *batch)
{
    pthread_mutex_lock(&lock);
    while (built != NULL)
        pthread_cond_wait(&changed, &lock);
    built = batch;
    if (!busy)
        submit_built();
    pthread_mutex_unlock(&lock);
}

static void wait_for_all(void)
{
    pthread_mutex_lock(&lock);
    while (built != NULL || busy)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct spool_batch *build(unsigned event_count)
{
    static char value[VALUE_SIZE];
    static uint64_t number;
    struct spool_batch *batch = NULL;
    struct spool_event event = {.value = bytes_of(value, sizeof value),
                                .partition = SPOOL_PARTITION_ANY,
                                .time_ms = clock_wall_ms()};
    if (spool_batch_new(spool, bytes_of_string("bench"), &batch) != ERR_OK)
        errx(1, "no batch");
    for (unsigned i = 0; i < event_count; i++) {
        memcpy(value, &number, sizeof number);
        number++;
        if (spool_batch_add(batch, &event) != ERR_OK)
            errx(1, "no event");
    }
    return batch;
}

/* Bytes of values a second. */
static double run_spool(unsigned event_count, double seconds)
{
    struct spool_stats before, after;
    uint64_t batches = 0;
    spool_stats_get(spool, &before);
    int64_t start_ns = clock_monotonic_ns(), end_ns = start_ns + (int64_t)(seconds * 1e9);
    while (clock_monotonic_ns() < end_ns) {
        hand_over(build(event_count));
        batches++;
    }
    wait_for_all();
    double took = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    spool_stats_get(spool, &after);
    if (after.commits - before.commits != batches)
        errx(1, "%lu batches went into %lu commits: not the same sizes", (unsigned long)batches,
             (unsigned long)(after.commits - before.commits));
    struct spool_outcome outcome = {.topic = bytes_of_string("bench"),
                                    .delivered = batches * event_count};
    /* lets its segments go */
    spool_advance(spool, SPOOL_AT_LEAST_ONCE, last_id, NULL, 0, &outcome, 1);
    return (double)batches * event_count * VALUE_SIZE / took;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1 || atoi(argv[3]) > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_committer DIR EVENTS ROUNDS SECONDS\n");
        return 2;
    }
    unsigned event_count = (unsigned)atoi(argv[2]);
    int rounds = atoi(argv[3]);
    double seconds = atof(argv[4]), raw[ROUNDS_MAX], ours[ROUNDS_MAX], ratios[ROUNDS_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/spool-%d", argv[1], (int)getpid());
    struct spool_options options = SPOOL_OPTIONS_DEFAULT;
    struct errmsg msg = {""};
    options.path = path;
    options.create = true;
    if (spool_open(&options, NULL, NULL, &spool, &msg) != ERR_OK)
        errx(1, "%s", msg.text);
    for (int i = 0; i < rounds; i++) {
        struct disk_result disk =
            disk_append_synced(argv[1], (size_t)event_count * VALUE_SIZE, seconds);
        raw[i] = (double)disk.writes * event_count * VALUE_SIZE / disk.seconds;
        ours[i] = run_spool(event_count, seconds);
        ratios[i] = ours[i] / raw[i];
    }
    spool_close(spool);
    printf("{\"raw_bytes_per_s\":%.1f,\"spool_bytes_per_s\":%.1f,\"ratio\":%.3f}\n",
           median(raw, rounds), median(ours, rounds), median(ratios, rounds));
    return 0;
}
