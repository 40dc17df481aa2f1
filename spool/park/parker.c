/* SPDX-License-Identifier: MIT
 * parker.c - which segments are to be parked; reads what is pending in one, writes it down,
 * switches over. */
#include "spool/park/parker.h"

#include "base/clock.h"
#include "spool/commit/space.h"
#include "spool/disk/dir.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/ledger/parking.h"
#include "spool/park/parked.h"
#include "spool/park/remainder.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"
#include "spool/recover/links.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARK_AFTER_MS = 60000, /* a topic that stutters costs nothing */
    LOOK_AGAIN_MS = 300000,
    TRY_AGAIN_MS = 10000, /* no room, say */
    READ_AGAIN_MS = 1000, /* a tail was reading the segment */
    SAY_EVERY_MS = 60000,
    PART_OF_SEGMENT = 4, /* at most this part of it may be pending */
    PART_OF_SPOOL = 4,   /* when this part of max_size is used, nothing waits */
    NAME_SIZE = 32,
};
#define PARK_BYTES_MAX (8u << 20) /* pending in one segment: it is held in memory meanwhile */

/* ---- which one ------------------------------------------------------------------------------- */

/* Is the room worth it now? */
static bool is_pressing(struct spool *spool)
{
    return atomic_load(&spool->usage.used_bytes) > spool->limits->size_bytes_max / PART_OF_SPOOL ||
           atomic_load(&spool->usage.free_bytes) < 2 * spool_space_floor(spool->limits);
}

/* Do only lagging lanes still need the segment, and is all that is known about it good? With the
 * lock held. */
static bool may_be_parked(const struct spool *spool, const struct spool_entry *entry)
{
    const struct spool_parking *parking = &spool->parking;
    bool plain = entry->state != SPOOL_ENTRY_LIVE && !entry->unread && !entry->parked &&
                 !entry->emptied && entry->report == NULL && entry->missing.count == 0 &&
                 entry->readers == 0 &&
                 (entry->state == SPOOL_ENTRY_CLOSED || entry->counted == SPOOL_COUNTED);
    if (!plain || parking->written_done_id < spool_position_end_of(entry->id))
        return false;
    for (size_t i = 0; i < parking->written_lane_count; i++)
        if (parking->written_lanes[i].done_id < spool_position_end_of(entry->id))
            return true;
    return false; /* no lane needs it: it is retired as it is */
}

static bool is_due(struct spool_entry *entry, int64_t now_ms, bool pressing)
{
    if (entry->park_due_ms == 0) {
        entry->park_due_ms = now_ms + PARK_AFTER_MS;
        return pressing;
    }
    bool seen_only = entry->park_looks == 0;
    return now_ms >= entry->park_due_ms || (seen_only && pressing);
}

static bool take_due(struct spool *spool, struct spool_entry *ret_entry)
{
    bool found = false, pressing = is_pressing(spool);
    int64_t now_ms = clock_monotonic_ms();
    mutex_lock(&spool->lock);
    if (spool_parking_item_count(spool) < SPOOL_PARKED_MAX)
        for (size_t i = 0; !found && i < spool->catalog.count; i++) {
            struct spool_entry *entry = &spool->catalog.entries[i];
            if (!may_be_parked(spool, entry) || !is_due(entry, now_ms, pressing))
                continue;
            entry->park_looks++;
            entry->park_due_ms = now_ms + LOOK_AGAIN_MS;
            *ret_entry = *entry;
            found = true;
        }
    mutex_unlock(&spool->lock);
    return found;
}

static void look_again(struct spool *spool, uint64_t segment_id, int64_t after_ms)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL)
        entry->park_due_ms = after_ms == INT64_MAX ? INT64_MAX : clock_monotonic_ms() + after_ms;
    mutex_unlock(&spool->lock);
}

