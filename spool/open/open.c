/* SPDX-License-Identifier: MIT
 * open.c - opening and closing the spool, in order. */
#include "spool/spool.h"

#include "base/clock.h"
#include "spool/commit/delivery_waits.h"
#include "spool/disk/dir.h"
#include "spool/home/internal.h"
#include "spool/home/locks.h"
#include "spool/home/say.h"
#include "spool/open/background.h"
#include "spool/park/parked.h"
#include "spool/place/root.h"
#include "spool/recover/count.h"
#include "spool/recover/unreadable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_AT_OPEN = 8 };

/* ---- opening, step by step ------------------------------------------------------------------- */

static enum err open_root(struct spool *spool, struct errmsg *msg)
{
    struct spool_root root;
    enum err rc = spool_root_open(&spool->options, &root, msg);
    if (rc != ERR_OK)
        return rc;
    spool->root_fd = root.fd;
    spool->lock_fd = root.lock_fd;
    spool->identity = root.identity;
    spool_watch_init(spool);
    if (spool->watch.warning[0] != '\0')
        spool_say(spool, true, "spool_is_volatile", "warning=\"%s\"", spool->watch.warning);
    return ERR_OK;
}

static enum err open_folders(struct spool *spool, struct errmsg *msg)
{
    static const char *const names[] = {"segments", "quarantine", "trash"};
    int *fds[] = {&spool->segments_fd, &spool->quarantine_fd, &spool->trash_fd};
    for (int i = 0; i < 3; i++) {
        enum err rc =
            spool_dir_open(spool->root_fd, names[i], !spool->options.forward_only, fds[i], msg);
        if (rc == ERR_NOT_FOUND && i > 0)
            continue; /* quarantine and trash aren't needed to forward */
        if (rc != ERR_OK) {
            errmsg_wrap(msg, "folder '%s'", names[i]);
            return rc;
        }
    }
    size_t size = strlen(spool->options.path) + sizeof "/segments";
    spool->segments_path = malloc(size);
    if (spool->segments_path == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    snprintf(spool->segments_path, size, "%s/segments", spool->options.path);
    return ERR_OK;
}

/* Finds the highest id in any folder: ids must never repeat, also when their segments are gone. */
static void find_highest_id(struct spool *spool)
{
    static const char *const names[] = {"segments", "quarantine", "trash", "dead-letter", "parked"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int fd = -1;
        uint64_t highest = 0;
        if (spool_dir_open(spool->root_fd, names[i], false, &fd, NULL) != ERR_OK)
            continue;
        if (spool_dir_highest_id(fd, &highest, NULL) == ERR_OK && highest > spool->segment_id_max)
            spool->segment_id_max = highest;
        close(fd);
    }
}

static enum err list_old_segments(struct spool *spool, struct errmsg *msg)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    enum err rc = spool_dir_list_ids(spool->segments_fd, &ids, &count, msg);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        struct spool_entry entry = {
            .id = ids[i], .state = SPOOL_ENTRY_OLD, .event_count = SPOOL_COUNT_UNKNOWN};
        rc = spool_catalog_add(&spool->catalog, &entry);
    }
    free(ids);
    return rc;
}

static enum err load_totals(struct spool *spool)
{
    const struct spool_cursor_state *state = &spool->at_open;
    for (size_t i = 0; i < state->topic_count; i++) {
        const struct spool_topic_totals *totals = &state->topics[i];
        struct spool_topic *topic;
        enum err rc = spool_topics_get(&spool->topics, bytes_of_string(totals->topic), 0, &topic);
        if (rc != ERR_OK)
            return rc;
        atomic_store(&topic->delivered, totals->delivered);
        atomic_store(&topic->dead_lettered, totals->dead_lettered);
        atomic_store(&topic->lost, totals->lost);
        atomic_store(&topic->accepted, totals->delivered + totals->dead_lettered + totals->lost);
    }
    atomic_store(&spool->unknown_lost, state->lost_unknown_topic);
    atomic_store(&spool->unknown_accepted, state->lost_unknown_topic);
    return ERR_OK;
}

/* Opens the cursors. A full disk or a damaged file must not keep the spool from opening: the keeper
 * makes the file again. */
