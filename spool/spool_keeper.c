/* SPDX-License-Identifier: MIT
 * spool_keeper.c - the spool's background thread. */
#include "spool/spool_keeper.h"

#include "base/clock.h"
#include "spool/spool_dir.h"
#include "spool/spool_internal.h"
#include "spool/spool_retire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

enum {
    TICK_MS = 100,
    MAKE_BACKOFF_MS_MIN = 100,
    MAKE_BACKOFF_MS_MAX = 5000,
    WALK_EVERY_MS = 30000
};

/* ---- segments made ahead, segments closed ---------------------------------------------------- */

static enum err make_segment(struct spool *spool, struct spool_segment **ret_segment,
                             struct errmsg *msg)
{
    struct spool_segment_place place = {
        .segments_path = spool->segments_path,
        .segments_fd = spool->segments_fd,
        .spool_uuid = spool->identity.uuid,
        .seed = spool->identity.seed,
        .bytes_max = spool->options.segment_bytes + SPOOL_COMMIT_BYTES_MAX,
    };
    enum err rc = spool_segment_make(&place, spool_take_segment_id(spool), ret_segment, msg);
    if (rc == ERR_OK)
        spool_note_segment(spool, (*ret_segment)->id);
    return rc;
}

enum err spool_keeper_make_first(struct spool *spool, struct spool_cursors *cursors,
                                 struct spool_segment **ret_segment, struct errmsg *msg)
{
    enum err rc = make_segment(spool, ret_segment, msg);
    struct spool_cursor_state state = {0};
    if (rc != ERR_OK)
        return rc;
    spool->first_segment_id = (*ret_segment)->id;
    if (cursors != NULL && spool_cursor_snapshot(spool, &state) == ERR_OK) {
        /* else the folder's names still tell the highest id */
        (void)spool_cursors_write(cursors, &state, NULL);
        spool_cursor_state_free(&state);
        spool->progress.dirty = true; /* the keeper writes again, and retires what is done */
    }
    return ERR_OK;
}

static void wait_longer(struct spool_keeper *keeper)
{
    keeper->make_backoff_ms =
        keeper->make_backoff_ms == 0 ? MAKE_BACKOFF_MS_MIN : keeper->make_backoff_ms * 2;
    if (keeper->make_backoff_ms > MAKE_BACKOFF_MS_MAX)
        keeper->make_backoff_ms = MAKE_BACKOFF_MS_MAX;
    keeper->make_again_ms = clock_monotonic_ms() + keeper->make_backoff_ms;
}

static void make_spare(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    struct spool_segment *segment = NULL;
    struct errmsg msg = {""};
    enum err rc = make_segment(spool, &segment, &msg);
    if (rc == ERR_OK)
        spool_keeper_write_cursors(spool); /* they name a segment before it takes events */
    pthread_mutex_lock(&keeper->lock);
    bool was_failing = keeper->making_failed;
    keeper->making_failed = rc != ERR_OK;
    if (rc == ERR_OK) {
        keeper->spare = segment;
        keeper->spare_wanted = false;
        /* else writing it must show first that the disk is well */
        if (!atomic_load(&spool->committer.unavailable))
            keeper->make_backoff_ms = keeper->make_again_ms = 0;
    } else {
        wait_longer(keeper);
    }
    pthread_cond_broadcast(&keeper->made);
    pthread_mutex_unlock(&keeper->lock);
    if (rc != ERR_OK) {
        spool_keeper_note_trouble(spool, &msg);
        spool_keeper_measure(spool); /* perhaps the disk is full since the last look */
    }
    if (rc != ERR_OK && !was_failing)
        spool_say(spool, true, "segment_not_made", "error=\"%s\" action=trying_again", msg.text);
}

void spool_keeper_commit_failed(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    pthread_mutex_lock(&keeper->lock);
    atomic_store(&spool->committer.unavailable, true);
    keeper->spare_wanted = true;
    wait_longer(keeper);
    pthread_mutex_unlock(&keeper->lock);
}

void spool_keeper_note_trouble(struct spool *spool, const struct errmsg *why)
{
    pthread_mutex_lock(&spool->keeper.lock);
    spool->keeper.trouble = *why;
    pthread_mutex_unlock(&spool->keeper.lock);
}

void spool_keeper_trouble(struct spool *spool, struct errmsg *ret_why)
{
    pthread_mutex_lock(&spool->keeper.lock);
    *ret_why = spool->keeper.trouble;
    pthread_mutex_unlock(&spool->keeper.lock);
}

/* With a new segment ready, and after the backoff, the disk is tried again. */
static void accept_again(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    pthread_mutex_lock(&keeper->lock);
    bool again = keeper->spare != NULL && clock_monotonic_ms() >= keeper->make_again_ms &&
                 atomic_exchange(&spool->committer.unavailable, false);
    pthread_mutex_unlock(&keeper->lock);
    if (again)
        spool_say(spool, false, "accepting_again", "after=disk_error");
}

