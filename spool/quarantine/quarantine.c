/* SPDX-License-Identifier: MIT
 * quarantine.c - the thread that writes loss reports and makes room again. */
#include "spool/quarantine/quarantine.h"

#include "base/clock.h"
#include "base/priority.h"
#include "spool/disk/dir.h"
#include "spool/disk/durable_file.h"
#include "spool/format/loss_report.h"
#include "spool/home/internal.h"
#include "spool/home/locks.h"
#include "spool/home/say.h"
#include "spool/quarantine/kept_files.h"
#include "spool/read/reader.h"
#include "spool/read/segment_files.h"
#include "spool/recover/owed_reports.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 32, TICK_MS = 200, LOOK_AT_AGES_EVERY_MS = 60000, BACKGROUND_NICE = 10 };

/* ---- what is put there ----------------------------------------------------------------------- */

enum err spool_quarantine_make_place(struct spool *spool, uint64_t segment_id, struct errmsg *msg)
{
    char name[NAME_SIZE];
    int fd = -1;
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    enum err rc = spool_dir_open(spool->quarantine_fd, name, true, &fd, msg);
    if (rc == ERR_OK)
        close(fd);
    return rc;
}

enum err spool_quarantine_take(struct spool *spool, int from_fd, const char *name,
                               struct errmsg *msg)
{
    struct stat status;
    if (fstatat(from_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(status.st_mode))
        return spool_dir_move(from_fd, name, spool->quarantine_fd, name, msg);
    int fd = -1;
    enum err rc = spool_dir_open(spool->quarantine_fd, name, true, &fd, msg);
    if (rc != ERR_OK)
        return rc;
    rc = spool_dir_move(from_fd, name, fd, name, msg);
    close(fd);
    return rc;
}

static bool has_room(struct spool_quarantine *quarantine)
{
    if (quarantine->pending_count < quarantine->pending_capacity)
        return true;
    size_t capacity = quarantine->pending_capacity == 0 ? 16 : quarantine->pending_capacity * 2;
    struct spool_loss_report **pending =
        realloc(quarantine->pending, capacity * sizeof(struct spool_loss_report *));
    if (pending == NULL)
        return false;
    quarantine->pending = pending;
    quarantine->pending_capacity = capacity;
    return true;
}

void spool_quarantine_report(struct spool *spool, struct spool_loss_report *report)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    mutex_lock(&quarantine->lock);
    bool taken = has_room(quarantine);
    if (taken)
        quarantine->pending[quarantine->pending_count++] = report;
    pthread_cond_signal(&quarantine->wake);
    mutex_unlock(&quarantine->lock);
    if (!taken)
        spool_loss_report_free(report);
}

/* ---- reports --------------------------------------------------------------------------------- */

static enum err write_report(struct spool *spool, struct spool_loss_report *report, bool checksums,
                             struct errmsg *msg)
{
    char name[NAME_SIZE];
    int dir_fd = -1;
    struct buf text = {0};
    snprintf(name, sizeof name, "%" PRIu64, report->segment_id);
    enum err rc = spool_dir_open(spool->quarantine_fd, name, false, &dir_fd, msg);
    if (rc != ERR_OK)
        return rc;
    report->written_ms = clock_wall_ms();
    if (!report->vanished)
        rc = spool_kept_files_list(dir_fd, checksums, report, msg);
    if (rc == ERR_OK && !spool_loss_report_render(report, spool->identity.uuid, &text))
        rc = errmsg_set(msg, ERR_NOMEM, "out of memory");
    if (rc == ERR_OK)
        rc = spool_durable_file_replace(dir_fd, SPOOL_LOSS_REPORT_NAME, buf_bytes(&text), msg);
    buf_free(&text);
    close(dir_fd);
    return rc;
}

static void say_report(struct spool *spool, const struct spool_loss_report *report)
{
    char lost[32];
    snprintf(lost, sizeof lost, "%" PRIu64, report->lost.total + report->lost_unnamed);
    spool_say(spool, true, "loss_report",
              "segment=%" PRIu64 " kind=%s events_lost=%s events_recovered=%" PRIu64
              " events_uncertain=%" PRIu64 " damaged_bytes=%" PRIu64 " file=quarantine/%" PRIu64
              "/" SPOOL_LOSS_REPORT_NAME,
              report->segment_id, report->vanished ? "vanished" : "damaged",
              report->count_known || report->lost_unnamed > 0 ? lost : "unknown", report->recovered,
              report->uncertain.total, report->damaged_bytes, report->segment_id);
}