static enum err open_cursors(struct spool *spool, struct spool_cursors **ret_cursors,
                             struct errmsg *msg)
{
    bool found = false;
    struct errmsg detail = {""};
    enum err rc = spool_cursors_open(spool->root_fd, spool->identity.uuid, spool->identity.seed,
                                     ret_cursors, &spool->at_open, &found, &detail);
    if (rc != ERR_OK || detail.text[0] != '\0')
        spool_say(spool, true, "cursors_not_read", "error=\"%s\" action=delivering_again",
                  detail.text);
    spool->cursors_found = found;
    atomic_store(&spool->keeper.cursor_mode, (int)spool->at_open.mode);
    if (spool->at_open.segment_id_max > spool->segment_id_max)
        spool->segment_id_max = spool->at_open.segment_id_max;
    memcpy(spool->newest_segments, spool->at_open.newest_segments, sizeof spool->newest_segments);
    rc = spool_parked_load(spool, msg);
    if (rc != ERR_OK) {
        spool_cursors_close(*ret_cursors);
        *ret_cursors = NULL;
        return rc;
    }
    spool_unreadable_load(spool);
    rc = spool_progress_load(spool);
    if (rc == ERR_OK)
        rc = load_totals(spool);
    return rc == ERR_OK ? ERR_OK : errmsg_set(msg, rc, "%s", err_text(rc));
}

/* Links for the first segment of this run: the newest segments of earlier runs. Their counts are
 * unknown, as only a reader could tell them. */
static size_t links_at_open(struct spool *spool,
                            struct spool_link links[LINKS_AT_OPEN + SPOOL_NEWEST_SEGMENTS])
{
    size_t first = spool->catalog.count > LINKS_AT_OPEN ? spool->catalog.count - LINKS_AT_OPEN : 0,
           count = 0;
    /* segments that are perhaps gone and not yet reported */
    for (size_t i = 0; i < SPOOL_NEWEST_SEGMENTS; i++) {
        uint64_t id = spool->at_open.newest_segments[i];
        if (id != 0 && spool_catalog_find(&spool->catalog, id) == NULL &&
            spool_cursor_state_done_below(&spool->at_open, id) != SPOOL_INDEX_MAX)
            links[count++] = (struct spool_link){id, SPOOL_COUNT_UNKNOWN};
    }
    for (size_t i = first; i < spool->catalog.count; i++)
        links[count++] = (struct spool_link){spool->catalog.entries[i].id, SPOOL_COUNT_UNKNOWN};
    return count;
}

static enum err start_threads(struct spool *spool, struct spool_cursors *cursors,
                              struct errmsg *msg)
{
    struct spool_link links[LINKS_AT_OPEN + SPOOL_NEWEST_SEGMENTS];
    size_t link_count = links_at_open(spool, links);
    bool have_old = spool->catalog.count > 0 || spool->at_open.segment_id_max > 0;
    struct spool_segment *live = NULL;
    struct errmsg why = {""};
    enum err rc = ERR_OK;
    if (spool->options.forward_only) {
        spool_committer_refuse_all(spool);
    } else {
        if (spool_keeper_make_first(spool, cursors, &live, &why) != ERR_OK)
            spool_say(spool, true, "refusing", "error=\"%s\" action=trying_again", why.text);
        rc = spool_committer_start(spool, live, links, link_count, msg);
    }
    if (rc == ERR_OK)
        rc = spool_keeper_start(spool, cursors, msg);
    if (rc == ERR_OK && !spool->options.forward_only)
        rc = spool_quarantine_start(spool, msg);
    if (rc != ERR_OK)
        return rc;
    atomic_store(&spool->counting, have_old);
    int error = pthread_create(&spool->background_thread, NULL, spool_background_main, spool);
    spool->background_started = error == 0;
    return error == 0
               ? ERR_OK
               : errmsg_set(msg, ERR_NOMEM, "start the counting thread: %s", strerror(error));
}

