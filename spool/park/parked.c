/* SPDX-License-Identifier: MIT
 * parked.c - which segments are parked, at start and while running; the cursors' list of them. */
#include "spool/park/parked.h"

#include "spool/disk/dir.h"
#include "spool/home/internal.h"
#include "spool/ledger/parking.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 32 };

/* ---- at start -------------------------------------------------------------------------------- */

enum err spool_parked_trash(struct spool *spool, uint64_t segment_id, struct errmsg *msg)
{
    char name[NAME_SIZE], to_name[NAME_SIZE + 8];
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    /* the original may lie in the trash under the plain name */
    snprintf(to_name, sizeof to_name, "%s.parked", name);
    return spool_dir_move(spool->parking.folder_fd, name, spool->trash_fd, to_name, msg);
}

static enum err load_one(struct spool *spool, uint64_t segment_id, struct errmsg *msg)
{
    const struct spool_parked_item *item = spool_cursor_state_parked(&spool->at_open, segment_id);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool named = item != NULL && item->parked;
    bool passed = entry == NULL &&
                  spool_cursor_state_done_below(&spool->at_open, segment_id) == SPOOL_INDEX_MAX;
    if ((entry != NULL && !named) || passed) { /* a crash came before it was finished, or when it
                                                * was done */
        if (!spool->options.forward_only)
            (void)spool_parked_trash(spool, segment_id, NULL); /* when only forwarding it may
                                                                * stay */
        return ERR_OK;
    }
    struct spool_entry left = {
        .id = segment_id, .state = SPOOL_ENTRY_OLD, .event_count = SPOOL_COUNT_UNKNOWN};
    if (entry == NULL) {
        enum err rc = spool_catalog_add(&spool->catalog, &left);
        if (rc != ERR_OK)
            return errmsg_set(msg, rc, "out of memory");
        entry = spool_catalog_find(&spool->catalog, segment_id);
    } else {
        entry->original_there = true; /* the original is removed again */
    }
    entry->parked = true;
    entry->parked_count = named ? item->event_count : SPOOL_PARKED_UNKNOWN;
    if (entry->parked_count == 0)
        spool_parking_settle(entry);
    return ERR_OK;
}

static enum err load_folder(struct spool *spool, struct errmsg *msg)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    enum err rc =
        spool_dir_open(spool->root_fd, SPOOL_PARKED_FOLDER, false, &spool->parking.folder_fd, msg);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc == ERR_OK)
        rc = spool_dir_list_ids(spool->parking.folder_fd, &ids, &count, msg);
    for (size_t i = 0; rc == ERR_OK && i < count; i++)
        rc = load_one(spool, ids[i], msg);
    free(ids);
    if (rc != ERR_OK)
        errmsg_wrap(msg, "folder '" SPOOL_PARKED_FOLDER "'");
    return rc;
}

/* If the cursors file is lost, it isn't known which segments were removed because no event was
 * pending in them. Record every gap between known ids as removed, or the next start would report
 * them as vanished. */
static enum err load_gaps(struct spool *spool)
{
    const struct spool_catalog *catalog = &spool->catalog;
    enum err rc = ERR_OK;
    for (size_t i = 1; rc == ERR_OK && spool->parking.folder_fd >= 0 && i < catalog->count; i++) {
        struct spool_parked_item gap = {.first = catalog->entries[i - 1].id + 1,
                                        .last = catalog->entries[i].id - 1};
        if (gap.first <= gap.last && (rc = spool_parking_reserve_gone(spool)) == ERR_OK)
            spool->parking.gone[spool->parking.gone_count++] = gap;
    }
    return rc;
}

static enum err load_gone(struct spool *spool)
{
    const struct spool_cursor_state *at_open = &spool->at_open;
    enum err rc = spool->cursors_found ? ERR_OK : load_gaps(spool);
    for (size_t i = 0; rc == ERR_OK && i < at_open->parked_count; i++)
        if (!at_open->parked[i].parked && (rc = spool_parking_reserve_gone(spool)) == ERR_OK)
            spool->parking.gone[spool->parking.gone_count++] = at_open->parked[i];
    return rc;
}

enum err spool_parked_load(struct spool *spool, struct errmsg *msg)
{
    const struct spool_cursor_state *at_open = &spool->at_open;
    enum err rc = load_folder(spool, msg);
    if (rc != ERR_OK)
        return rc;
    if (load_gone(spool) != ERR_OK)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < spool->catalog.count; i++) { /* named as gone before they went */
        struct spool_entry *entry = &spool->catalog.entries[i];
        const struct spool_parked_item *item = spool_cursor_state_parked(at_open, entry->id);
        if (item != NULL && !item->parked && !entry->parked)
            spool_parking_mark_emptied(entry);
    }
    return ERR_OK;
}

/* ---- after they were written ----------------------------------------------------------------- */

/* The next parked segment whose original may leave segments/; 0: none. */
static uint64_t next_original(struct spool *spool, const struct spool_cursor_state *written,
                              uint64_t above)
{
    uint64_t id = 0;
    mutex_lock(&spool->lock);
    for (struct spool_entry *entry = spool_catalog_above(&spool->catalog, above);
         id == 0 && entry != NULL; entry = spool_catalog_above(&spool->catalog, entry->id)) {
        const struct spool_parked_item *item = spool_cursor_state_parked(written, entry->id);
        if (entry->parked && entry->original_there && item != NULL && item->parked)
            id = entry->id;
    }
    mutex_unlock(&spool->lock);
    return id;
}

void spool_parked_retire_originals(struct spool *spool, const struct spool_cursor_state *written)
{
    for (uint64_t id = 0; (id = next_original(spool, written, id)) != 0;) {
        char name[NAME_SIZE];
        struct errmsg msg = {""};
        snprintf(name, sizeof name, "%" PRIu64, id);
        enum err rc = spool_dir_move(spool->segments_fd, name, spool->trash_fd, name, &msg);
        bool gone =
            rc == ERR_OK || (faccessat(spool->segments_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
                             errno == ENOENT);
        mutex_lock(&spool->lock);
        struct spool_entry *entry = spool_catalog_find(&spool->catalog, id);
        entry->original_there = !gone;
        spool->progress.dirty = true; /* the next turn tries again, or takes the next segment */
        mutex_unlock(&spool->lock);
        if (spool_spares_are_awaited(spool))
            break;
    }
}