/* Takes the first pending report out, or puts it last. With the lock held. */
static void end_first(struct spool_quarantine *quarantine, bool keep)
{
    struct spool_loss_report *report = quarantine->pending[0];
    memmove(quarantine->pending, quarantine->pending + 1,
            (quarantine->pending_count - 1) * sizeof(struct spool_loss_report *));
    if (keep) {
        quarantine->pending[quarantine->pending_count - 1] = report;
        return;
    }
    quarantine->pending_count--;
    spool_loss_report_free(report);
}

/* Lets the cursors be written again, without the losses that a report names by now. */
static void settle_cursors(struct spool *spool)
{
    mutex_lock(&spool->lock);
    spool->progress.dirty = true;
    mutex_unlock(&spool->lock);
}

/* Writes the pending reports; on an error (a full disk) a report stays pending. No other thread
 * takes reports out. */
static void write_pending(struct spool *spool, bool checksums)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    mutex_lock(&quarantine->lock);
    for (size_t tries = quarantine->pending_count; tries > 0; tries--) {
        struct spool_loss_report *report = quarantine->pending[0];
        mutex_unlock(&quarantine->lock);
        struct errmsg msg = {""};
        enum err rc = write_report(spool, report, checksums, &msg);
        if (rc == ERR_OK)
            say_report(spool, report);
        settle_cursors(spool);
        mutex_lock(&quarantine->lock);
        end_first(quarantine, rc != ERR_OK && rc != ERR_NOT_FOUND);
    }
    mutex_unlock(&quarantine->lock);
}

/* Finds the losses of a segment again, because a crash came before its report was written. */
static struct spool_loss_report *read_again(struct spool *spool, uint64_t segment_id,
                                            const char *name)
{
    struct spool_reader_options options = {
        .parent_fd = spool->quarantine_fd,
        .name = name,
        .segment_id = segment_id,
        .seed = spool->identity.seed,
        .count_limit = SPOOL_COUNT_UNKNOWN,
    };
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    enum err rc = spool_reader_open(&options, &reader, NULL);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL)) == ERR_OK)
        spool_chunk_unref(chunk);
    struct spool_loss_report *report =
        rc == ERR_END ? spool_owed_report(spool, segment_id, spool_reader_findings(reader)) : NULL;
    spool_reader_close(reader);
    return report;
}

static bool is_empty_or_missing(struct spool *spool, const char *name)
{
    int fd = -1;
    struct spool_segment_files files = {0};
    enum err rc = spool_dir_open(spool->quarantine_fd, name, false, &fd, NULL);
    bool empty =
        rc == ERR_NOT_FOUND ||
        (rc == ERR_OK && spool_segment_files_list(fd, &files, NULL) == ERR_OK && files.count == 0);
    if (rc == ERR_OK)
        close(fd);
    spool_segment_files_free(&files);
    return empty;
}

static void report_again(struct spool *spool, uint64_t segment_id)
{
    char name[NAME_SIZE];
    struct errmsg msg = {""};
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    struct spool_loss_report *report = NULL;
    if (is_empty_or_missing(spool, name) &&
        spool_quarantine_make_place(spool, segment_id, &msg) == ERR_OK)
        report = spool_owed_vanished_report(spool, segment_id);
    if (report == NULL)
        report = read_again(spool, segment_id, name);
    if (report != NULL && write_report(spool, report, true, &msg) == ERR_OK)
        say_report(spool, report);
    spool_loss_report_free(report);
}

/* Is a report owed for a segment that the cursors have passed, and that isn't in the catalog any
 * more? */
static bool is_owed(struct spool *spool, uint64_t segment_id)
{
    mutex_lock(&spool->lock);
    bool owed = spool_cursor_state_done_below(&spool->at_open, segment_id) == SPOOL_INDEX_MAX &&
                spool_catalog_find(&spool->catalog, segment_id) == NULL;
    mutex_unlock(&spool->lock);
    return owed && !spool_kept_files_has_report(spool->quarantine_fd, segment_id);
}

static void report_left_overs(struct spool *spool)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    if (spool_dir_list_ids(spool->quarantine_fd, &ids, &count, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < count && !atomic_load(&spool->closing); i++)
        if (!spool_kept_files_has_report(spool->quarantine_fd, ids[i]))
            report_again(spool, ids[i]);
    free(ids);
    for (size_t i = 0; i < spool->at_open.missed_count && !atomic_load(&spool->closing); i++)
        if (is_owed(spool, spool->at_open.missed[i].segment_id))
            report_again(spool, spool->at_open.missed[i].segment_id);
    if (atomic_load(&spool->closing))
        return;
    atomic_store(&spool->quarantine.caught_up, true);
    if (spool->at_open.missed_count > 0)
        settle_cursors(spool);
}