static enum err open_steps(struct spool *spool, struct errmsg *msg)
{
    struct spool_cursors *cursors = NULL;
    enum err rc = open_root(spool, msg);
    if (rc == ERR_OK)
        rc = open_folders(spool, msg);
    if (rc == ERR_OK)
        rc = list_old_segments(spool, msg);
    if (rc == ERR_OK) {
        find_highest_id(spool);
        rc = open_cursors(spool, &cursors, msg);
    }
    if (rc == ERR_OK) {
        spool_usage_measure(spool);
        rc = start_threads(spool, cursors, msg);
    }
    return rc;
}

static bool own_strings(struct spool_options *own, const struct spool_options *options)
{
    own->path = strdup(options->path);
    own->require_mount = options->require_mount == NULL ? NULL : strdup(options->require_mount);
    own->id = options->id == NULL ? NULL : strdup(options->id);
    return own->path != NULL && (own->require_mount == NULL) == (options->require_mount == NULL) &&
           (own->id == NULL) == (options->id == NULL);
}

void spool_set_limits(struct spool *spool, const struct spool_options *limits)
{
    spool->limits = limits;
}

enum err spool_open(const struct spool_options *options, spool_report_fn *report, void *report_arg,
                    struct spool **ret_spool, struct errmsg *msg)
{
    struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL || spool_topics_init(&spool->topics) != ERR_OK) {
        free(spool);
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    }
    spool->options = *options;
    spool->limits = &spool->options;
    spool->confirms = spool_delivery_waits_new();
    bool copied = own_strings(&spool->options, options) && spool->confirms != NULL;
    spool->report = report;
    spool->report_arg = report_arg;
    spool->root_fd = spool->segments_fd = spool->quarantine_fd = spool->trash_fd = spool->lock_fd =
        -1;
    spool->parking.folder_fd = -1;
    spool->watch.mounts_fd = -1;
    mutex_init(&spool->lock, SPOOL_LOCK_SPOOL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->counted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    spool_recent_chunks_init(&spool->window, options->window_bytes_max);
    spool_quarantine_init(&spool->quarantine);
    spool_letters_init(spool);
    enum err rc = copied ? open_steps(spool, msg) : errmsg_set(msg, ERR_NOMEM, "out of memory");
    if (rc != ERR_OK) {
        errmsg_wrap(msg, "open spool '%s'", options->path);
        spool_close(spool);
        return rc;
    }
    *ret_spool = spool;
    return ERR_OK;
}

/* ---- closing --------------------------------------------------------------------------------- */

void spool_stop_taking(struct spool *spool)
{
    spool_committer_stop(spool);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    mutex_lock(&spool->lock);
    atomic_store(&spool->closing, true);
    pthread_cond_broadcast(&spool->counted);
    mutex_unlock(&spool->lock);
    if (spool->background_started)
        pthread_join(spool->background_thread, NULL);
    spool_committer_stop(spool);
    spool_keeper_stop(spool);
    spool_delivery_waits_close(spool->confirms);
    spool_quarantine_stop(spool); /* after the keeper, which puts segments there */
    spool_letters_done(spool);
    spool_parking_done(&spool->parking);
    for (size_t i = 0; i < spool->progress.lane_count; i++)
        free(spool->progress.lanes[i].topic);
    free(spool->progress.lanes);
    spool_recent_chunks_done(&spool->window);
    spool_catalog_done(&spool->catalog);
    spool_topics_done(&spool->topics);
    spool_cursor_state_free(&spool->at_open);
    close_fd(spool->segments_fd);
    close_fd(spool->quarantine_fd);
    close_fd(spool->trash_fd);
    spool_watch_done(spool);
    close_fd(spool->root_fd);
    close_fd(spool->lock_fd); /* last: gives the lock back */
    mutex_destroy(&spool->lock);
    pthread_cond_destroy(&spool->counted);
    free(spool->segments_path);
    free(spool->options.path);
    free(spool->options.require_mount);
    free(spool->options.id);
    free(spool);
}

int spool_folder_fd(const struct spool *spool)
{
    return spool->root_fd;
}

const uint8_t *spool_uuid(const struct spool *spool)
{
    return spool->identity.uuid;
}

const struct spool_cursor_state *spool_cursor_at_open(const struct spool *spool)
{
    return &spool->at_open;
}