/* The cursors as they are on the disk: what a crash would go back to. ERR_NOMEM */
static enum err copy_written(struct spool *spool, struct spool_remainder *remains)
{
    const struct spool_parking *parking = &spool->parking;
    mutex_lock(&spool->lock);
    remains->done_id = parking->written_done_id;
    remains->lanes = calloc(parking->written_lane_count + 1, sizeof *remains->lanes);
    bool copied = remains->lanes != NULL;
    for (size_t i = 0; copied && i < parking->written_lane_count; i++) {
        const struct spool_lane_cursor *lane = &parking->written_lanes[i];
        struct spool_remainder_lane *copy = &remains->lanes[remains->lane_count++];
        *copy = (struct spool_remainder_lane){.done_id = lane->done_id,
                                              .topic_size = strlen(lane->topic)};
        memcpy(copy->topic, lane->topic, copy->topic_size);
    }
    mutex_unlock(&spool->lock);
    return copied ? ERR_OK : ERR_NOMEM;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* Does a segment that lies whole in segments/ depend on this one's links? They tell that it was
 * there, and how many of its events count. */
static bool links_are_needed(struct spool *spool, const struct spool_segment_ends *ends)
{
    /* a full list may have been cut off */
    bool needed = ends->link_count == sizeof ends->links / sizeof ends->links[0];
    mutex_lock(&spool->lock);
    for (size_t i = 0; !needed && i < ends->link_count; i++) {
        const struct spool_entry *entry =
            spool_catalog_find(&spool->catalog, ends->links[i].segment_id);
        needed = entry != NULL && !entry->parked && !entry->emptied;
    }
    mutex_unlock(&spool->lock);
    return needed;
}

/* ---- switching over -------------------------------------------------------------------------- */

/* Lets tails read in parked/ from now on; the next cursors name it, and then the original goes.
 * False: a tail has begun to read it. */
static bool switch_over(struct spool *spool, const struct spool_remainder *remains, bool emptied,
                        uint64_t disk_bytes)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, remains->segment_id);
    bool may = entry != NULL && may_be_parked(spool, entry);
    if (may && emptied) {
        spool_parking_mark_emptied(entry);
    } else if (may) {
        entry->parked = entry->original_there = true;
        entry->state = SPOOL_ENTRY_OLD;
        entry->event_count = SPOOL_COUNT_UNKNOWN;
        entry->parked_count = (uint32_t)remains->indexes.total;
        entry->parked_bytes = remains->frames.size;
        entry->counted = SPOOL_COUNTED;
        entry->counted_by_seal = true; /* pending events are in the books by topic, as the parked
                                        * segment's seal says */
        entry->read_through = entry->parked_count == 0;
        entry->lost_applied = entry->parked_count == 0;
        entry->last_found_id = 0;
        atomic_fetch_add(&spool->usage.other_bytes, entry->disk_bytes);
        entry->disk_bytes = disk_bytes;
    }
    spool->progress.dirty |= may;
    mutex_unlock(&spool->lock);
    return may;
}

static void say(struct spool *spool, const struct spool_remainder *remains, bool emptied)
{
    struct spool_parking *parking = &spool->parking;
    int64_t now_ms = clock_monotonic_ms();
    if (parking->said_ms != 0 && now_ms - parking->said_ms < SAY_EVERY_MS)
        return;
    parking->said_ms = now_ms;
    spool_say(spool, false, emptied ? "segment_emptied" : "segment_parked",
              "segment=%" PRIu64 " events=%" PRIu64
              " bytes=%zu text=\"only lagging topics still needed this segment; "
              "further messages of this kind are suppressed for 60 s\"",
              remains->segment_id, remains->indexes.total, remains->frames.size);
}

/* ---- parking one ----------------------------------------------------------------------------- */

static enum err make_folder(struct spool *spool, struct errmsg *msg)
{
    struct spool_parking *parking = &spool->parking;
    int fd = -1;
    if (parking->folder_fd >= 0)
        return ERR_OK;
    enum err rc = spool_dir_open(spool->root_fd, SPOOL_PARKED_FOLDER, true, &fd, msg);
    if (rc != ERR_OK)
        return rc;
    mutex_lock(&spool->lock);
    parking->folder_fd = fd;
    mutex_unlock(&spool->lock);
    return ERR_OK;
}

static void remove_unfinished(struct spool *spool, uint64_t segment_id)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%" PRIu64 ".new", segment_id);
    (void)spool_dir_remove_tree(spool->parking.folder_fd, name);
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    (void)spool_dir_remove_tree(spool->parking.folder_fd, name);
}