/* ---- room ------------------------------------------------------------------------------------ */

/* Will ingest soon be refused for want of space? */
static bool space_is_short(struct spool *spool)
{
    uint64_t ahead = 2 * spool->options.segment_bytes, free_floor = spool->limits->free_bytes_min;
    if (free_floor < ahead)
        free_floor = ahead;
    return atomic_load(&spool->usage.used_bytes) + ahead > spool->limits->size_bytes_max ||
           atomic_load(&spool->usage.free_bytes) < free_floor + ahead;
}

static void make_room(struct spool *spool)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    struct spool_kept_files_sums sums = {0};
    if (spool_kept_files_measure(spool->quarantine_fd, &sums) != ERR_OK)
        return;
    atomic_store(&quarantine->segments, sums.report_count);
    atomic_store(&quarantine->bytes, sums.kept_bytes);
    while (sums.oldest_id != 0) {
        int64_t age_ms = clock_wall_ms() - sums.oldest_ms;
        bool old = age_ms > spool->limits->quarantine_ms_max,
             much = sums.kept_bytes > spool->limits->quarantine_bytes_max;
        if (!old && !much && !space_is_short(spool))
            return;
        struct errmsg msg = {""};
        uint64_t id = sums.oldest_id, bytes = sums.kept_bytes;
        enum err rc = spool_kept_files_remove(spool->quarantine_fd, id, &msg);
        spool_say(spool, rc != ERR_OK,
                  rc == ERR_OK ? "quarantine_removed" : "quarantine_not_removed",
                  "segment=%" PRIu64 " because=%s%s%s", id,
                  old    ? "max_age"
                  : much ? "max_size"
                         : "space",
                  rc == ERR_OK ? "" : " error=", rc == ERR_OK ? "" : msg.text);
        if (rc != ERR_OK || spool_kept_files_measure(spool->quarantine_fd, &sums) != ERR_OK)
            return;
        uint64_t removed = bytes > sums.kept_bytes ? bytes - sums.kept_bytes : 0,
                 other = atomic_load(&spool->usage.other_bytes);
        atomic_store(&spool->usage.other_bytes, other > removed ? other - removed : 0);
        atomic_store(&quarantine->bytes, sums.kept_bytes);
        spool_usage_measure(spool);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Waits for work or the next tick; false when stopping. */
static bool wait_a_tick(struct spool_quarantine *quarantine, bool *ret_pending)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    mutex_lock(&quarantine->lock);
    if (!quarantine->stopping)
        mutex_wait_until(&quarantine->lock, &quarantine->wake, &until);
    bool stopping = quarantine->stopping;
    *ret_pending = quarantine->pending_count > 0;
    mutex_unlock(&quarantine->lock);
    return !stopping;
}

static void *quarantine_main(void *arg)
{
    struct spool *spool = arg;
    struct spool_quarantine *quarantine = &spool->quarantine;
    int64_t looked_ms = 0;
    bool pending = false;
    priority_lower(BACKGROUND_NICE);
    report_left_overs(spool);
    do {
        if (pending)
            write_pending(spool, true);
        bool kept = atomic_load(&quarantine->bytes) > 0;
        if (pending || looked_ms == 0 || (kept && space_is_short(spool)) ||
            clock_monotonic_ms() - looked_ms >= LOOK_AT_AGES_EVERY_MS) {
            make_room(spool);
            looked_ms = clock_monotonic_ms();
        }
    } while (wait_a_tick(quarantine, &pending));
    return NULL;
}

void spool_quarantine_init(struct spool_quarantine *quarantine)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    mutex_init(&quarantine->lock, SPOOL_LOCK_QUARANTINE);
    pthread_cond_init(&quarantine->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

enum err spool_quarantine_start(struct spool *spool, struct errmsg *msg)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    int error = pthread_create(&quarantine->thread, NULL, quarantine_main, spool);
    if (error != 0)
        return errmsg_set(msg, ERR_NOMEM, "start the quarantine thread: %s", strerror(error));
    quarantine->started = true;
    return ERR_OK;
}

void spool_quarantine_stop(struct spool *spool)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    if (quarantine->started) {
        mutex_lock(&quarantine->lock);
        quarantine->stopping = true;
        pthread_cond_signal(&quarantine->wake);
        mutex_unlock(&quarantine->lock);
        pthread_join(quarantine->thread, NULL);
        quarantine->started = false;
        write_pending(spool, false);
    }
    for (size_t i = 0; i < quarantine->pending_count; i++)
        spool_loss_report_free(quarantine->pending[i]);
    free(quarantine->pending);
    quarantine->pending = NULL;
    quarantine->pending_count = quarantine->pending_capacity = 0;
}
