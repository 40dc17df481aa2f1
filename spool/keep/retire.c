/* SPDX-License-Identifier: MIT
 * retire.c - done segments to the trash, damaged ones into quarantine. */
#include "spool/keep/retire.h"

#include "spool/disk/dir.h"
#include "spool/format/loss_report.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/ledger/parking.h"
#include "spool/park/parked.h"
#include "spool/read/reader.h"
#include "spool/recover/owed_reports.h"
#include "spool/recover/whereabouts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRASH_AT_ONCE = 8, NAME_SIZE = 32 };

/* True if every written cursor is past this segment. An empty segment must not be removed earlier:
 * links or cursors still name it, and it would be reported as vanished. */
static bool is_passed(const struct spool_cursor_state *written, uint64_t segment_id)
{
    bool passed = written->done_id >= spool_position_end_of(segment_id);
    for (size_t i = 0; passed && i < written->lane_count; i++)
        passed = spool_id_segment(written->lanes[i].done_id) > segment_id;
    return passed;
}

/* May the segment be removed? An emptied one also when the written cursors list it as emptied: then
 * it isn't reported as vanished. */
static bool may_go(const struct spool_cursor_state *written, const struct spool_entry *entry)
{
    const struct spool_parked_item *item =
        entry->emptied ? spool_cursor_state_parked(written, entry->id) : NULL;
    return is_passed(written, entry->id) || (item != NULL && !item->parked);
}

/* Finds the oldest entry that the written cursors contain as done. Losses that a reader found after
 * the cursors were gathered are not in them yet: such a segment waits. */
static bool find_done(struct spool *spool, const struct spool_cursor_state *written,
                      struct spool_entry *ret_entry)
{
    bool found = false;
    mutex_lock(&spool->lock);
    for (size_t i = 0; !found && i < spool->catalog.count; i++) {
        struct spool_entry *entry = &spool->catalog.entries[i];
        if (!spool_entry_is_done(entry, written->done_id, written->lanes, written->lane_count) ||
            (entry->read_through && !entry->lost_applied) || entry->original_there ||
            !may_go(written, entry))
            continue;
        *ret_entry = *entry;
        found = true;
    }
    mutex_unlock(&spool->lock);
    return found;
}

static void remove_entry(struct spool *spool, uint64_t segment_id)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    struct spool_loss_report *report = entry->report;
    entry->report = NULL;
    spool_entry_free_owned(entry);
    bool emptied = entry->emptied;
    spool_catalog_remove(&spool->catalog, segment_id);
    if (emptied)
        spool_parking_note_gone(spool, segment_id);
    if (report != NULL)
        spool_quarantine_report(spool, report); /* under the lock: cursors written now must have the
                                                 * losses from one place or the other */
    mutex_unlock(&spool->lock);
}

/* Keeps an entry that could not be moved: the next turn tries again, so that a damaged segment
 * still gets into quarantine. */
static void keep_entry(struct spool *spool, uint64_t segment_id)
{
    mutex_lock(&spool->lock);
    spool_catalog_find(&spool->catalog, segment_id)->retire_failed = true;
    spool->progress.dirty = true;
    mutex_unlock(&spool->lock);
}

static enum err move_away(struct spool *spool, const struct spool_entry *entry, struct errmsg *msg)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%" PRIu64, entry->id);
    if (entry->report != NULL && entry->report->vanished)
        return spool_quarantine_make_place(spool, entry->id, msg);
    bool parked;
    int from_fd = spool_whereabouts_folder(spool, entry->id, &parked);
    enum err rc = entry->report != NULL ? spool_quarantine_take(spool, from_fd, name, msg)
                  : parked              ? spool_parked_trash(spool, entry->id, msg)
                                        : spool_dir_move(from_fd, name, spool->trash_fd, name, msg);
    bool gone =
        rc != ERR_OK && faccessat(from_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
    return gone ? ERR_OK : rc;
}

/* Reads a segment that an earlier run had read to its end, but not yet moved away: was it damaged?
 * When in doubt it is kept. */
static struct spool_loss_report *look_through(struct spool *spool, uint64_t segment_id)
{
    char name[SPOOL_WHEREABOUTS_NAME_SIZE];
    struct spool_reader_options options = spool_whereabouts_reader_options(spool, segment_id, name);
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    struct spool_findings none = {.damaged = true};
    enum err rc = spool_reader_open(&options, &reader, NULL);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL)) == ERR_OK)
        spool_chunk_unref(chunk);
    const struct spool_findings *findings = rc == ERR_END ? spool_reader_findings(reader) : &none;
    struct spool_loss_report *report = spool_owed_report(spool, segment_id, findings);
    spool_reader_close(reader);
    return report;
}

