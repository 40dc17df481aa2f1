/* SPDX-License-Identifier: MIT
 * spool_parked.c - which segments are parked, at start and while running; the cursors' list of
 * them. */
#include "spool/spool_parked.h"

#include "spool/spool_dir.h"
#include "spool/spool_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 32 };

int spool_parked_folder(struct spool *spool, uint64_t segment_id, bool *ret_parked)
{
    pthread_mutex_lock(&spool->lock);
    const struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    *ret_parked = entry != NULL && entry->parked;
    int fd = *ret_parked ? spool->parking.folder_fd : spool->segments_fd;
    pthread_mutex_unlock(&spool->lock);
    return fd;
}

struct spool_reader_options spool_parked_reader_options(struct spool *spool, uint64_t segment_id,
                                                        char name[SPOOL_PARKED_NAME_SIZE])
{
    snprintf(name, SPOOL_PARKED_NAME_SIZE, "%" PRIu64, segment_id);
    struct spool_reader_options options = {
        .name = name,
        .segment_id = segment_id,
        .seed = spool->identity.seed,
        .count_limit = SPOOL_COUNT_UNKNOWN,
    };
    options.parent_fd = spool_parked_folder(spool, segment_id, &options.parked);
    return options;
}

/* ---- at start -------------------------------------------------------------------------------- */

/* Nothing is to be read there, and nothing to be found out. */
static void settle(struct spool_entry *entry)
{
    entry->read_through = entry->lost_applied = true;
    entry->last_found_id = 0;
    entry->counted = SPOOL_COUNTED;
}

void spool_parked_mark_emptied(struct spool_entry *entry)
{
    entry->emptied = true;
    entry->state = SPOOL_ENTRY_OLD;
    settle(entry);
}

enum err spool_parked_trash(struct spool *spool, uint64_t segment_id, struct errmsg *msg)
{
    char name[NAME_SIZE], to_name[NAME_SIZE + 8];
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    /* what it is left of may still lie there */
    snprintf(to_name, sizeof to_name, "%s.parked", name);
    return spool_dir_move(spool->parking.folder_fd, name, spool->trash_fd, to_name, msg);
}

static enum err load_one(struct spool *spool, uint64_t segment_id, struct errmsg *msg)
{
    const struct spool_parked_item *item = spool_parked_find(&spool->at_open, segment_id);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool named = item != NULL && item->parked;
    bool passed = entry == NULL &&
                  spool_cursor_state_done_below(&spool->at_open, segment_id) == SPOOL_INDEX_MAX;
    if ((entry != NULL && !named) || passed) { /* a crash came before it was finished, or when it
                                                * was done */
        if (!spool->options.forward_only)
            (void)spool_parked_trash(spool, segment_id, NULL); /* else it is in nobody's way */
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
        entry->original_there = true; /* it goes once more */
    }
    entry->parked = true;
    entry->parked_count = named ? item->event_count : SPOOL_PARKED_UNKNOWN;
    if (entry->parked_count == 0)
        settle(entry);
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

/* Without cursors nobody knows what went with nothing left. Once they are written again it mustn't
 * be taken for vanished. */
static enum err load_gaps(struct spool *spool)
{
    const struct spool_catalog *catalog = &spool->catalog;
    enum err rc = ERR_OK;
    for (size_t i = 1; rc == ERR_OK && spool->parking.folder_fd >= 0 && i < catalog->count; i++) {
        struct spool_parked_item gap = {.first = catalog->entries[i - 1].id + 1,
                                        .last = catalog->entries[i].id - 1};
        if (gap.first <= gap.last && (rc = spool_parked_reserve_gone(spool)) == ERR_OK)
            spool->parking.gone[spool->parking.gone_count++] = gap;
    }
    return rc;
}

static enum err load_gone(struct spool *spool)
{
    const struct spool_cursor_state *at_open = &spool->at_open;
    enum err rc = spool->cursors_found ? ERR_OK : load_gaps(spool);
    for (size_t i = 0; rc == ERR_OK && i < at_open->parked_count; i++)
        if (!at_open->parked[i].parked && (rc = spool_parked_reserve_gone(spool)) == ERR_OK)
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
        const struct spool_parked_item *item = spool_parked_find(at_open, entry->id);
        if (item != NULL && !item->parked && !entry->parked)
            spool_parked_mark_emptied(entry);
    }
    return ERR_OK;
}

static void free_lanes(struct spool_lane_cursor *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(lanes[i].topic);
    free(lanes);
}

void spool_parked_done(struct spool *spool)
{
    struct spool_parking *parking = &spool->parking;
    free_lanes(parking->written_lanes, parking->written_lane_count);
    free(parking->gone);
    if (parking->folder_fd >= 0)
        close(parking->folder_fd);
}

/* ---- what went with nothing left ------------------------------------------------------------- */

enum err spool_parked_reserve_gone(struct spool *spool)
{
    struct spool_parking *parking = &spool->parking;
    if (parking->gone_count < parking->gone_capacity)
        return ERR_OK;
    size_t capacity = parking->gone_capacity * 2 + 16;
    struct spool_parked_item *gone = realloc(parking->gone, capacity * sizeof *gone);
    if (gone == NULL)
        return ERR_NOMEM;
    parking->gone = gone;
    parking->gone_capacity = capacity;
    return ERR_OK;
}

