/* SPDX-License-Identifier: MIT
 * keeper.c - the spool's background thread. */
#include "spool/keep/keeper.h"

#include "base/clock.h"
#include "spool/disk/dir.h"
#include "spool/home/internal.h"
#include "spool/home/locks.h"
#include "spool/home/say.h"
#include "spool/keep/retire.h"
#include "spool/ledger/parking.h"
#include "spool/ledger/segment_ids.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TICK_MS = 100, WALK_EVERY_MS = 30000 };

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
    enum err rc = spool_segment_make(&place, spool_segment_ids_take(spool), ret_segment, msg);
    if (rc == ERR_OK)
        spool_segment_ids_note(spool, (*ret_segment)->id);
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
        /* on an error the folder's names still tell the highest id */
        (void)spool_cursors_write(cursors, &state, NULL);
        spool_cursor_state_free(&state);
        spool->progress.dirty = true; /* the keeper writes again, and retires done segments */
    }
    return ERR_OK;
}

static void make_spare(struct spool *spool)
{
    struct spool_spares *spares = &spool->spares;
    struct spool_segment *segment = NULL;
    struct errmsg msg = {""};
    enum err rc = make_segment(spool, &segment, &msg);
    if (rc == ERR_OK)
        spool_keeper_write_cursors(spool); /* the cursors must name a segment before it takes
                                            * events */
    mutex_lock(&spares->lock);
    bool was_failing = spares->making_failed;
    spares->making_failed = rc != ERR_OK;
    if (rc == ERR_OK) {
        spares->spare = segment;
        spares->spare_wanted = false;
        /* after a failed write only a good write shows that the disk is well */
        if (!atomic_load(&spool->committer.unavailable))
            spares->make_backoff_ms = spares->make_again_ms = 0;
    } else {
        spool_spares_wait_longer(spares);
    }
    pthread_cond_broadcast(&spares->made);
    mutex_unlock(&spares->lock);
    if (rc != ERR_OK) {
        spool_spares_note_trouble(spool, &msg);
        spool_usage_measure(spool); /* perhaps the disk is full since the last look */
    }
    if (rc != ERR_OK && !was_failing)
        spool_say(spool, true, "segment_not_made", "error=\"%s\" action=trying_again", msg.text);
}

/* ---- cursors --------------------------------------------------------------------------------- */

static bool cursors_are_due(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    if (clock_monotonic_ms() - keeper->cursors_written_ms < spool->limits->cursor_interval_ms)
        return false;
    mutex_lock(&spool->lock);
    bool due = spool->progress.dirty;
    mutex_unlock(&spool->lock);
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
        spool_parking_written(spool, &state);
    } else {
        mutex_lock(&spool->lock);
        spool->progress.dirty = true;
        mutex_unlock(&spool->lock);
    }
    if ((rc != ERR_OK) != keeper->cursors_failing)
        spool_say(spool, rc != ERR_OK,
                  rc != ERR_OK ? "cursors_not_written" : "cursors_written_again", "error=\"%s\"",
                  msg.text);
    keeper->cursors_failing = rc != ERR_OK;
    spool_cursor_state_free(&state);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool wait_for_work(struct spool_spares *spares)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    mutex_lock(&spares->lock);
    bool make = false;
    for (int rc = 0;;) {
        make = spares->spare_wanted && spares->spare == NULL &&
               (clock_monotonic_ms() >= spares->make_again_ms ||
                (spares->spare_awaited && !spares->making_failed));
        if (make || spares->stopping || spares->closing_count > 0 || rc == ETIMEDOUT)
            break;
        rc = mutex_wait_until(&spares->lock, &spares->wake, &until);
    }
    mutex_unlock(&spares->lock);
    return make;
}

static bool is_stopping(struct spool_spares *spares)
{
    mutex_lock(&spares->lock);
    bool stopping = spares->stopping;
    mutex_unlock(&spares->lock);
    return stopping;
}

/* Removes the spare, which never held an event: it would be one more empty segment to look at. The
 * cursors must not name it any more. */
static void drop_spare(struct spool *spool)
{
    struct spool_segment *spare = spool->spares.spare;
    if (spare == NULL)
        return;
    char name[32];
    snprintf(name, sizeof name, "%" PRIu64, spare->id);
    spool_segment_free(spare);
    (void)spool_dir_remove_tree(spool->segments_fd, name);
    spool->spares.spare = NULL;
}

static void *keeper_main(void *arg)
{
    struct spool *spool = arg;
    struct spool_spares *spares = &spool->spares;
    bool forward_only = spool->options.forward_only;
    if (!forward_only)
        spool_retire_leftovers(spool);
    spool_usage_walk(spool);
    while (!is_stopping(spares)) {
        bool make = wait_for_work(spares);
        if (make)
            make_spare(spool);
        spool_spares_accept_again(spool);
        spool_spares_close_segments(&spool->spares);
        if (cursors_are_due(spool))
            spool_keeper_write_cursors(spool);
        if (!forward_only)
            spool_retire_trash(spool);
        if (clock_monotonic_ms() - spool->usage.walked_ms >= WALK_EVERY_MS)
            spool_usage_walk(spool);
        spool_usage_measure(spool);
    }
    spool_spares_close_segments(&spool->spares);
    if (spares->spare != NULL)
        spool_segment_ids_forget(spool, spares->spare->id);
    spool_keeper_write_cursors(spool);
    drop_spare(spool);
    return NULL;
}

enum err spool_keeper_start(struct spool *spool, struct spool_cursors *cursors, struct errmsg *msg)
{
    struct spool_keeper *keeper = &spool->keeper;
    struct spool_spares *spares = &spool->spares;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    mutex_init(&spares->lock, SPOOL_LOCK_SPARES);
    pthread_cond_init(&spares->wake, &monotonic);
    pthread_cond_init(&spares->made, NULL);
    pthread_condattr_destroy(&monotonic);
    keeper->cursors = cursors;
    spares->spare_wanted = atomic_load(&spool->committer.unavailable);
    int error = pthread_create(&keeper->thread, NULL, keeper_main, spool);
    if (error != 0)
        return errmsg_set(msg, ERR_NOMEM, "start the keeper thread: %s", strerror(error));
    keeper->started = true;
    return ERR_OK;
}

void spool_keeper_stop(struct spool *spool)
{
    struct spool_keeper *keeper = &spool->keeper;
    struct spool_spares *spares = &spool->spares;
    if (keeper->started) {
        mutex_lock(&spares->lock);
        spares->stopping = true;
        pthread_cond_signal(&spares->wake);
        mutex_unlock(&spares->lock);
        pthread_join(keeper->thread, NULL);
        keeper->started = false;
    }
    drop_spare(spool);
    spool_cursors_close(keeper->cursors);
    free(spares->closing);
    keeper->cursors = NULL;
    spares->closing = NULL;
}