static enum err write_down(struct spool *spool, const struct spool_remainder *remains,
                           uint64_t *ret_disk_bytes, struct errmsg *msg)
{
    char path[4096], name[NAME_SIZE];
    enum err rc = make_folder(spool, msg);
    if (rc != ERR_OK)
        return rc;
    remove_unfinished(spool, remains->segment_id);
    snprintf(path, sizeof path, "%s/" SPOOL_PARKED_FOLDER, spool->options.path);
    const struct spool_segment_place place = {
        .segments_path = path,
        .segments_fd = spool->parking.folder_fd,
        .spool_uuid = spool->identity.uuid,
        .seed = spool->identity.seed,
    };
    rc = spool_remainder_write(remains, &place, msg);
    if (rc == ERR_OK)
        rc = spool_remainder_check(remains, &place, msg);
    snprintf(name, sizeof name, "%" PRIu64, remains->segment_id);
    if (rc == ERR_OK)
        rc = spool_dir_tree_bytes(spool->parking.folder_fd, name, ret_disk_bytes);
    return rc;
}

static enum err read_segment(struct spool *spool, const struct spool_entry *entry,
                             struct spool_remainder *remains, struct spool_segment_ends *ends,
                             struct errmsg *msg)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%" PRIu64, entry->id);
    struct spool_reader_options options = {
        .parent_fd = spool->segments_fd,
        .name = name,
        .segment_id = entry->id,
        .seed = spool->identity.seed,
        .count_limit = entry->event_count,
    };
    enum err rc = copy_written(spool, remains);
    if (rc == ERR_OK && entry->state == SPOOL_ENTRY_OLD)
        rc = spool_links_count_limit(spool, entry->id, &options.count_limit, msg);
    if (rc == ERR_OK)
        rc = spool_segment_ends_read(&options, ends, msg);
    if (rc != ERR_OK)
        return rc;
    uint64_t bytes_max = ends->log_bytes / PART_OF_SEGMENT;
    remains->segment_id = entry->id;
    remains->bytes_max = bytes_max < PARK_BYTES_MAX ? bytes_max : PARK_BYTES_MAX;
    rc = spool_remainder_read(remains, &options, &spool->closing, msg);
    if (rc == ERR_OK && ends->link_count > 0 &&
        !buf_append(&remains->link, ends->link_frame.data, ends->link_frame.size))
        rc = ERR_NOMEM;
    return rc;
}

static void park(struct spool *spool, const struct spool_entry *entry)
{
    struct spool_remainder remains = {0};
    struct spool_segment_ends ends = {0};
    struct errmsg msg = {""};
    uint64_t disk_bytes = 0;
    enum err rc = read_segment(spool, entry, &remains, &ends, &msg);
    bool emptied = rc == ERR_OK && remains.indexes.total == 0 && !links_are_needed(spool, &ends),
         wrote = false;
    if (rc == ERR_OK && !emptied) {
        rc = write_down(spool, &remains, &disk_bytes, &msg);
        wrote = true;
    }
    bool switched = rc == ERR_OK && switch_over(spool, &remains, emptied, disk_bytes);
    if (wrote && !switched && spool->parking.folder_fd >= 0)
        remove_unfinished(spool, entry->id);
    if (switched)
        say(spool, &remains, emptied);
    else if (rc == ERR_DAMAGED) /* a damaged segment is reported by its readers */
        look_again(spool, entry->id, INT64_MAX);
    else if (rc != ERR_TOO_LARGE)
        look_again(spool, entry->id, rc == ERR_OK ? READ_AGAIN_MS : TRY_AGAIN_MS);
    if (wrote && rc != ERR_OK && rc != ERR_CLOSED && entry->park_looks == 1)
        spool_say(spool, true, "segment_not_parked",
                  "segment=%" PRIu64 " error=\"%s\" action=trying_again", entry->id, msg.text);
    spool_segment_ends_free(&ends);
    spool_remainder_free(&remains);
}

void spool_parker_tend(struct spool *spool)
{
    struct spool_entry entry;
    while (!spool->options.forward_only && !atomic_load(&spool->closing) && take_due(spool, &entry))
        park(spool, &entry);
}
