/* SPDX-License-Identifier: MIT
 * event_status.c - tells from the cursors, the catalog and the loss reports what became of one
 * event. */
#include "spool/spool_event_status.h"

#include "base/clock.h"
#include "spool/disk/dir.h"
#include "spool/disk/durable_file.h"
#include "spool/format/loss_report.h"
#include "spool/home/internal.h"
#include "spool/ledger/times.h"
#include "spool/spool_letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_BYTES_MAX = 4 << 20 };

/* ---- loss reports ---------------------------------------------------------------------------- */

static bool ranges_name(const struct spool_ranges *ranges, uint32_t index)
{
    for (size_t i = 0; i < ranges->count; i++)
        if (index >= ranges->items[i].first && index <= ranges->items[i].last)
            return true;
    return false;
}

static bool report_names(const struct spool_loss_report *report, uint32_t index)
{
    return ranges_name(&report->lost, index) || ranges_name(&report->uncertain, index) ||
           (!report->count_known && report->lost_unnamed == 0 && index >= report->delivered_before);
}

/* Finds the status of an event whose segment is no longer in the catalog. */
static enum err fate_by_report(struct spool *spool, uint64_t event_id,
                               enum spool_event_status *ret_fate, struct errmsg *msg)
{
    static const enum spool_event_status fates[] = {
        [SPOOL_LOSS_NOT_NAMED] = SPOOL_EVENT_STATUS_DELIVERED,
        [SPOOL_LOSS_NAMED] = SPOOL_EVENT_STATUS_LOST,
        [SPOOL_LOSS_CANT_TELL] = SPOOL_EVENT_STATUS_UNKNOWN,
    };
    char name[24];
    int dir_fd = -1;
    struct buf text = {0};
    snprintf(name, sizeof name, "%" PRIu64, spool_id_segment(event_id));
    *ret_fate = SPOOL_EVENT_STATUS_DELIVERED;
    if (spool->quarantine_fd < 0)
        return ERR_OK;
    enum err rc = spool_dir_open(spool->quarantine_fd, name, false, &dir_fd, msg);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK; /* the segment was undamaged */
    if (rc != ERR_OK)
        return rc;
    rc = spool_durable_file_read(dir_fd, SPOOL_LOSS_REPORT_NAME, REPORT_BYTES_MAX, &text, msg);
    close(dir_fd);
    *ret_fate = SPOOL_EVENT_STATUS_UNKNOWN; /* not known without a report that can be understood */
    if (rc == ERR_OK)
        *ret_fate = fates[spool_loss_text_about(buf_string(&text), event_id)];
    buf_free(&text);
    return rc == ERR_UNREADABLE || rc == ERR_NOMEM ? rc : ERR_OK;
}

/* Looks in the reports that are still to be written, and in the ranges that earlier runs left
 * unwritten. With the spool's lock held. */
static bool is_in_pending_report(struct spool *spool, uint64_t event_id)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    const struct spool_cursor_state *at_open = &spool->at_open;
    uint64_t segment_id = spool_id_segment(event_id);
    uint32_t index = spool_id_index(event_id);
    bool named = false;
    mutex_lock(&quarantine->lock);
    for (size_t i = 0; i < quarantine->pending_count; i++)
        named |= quarantine->pending[i]->segment_id == segment_id &&
                 report_names(quarantine->pending[i], index);
    mutex_unlock(&quarantine->lock);
    for (size_t i = 0; !atomic_load(&quarantine->caught_up) && i < at_open->missed_count; i++)
        named |= at_open->missed[i].segment_id == segment_id && index >= at_open->missed[i].first &&
                 index <= at_open->missed[i].last;
    return named;
}

/* ---- one event ------------------------------------------------------------------------------- */

/* The cursor that decides for an event of that topic. */
static uint64_t cursor_of(const struct spool_progress *progress, struct bytes topic)
{
    uint64_t done_id = progress->done_id;
    for (size_t i = 0; i < progress->lane_count; i++)
        if (progress->lanes[i].done_id < done_id &&
            (topic.size == 0 || bytes_equal(topic, bytes_of_string(progress->lanes[i].topic))))
            done_id = progress->lanes[i].done_id;
    return done_id;
}

/* Are there missing events that the cursor has passed, or may pass? */
static bool is_damaged(const struct spool_entry *entry)
{
    return entry->report != NULL || entry->missing.count > 0 || entry->lost > 0;
}