struct spool_segment *spool_keeper_take_spare(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    pthread_mutex_lock(&keeper->lock);
    keeper->spare_awaited = true;
    keeper->spare_wanted = true;
    pthread_cond_signal(&keeper->wake);
    while (keeper->spare == NULL && !keeper->making_failed)
        pthread_cond_wait(&keeper->made, &keeper->lock);
    struct spool_segment *segment = keeper->spare;
    keeper->spare = NULL;
    keeper->spare_awaited = false;
    if (segment != NULL)
        keeper->spare_wanted = false;
    pthread_mutex_unlock(&keeper->lock);
    return segment;
}

bool spool_keeper_is_awaited(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    pthread_mutex_lock(&keeper->lock);
    bool awaited = keeper->spare_awaited && keeper->spare == NULL && !keeper->making_failed;
    pthread_mutex_unlock(&keeper->lock);
    return awaited;
}

void spool_keeper_close_segment(struct spool *spool, struct spool_segment *segment)
{
    struct spool_keeper *keeper = &spool->keeper;
    pthread_mutex_lock(&keeper->lock);
    bool room = keeper->closing_count < keeper->closing_capacity;
    if (!room) {
        size_t capacity = keeper->closing_capacity == 0 ? 8 : keeper->closing_capacity * 2;
        struct spool_segment **closing =
            realloc(keeper->closing, capacity * sizeof(struct spool_segment *));
        if (closing != NULL) {
            keeper->closing = closing;
            keeper->closing_capacity = capacity;
            room = true;
        }
    }
    if (room)
        keeper->closing[keeper->closing_count++] = segment;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    if (!room)
        spool_segment_free(segment); /* slow, but right */
}

static void close_segments(struct spool_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    while (keeper->closing_count > 0) {
        struct spool_segment *segment = keeper->closing[--keeper->closing_count];
        pthread_mutex_unlock(&keeper->lock);
        spool_segment_free(segment);
        pthread_mutex_lock(&keeper->lock);
    }
    pthread_mutex_unlock(&keeper->lock);
}

/* ---- space ----------------------------------------------------------------------------------- */

void spool_keeper_measure(struct spool *spool)
{
    struct statvfs status;
    if (fstatvfs(spool->root_fd, &status) == 0)
        atomic_store(&spool->keeper.free_bytes, (uint64_t)status.f_bavail * status.f_frsize);
    uint64_t used = atomic_load(&spool->keeper.other_bytes);
    pthread_mutex_lock(&spool->lock);
    for (size_t i = 0; i < spool->catalog.count; i++)
        used += spool->catalog.entries[i].disk_bytes;
    pthread_mutex_unlock(&spool->lock);
    atomic_store(&spool->keeper.used_bytes, used);
}

/* Walks what no segment of the catalog accounts for, and old segments whose size isn't known
 * yet. */
static void walk(struct spool *spool)
{
    uint64_t bytes = 0, all = 0;
    if (spool_dir_tree_bytes(spool->root_fd, ".", &all) != ERR_OK)
        return;
    pthread_mutex_lock(&spool->lock);
    for (size_t i = 0; i < spool->catalog.count; i++)
        bytes += spool->catalog.entries[i].disk_bytes;
    pthread_mutex_unlock(&spool->lock);
    atomic_store(&spool->keeper.other_bytes, all > bytes ? all - bytes : 0);
    spool->keeper.walked_ms = clock_monotonic_ms();
}

void spool_keeper_committed(struct spool *spool, uint64_t frame_bytes, uint64_t live_log_bytes)
{
    struct spool_keeper *keeper = &spool->keeper;
    atomic_fetch_add(&keeper->used_bytes, frame_bytes);
    uint64_t free_bytes = atomic_load(&keeper->free_bytes);
    atomic_fetch_sub(&keeper->free_bytes, frame_bytes < free_bytes ? frame_bytes : free_bytes);
    if (live_log_bytes < spool->options.segment_bytes / 4)
        return;
    pthread_mutex_lock(&keeper->lock);
    if (keeper->spare == NULL && !keeper->spare_wanted) {
        keeper->spare_wanted = true;
        pthread_cond_signal(&keeper->wake);
    }
    pthread_mutex_unlock(&keeper->lock);
}

enum err spool_keeper_space(struct spool *spool, uint64_t queued_bytes, uint64_t batch_bytes,
                            struct errmsg *msg)
{
    struct spool_keeper *keeper = &spool->keeper;
    struct spool_space space = {
        .used_bytes = atomic_load(&keeper->used_bytes),
        .free_bytes = atomic_load(&keeper->free_bytes),
        .new_bytes = queued_bytes + batch_bytes,
    };
    enum err rc = spool_space_check(spool->limits, &space, atomic_load(&keeper->refusing), msg);
    atomic_store(&keeper->refusing, rc != ERR_OK);
    return rc;
}

/* ---- cursors --------------------------------------------------------------------------------- */

static bool cursors_are_due(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    if (clock_monotonic_ms() - keeper->cursors_written_ms < spool->limits->cursor_interval_ms)
        return false;
    pthread_mutex_lock(&spool->lock);
    bool due = spool->progress.dirty;
    pthread_mutex_unlock(&spool->lock);
    return due;
}