/* Is there no segment between the ranges at i and i + 1? Then they are one. */
static void merge(struct spool *spool, size_t i)
{
    struct spool_parking *parking = &spool->parking;
    if (i + 1 >= parking->gone_count)
        return;
    const struct spool_entry *above = spool_catalog_above(&spool->catalog, parking->gone[i].last);
    if (above != NULL && above->id < parking->gone[i + 1].first)
        return;
    if (parking->gone[i].last < parking->gone[i + 1].last)
        parking->gone[i].last = parking->gone[i + 1].last;
    parking->gone_count--;
    memmove(parking->gone + i + 1, parking->gone + i + 2,
            (parking->gone_count - i - 1) * sizeof *parking->gone);
}

void spool_parked_note_gone(struct spool *spool, uint64_t segment_id)
{
    struct spool_parking *parking = &spool->parking;
    size_t i = 0;
    while (i < parking->gone_count && parking->gone[i].last < segment_id)
        i++;
    if (i < parking->gone_count && parking->gone[i].first <= segment_id)
        return; /* it was named so before */
    memmove(parking->gone + i + 1, parking->gone + i,
            (parking->gone_count - i) * sizeof *parking->gone);
    parking->gone[i] = (struct spool_parked_item){.first = segment_id, .last = segment_id};
    parking->gone_count++;
    merge(spool, i);
    if (i > 0)
        merge(spool, i - 1);
}

/* What every cursor has passed nobody will miss. */
static void forget_passed(struct spool_parking *parking, const struct spool_cursor_state *state)
{
    uint64_t done_id = state->done_id;
    size_t passed = 0;
    for (size_t i = 0; i < state->lane_count; i++)
        done_id = state->lanes[i].done_id < done_id ? state->lanes[i].done_id : done_id;
    while (passed < parking->gone_count &&
           done_id >= spool_position_end_of(parking->gone[passed].last))
        passed++;
    if (passed == 0)
        return;
    parking->gone_count -= passed;
    memmove(parking->gone, parking->gone + passed, parking->gone_count * sizeof *parking->gone);
}

/* ---- the cursors' list ----------------------------------------------------------------------- */

size_t spool_parked_item_count(const struct spool *spool)
{
    size_t count = spool->parking.gone_count;
    for (size_t i = 0; i < spool->catalog.count; i++)
        count += spool->catalog.entries[i].parked || spool->catalog.entries[i].emptied;
    return count;
}

static struct spool_parked_item item_of(const struct spool_entry *entry)
{
    return (struct spool_parked_item){entry->id, entry->id, entry->parked,
                                      entry->parked ? entry->parked_count : 0};
}

enum err spool_parked_list(struct spool *spool, struct spool_cursor_state *state)
{
    struct spool_parking *parking = &spool->parking;
    forget_passed(parking, state);
    state->parked = calloc(spool_parked_item_count(spool) + 1, sizeof *state->parked);
    if (state->parked == NULL)
        return ERR_NOMEM;
    size_t gone = 0;
    for (size_t i = 0; i < spool->catalog.count; i++) {
        const struct spool_entry *entry = &spool->catalog.entries[i];
        if (!entry->parked && !entry->emptied)
            continue;
        while (gone < parking->gone_count && parking->gone[gone].last < entry->id)
            state->parked[state->parked_count++] = parking->gone[gone++];
        /* since before a restart */
        bool named = gone < parking->gone_count && parking->gone[gone].first <= entry->id;
        if (!named)
            state->parked[state->parked_count++] = item_of(entry);
    }
    while (gone < parking->gone_count)
        state->parked[state->parked_count++] = parking->gone[gone++];
    return ERR_OK;
}

/* ---- after they were written ----------------------------------------------------------------- */

/* The next one whose segment may leave segments/; 0: none. */
static uint64_t next_original(struct spool *spool, const struct spool_cursor_state *written,
                              uint64_t above)
{
    uint64_t id = 0;
    pthread_mutex_lock(&spool->lock);
    for (struct spool_entry *entry = spool_catalog_above(&spool->catalog, above);
         id == 0 && entry != NULL; entry = spool_catalog_above(&spool->catalog, entry->id)) {
        const struct spool_parked_item *item = spool_parked_find(written, entry->id);
        if (entry->parked && entry->original_there && item != NULL && item->parked)
            id = entry->id;
    }
    pthread_mutex_unlock(&spool->lock);
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
        pthread_mutex_lock(&spool->lock);
        struct spool_entry *entry = spool_catalog_find(&spool->catalog, id);
        entry->original_there = !gone;
        spool->progress.dirty = true; /* the next turn tries again, or the others */
        pthread_mutex_unlock(&spool->lock);
        if (spool_spares_are_awaited(spool))
            break;
    }
}

void spool_parked_written(struct spool *spool, struct spool_cursor_state *written)
{
    struct spool_parking *parking = &spool->parking;
    pthread_mutex_lock(&spool->lock);
    struct spool_lane_cursor *before = parking->written_lanes;
    size_t count_before = parking->written_lane_count;
    parking->written_done_id = written->done_id;
    parking->written_lanes = written->lanes;
    parking->written_lane_count = written->lane_count;
    written->lanes = NULL;
    written->lane_count = 0;
    pthread_mutex_unlock(&spool->lock);
    free_lanes(before, count_before);
}