static enum spool_event_status fate_in_entry(const struct spool *spool,
                                             const struct spool_entry *entry, uint64_t event_id,
                                             struct bytes topic)
{
    const struct spool_progress *progress = &spool->progress;
    uint32_t index = spool_id_index(event_id);
    if (entry->state != SPOOL_ENTRY_OLD && index >= entry->event_count)
        return SPOOL_EVENT_STATUS_UNKNOWN;
    if (entry->report != NULL && report_names(entry->report, index))
        return SPOOL_EVENT_STATUS_LOST;
    if (entry->report != NULL && entry->report->lost_unnamed > 0)
        return SPOOL_EVENT_STATUS_UNKNOWN;
    bool whole = !entry->parked && !entry->emptied; /* of a parked or emptied segment the other
                                                     * events are done */
    if (whole && entry->state == SPOOL_ENTRY_OLD && entry->read_through &&
        event_id > entry->last_found_id)
        return SPOOL_EVENT_STATUS_UNKNOWN;
    if (entry->unread)
        return index < entry->unread_from && cursor_of(progress, topic) >= event_id
                   ? SPOOL_EVENT_STATUS_DELIVERED
                   : SPOOL_EVENT_STATUS_ACCEPTED;
    if (is_damaged(entry)) /* events found late lie below the cursor while they are under way */
        return spool_entry_is_done(entry, progress->done_id, progress->lanes, progress->lane_count)
                   ? SPOOL_EVENT_STATUS_DELIVERED
                   : SPOOL_EVENT_STATUS_ACCEPTED;
    return cursor_of(progress, topic) >= event_id ? SPOOL_EVENT_STATUS_DELIVERED
                                                  : SPOOL_EVENT_STATUS_ACCEPTED;
}

/* The lowest segment id that the spool can have: ids ascend from the time at which it was made (a
 * clock that was wrong at that time goes unnoticed). */
static uint64_t first_segment_id(const struct spool *spool)
{
    return spool->identity.created_ms > 0 ? spool_segment_id_next(0, spool->identity.created_ms)
                                          : 1;
}

/* The status of an event that the cursors have passed, and that isn't lost. */
static enum spool_event_status fate_of_done(struct spool *spool, uint64_t event_id)
{
    if (!spool_letters_known(spool))
        return SPOOL_EVENT_STATUS_ACCEPTED; /* the letters aren't known yet, or can't be read */
    bool letter = spool_letters_have(spool, event_id) || spool_letters_had(spool, event_id);
    return letter ? SPOOL_EVENT_STATUS_DEAD_LETTERED : SPOOL_EVENT_STATUS_DELIVERED;
}

enum err spool_event_status_get(struct spool *spool, uint64_t event_id, struct bytes topic,
                                enum spool_event_status *ret_fate, struct errmsg *msg)
{
    enum spool_event_status fate = SPOOL_EVENT_STATUS_UNKNOWN;
    bool gone = false;
    mutex_lock(&spool->lock);
    const struct spool_entry *entry =
        spool_catalog_find(&spool->catalog, spool_id_segment(event_id));
    if (entry != NULL)
        fate = fate_in_entry(spool, entry, event_id, topic);
    else if (is_in_pending_report(spool, event_id))
        fate = SPOOL_EVENT_STATUS_LOST;
    else
        gone = spool_id_segment(event_id) >= first_segment_id(spool) &&
               event_id <= spool->progress.done_id;
    mutex_unlock(&spool->lock);
    enum err rc = gone ? fate_by_report(spool, event_id, &fate, msg) : ERR_OK;
    if (rc == ERR_OK &&
        fate == SPOOL_EVENT_STATUS_DELIVERED) /* looked up after the cursor: a letter is written
                                               * before the cursor passes its event */
        fate = fate_of_done(spool, event_id);
    *ret_fate = fate;
    return rc;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Lowers done_id to just before the first event that is still pending although the cursor has
 * passed it. */
static uint64_t below_put_aside(const struct spool *spool, uint64_t done_id)
{
    for (size_t i = 0; i < spool->catalog.count; i++) {
        const struct spool_entry *entry = &spool->catalog.entries[i];
        uint64_t before = spool_id_of(entry->id, 0) - 1;
        if (before >= done_id)
            break;
        if (entry->unread)
            return entry->unread_from > 0 ? spool_id_of(entry->id, entry->unread_from - 1) : before;
        if (is_damaged(entry) && entry->state != SPOOL_ENTRY_LIVE &&
            !spool_entry_is_done(entry, done_id, NULL, 0))
            return before;
    }
    return done_id;
}

static bool nothing_after(const struct spool *spool, uint64_t done_id)
{
    for (size_t i = 0; i < spool->catalog.count; i++) {
        const struct spool_entry *entry = &spool->catalog.entries[i];
        if (entry->unread || spool_entry_has_after(entry, done_id))
            return false;
    }
    return true;
}

void spool_done_get(struct spool *spool, struct bytes topic, struct spool_done *ret_done)
{
    mutex_lock(&spool->lock);
    uint64_t done_id = below_put_aside(spool, cursor_of(&spool->progress, topic));
    int64_t now_ms = clock_wall_ms(); /* under the lock, so that events accepted later have later
                                       * times */
    struct spool_done done = {.id = done_id, .all = nothing_after(spool, done_id)};
    if (done.all)
        done.time_ms = now_ms;
    else
        done.time_ms = spool_times_until(&spool->times, done_id);
    mutex_unlock(&spool->lock);
    if (done.time_ms == 0)
        done.time_ms = spool_segment_id_time_ms(spool_id_segment(done_id));
    if (done.time_ms > now_ms) /* the clock was set back */
        done.time_ms = 0;
    *ret_done = done;
}