static void look_at_unseen(struct spool *spool, struct spool_entry *entry)
{
    struct spool_loss_report *report = look_through(spool, entry->id);
    mutex_lock(&spool->lock);
    struct spool_entry *known = spool_catalog_find(&spool->catalog, entry->id);
    known->read_through = known->lost_applied = true; /* an earlier run read and counted it */
    known->report = report;
    *entry = *known;
    mutex_unlock(&spool->lock);
}

static enum err retire(struct spool *spool, struct spool_entry *entry)
{
    struct errmsg msg = {""};
    if (entry->state == SPOOL_ENTRY_OLD && !entry->read_through)
        look_at_unseen(spool, entry);
    mutex_lock(&spool->lock);
    enum err rc = spool_parking_reserve_gone(spool);
    mutex_unlock(&spool->lock);
    if (rc == ERR_OK)
        rc = move_away(spool, entry, &msg);
    if (rc != ERR_OK) {
        keep_entry(spool, entry->id);
        if (!entry->retire_failed)
            spool_say(spool, true, "segment_not_retired",
                      "segment=%" PRIu64 " error=\"%s\" action=trying_again", entry->id, msg.text);
        return rc;
    }
    atomic_fetch_add(&spool->usage.other_bytes, entry->disk_bytes);
    remove_entry(spool, entry->id);
    return ERR_OK;
}

void spool_retire_done(struct spool *spool, const struct spool_cursor_state *written)
{
    struct spool_entry entry;
    spool_parked_retire_originals(spool, written); /* first, as a segment just parked may be done */
    while (find_done(spool, written, &entry)) {
        bool unseen = entry.state == SPOOL_ENTRY_OLD && !entry.read_through;
        if (retire(spool, &entry) != ERR_OK)
            break;
        /* reading took long: let other work come first */
        if (unseen || spool_spares_are_awaited(spool)) {
            mutex_lock(&spool->lock);
            spool->progress.dirty = true;
            mutex_unlock(&spool->lock);
            break;
        }
    }
}

/* Calls fn for the names in a directory until it returns false. */
static void for_each_name(int dir_fd, bool (*fn)(struct spool *, const char *), struct spool *spool)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !fn(spool, entry->d_name))
            break;
    closedir(dir);
}

static bool trash_if_new(struct spool *spool, const char *name)
{
    size_t size = strlen(name);
    struct errmsg msg;
    bool current = false;
    uint64_t id = strtoull(name, NULL, 10);
    mutex_lock(&spool->lock);
    current = id >= spool->first_segment_id; /* made by this run */
    mutex_unlock(&spool->lock);
    if (size > 4 && strcmp(name + size - 4, ".new") == 0 && !current)
        (void)spool_dir_move(spool->segments_fd, name, spool->trash_fd, name, &msg);
    return true;
}

/* Trashes unfinished parked segments. All are of earlier runs, as this run has parked none yet. */
static bool trash_if_unfinished(struct spool *spool, const char *name)
{
    size_t size = strlen(name);
    struct errmsg msg;
    if (size > 4 && strcmp(name + size - 4, ".new") == 0)
        (void)spool_dir_move(spool->parking.folder_fd, name, spool->trash_fd, name, &msg);
    return true;
}

void spool_retire_leftovers(struct spool *spool)
{
    for_each_name(spool->segments_fd, trash_if_new, spool);
    if (spool->parking.folder_fd >= 0)
        for_each_name(spool->parking.folder_fd, trash_if_unfinished, spool);
}

static bool unlink_one(struct spool *spool, const char *name)
{
    (void)spool_dir_remove_tree(spool->trash_fd, name); /* on an error the next turn tries again */
    return ++spool->keeper.unlinked_at_once < TRASH_AT_ONCE;
}

void spool_retire_trash(struct spool *spool)
{
    spool->keeper.unlinked_at_once = 0;
    for_each_name(spool->trash_fd, unlink_one, spool);
    if (spool->keeper.unlinked_at_once > 0)
        spool->usage.walked_ms = 0; /* the sums are stale */
}