static enum err open_cursors_again(struct spool *spool, struct errmsg *msg)
{
    struct spool_cursor_state ignored = {0};
    bool found = false;
    enum err rc = spool_cursors_open(spool->root_fd, spool->identity.uuid, spool->identity.seed,
                                     &spool->keeper.cursors, &ignored, &found, msg);
    spool_cursor_state_free(&ignored);
    return rc;
}

void spool_keeper_write_cursors(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    struct spool_cursor_state state = {0};
    struct errmsg msg = {""};
    enum err rc = keeper->cursors == NULL ? open_cursors_again(spool, &msg) : ERR_OK;
    if (rc == ERR_OK)
        rc = spool_cursor_snapshot(spool, &state);
    if (rc == ERR_OK)
        rc = spool_cursors_write(keeper->cursors, &state, &msg);
    keeper->cursors_written_ms = clock_monotonic_ms();
    if (rc == ERR_OK) {
        atomic_fetch_add(&keeper->cursor_writes, 1);
        atomic_store(&keeper->cursor_mode, (int)state.mode);
        if (!spool->options.forward_only)
            spool_retire_done(spool, &state);
        spool_parked_written(spool, &state);
    } else {
        pthread_mutex_lock(&spool->lock);
        spool->progress.dirty = true;
        pthread_mutex_unlock(&spool->lock);
    }
    if ((rc != ERR_OK) != keeper->cursors_failing)
        spool_say(spool, rc != ERR_OK,
                  rc != ERR_OK ? "cursors_not_written" : "cursors_written_again", "error=\"%s\"",
                  msg.text);
    keeper->cursors_failing = rc != ERR_OK;
    spool_cursor_state_free(&state);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool wait_for_work(struct spool_keeper *keeper)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&keeper->lock);
    bool make = false;
    for (int rc = 0;;) {
        make = keeper->spare_wanted && keeper->spare == NULL &&
               (clock_monotonic_ms() >= keeper->make_again_ms ||
                (keeper->spare_awaited && !keeper->making_failed));
        if (make || keeper->stopping || keeper->closing_count > 0 || rc == ETIMEDOUT)
            break;
        rc = pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
    }
    pthread_mutex_unlock(&keeper->lock);
    return make;
}

static bool is_stopping(struct spool_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    bool stopping = keeper->stopping;
    pthread_mutex_unlock(&keeper->lock);
    return stopping;
}

/* It never held an event; left behind it would be one more empty segment to look at. The cursors
 * must not name it any more. */
static void drop_spare(struct spool *spool)
{
    struct spool_segment *spare = spool->keeper.spare;
    if (spare == NULL)
        return;
    char name[32];
    snprintf(name, sizeof name, "%" PRIu64, spare->id);
    spool_segment_free(spare);
    (void)spool_dir_remove_tree(spool->segments_fd, name);
    spool->keeper.spare = NULL;
}

static void *keeper_main(void *arg)
{
    struct spool *spool = arg;
    struct spool_keeper *keeper = &spool->keeper;
    bool forward_only = spool->options.forward_only;
    if (!forward_only)
        spool_retire_leftovers(spool);
    walk(spool);
    while (!is_stopping(keeper)) {
        bool make = wait_for_work(keeper);
        if (make)
            make_spare(spool);
        accept_again(spool);
        close_segments(keeper);
        if (cursors_are_due(spool))
            spool_keeper_write_cursors(spool);
        if (!forward_only)
            spool_retire_trash(spool);
        if (clock_monotonic_ms() - keeper->walked_ms >= WALK_EVERY_MS)
            walk(spool);
        spool_keeper_measure(spool);
    }
    close_segments(keeper);
    if (keeper->spare != NULL)
        spool_forget_segment(spool, keeper->spare->id);
    spool_keeper_write_cursors(spool);
    drop_spare(spool);
    return NULL;
}

enum err spool_keeper_start(struct spool *spool, struct spool_cursors *cursors, struct errmsg *msg)
{
    struct spool_keeper *keeper = &spool->keeper;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_cond_init(&keeper->wake, &monotonic);
    pthread_cond_init(&keeper->made, NULL);
    pthread_condattr_destroy(&monotonic);
    keeper->cursors = cursors;
    keeper->spare_wanted = atomic_load(&spool->committer.unavailable);
    int error = pthread_create(&keeper->thread, NULL, keeper_main, spool);
    if (error != 0)
        return errmsg_set(msg, ERR_NOMEM, "start the keeper thread: %s", strerror(error));
    keeper->started = true;
    return ERR_OK;
}

void spool_keeper_stop(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    if (keeper->started) {
        pthread_mutex_lock(&keeper->lock);
        keeper->stopping = true;
        pthread_cond_signal(&keeper->wake);
        pthread_mutex_unlock(&keeper->lock);
        pthread_join(keeper->thread, NULL);
        keeper->started = false;
    }
    drop_spare(spool);
    spool_cursors_close(keeper->cursors);
    free(keeper->closing);
    keeper->cursors = NULL;
    keeper->closing = NULL;
}
