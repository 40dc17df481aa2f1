/* SPDX-License-Identifier: MIT
 * vanished.c - finds segments that are gone as a whole. */
#include "spool/recover/vanished.h"

#include "spool/format/loss_report.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"
#include "spool/recover/whereabouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Expects a segment to be there or done. If it is neither, its accepted events that are not done
 * are pending until the cursor passes them, and then lost. */
static void expect(struct spool *spool, struct spool_link link)
{
    const struct spool_parked_item *item =
        spool_cursor_state_parked(&spool->at_open, link.segment_id);
    if (item != NULL && item->event_count == 0)
        return; /* removed, as no event was left */
    bool parked = item != NULL;
    uint32_t done_below = spool_cursor_state_done_below(&spool->at_open, link.segment_id);
    bool count_known = !parked && link.event_count != SPOOL_COUNT_UNKNOWN;
    bool unknown = parked && item->event_count == SPOOL_PARKED_UNKNOWN;
    uint32_t lost = parked ? (unknown ? 0 : item->event_count)
                    : count_known && link.event_count > done_below ? link.event_count - done_below
                                                                   : 0;
    if (link.segment_id == 0 || done_below == SPOOL_INDEX_MAX || (count_known && lost == 0))
        return;
    struct spool_loss_report *report = calloc(1, sizeof *report);
    struct spool_range *range = lost == 0 || parked ? NULL : malloc(sizeof *range);
    struct spool_entry entry = {
        .id = link.segment_id,
        .state = SPOOL_ENTRY_OLD,
        .event_count = parked ? SPOOL_COUNT_UNKNOWN : link.event_count,
        .counted = SPOOL_COUNTED,
        .read_through = true,
        .lost = lost,
        .report = report,
    };
    bool noted = report != NULL && (lost == 0 || parked || range != NULL);
    if (noted) {
        report->vanished = true;
        report->segment_id = link.segment_id;
        report->count_known = count_known;
        report->delivered_before = done_below;
        report->lost_unnamed = parked ? lost : 0;
        if (range != NULL) {
            *range = (struct spool_range){done_below, link.event_count - 1};
            report->lost = (struct spool_ranges){range, 1, lost};
            range = NULL;
        }
    }
    mutex_lock(&spool->lock);
    noted = noted && spool_catalog_find(&spool->catalog, link.segment_id) == NULL &&
            spool_catalog_add(&spool->catalog, &entry) == ERR_OK;
    if (noted) {
        atomic_fetch_add(&spool->unknown_pending, (int64_t)lost);
        atomic_fetch_add(&spool->unknown_accepted, lost);
    }
    mutex_unlock(&spool->lock);
    free(range);
    if (!noted)
        spool_loss_report_free(report);
    else if (count_known || lost > 0)
        spool_say(spool, true, "segment_vanished", "segment=%" PRIu64 " events_lost=%" PRIu32,
                  link.segment_id, lost);
    else
        spool_say(spool, true, "segment_vanished", "segment=%" PRIu64 " events_lost=unknown",
                  link.segment_id);
}

static void expect_linked_by(struct spool *spool, uint64_t segment_id)
{
    char name[SPOOL_WHEREABOUTS_NAME_SIZE];
    struct spool_reader_options options = spool_whereabouts_reader_options(spool, segment_id, name);
    struct spool_segment_ends ends = {0};
    if (spool_segment_ends_read(&options, &ends, NULL) != ERR_OK)
        return; /* tried again at the next start */
    for (size_t i = 0; i < ends.link_count; i++)
        expect(spool, ends.links[i]);
    spool_segment_ends_free(&ends);
}

void spool_vanished_find(struct spool *spool)
{
    for (uint64_t id = 0; spool->cursors_found;) { /* without cursors it isn't known which segments
                                                    * were done and rightly removed */
        mutex_lock(&spool->lock);
        struct spool_entry *entry =
            /* also one of which only the links are left */
            spool_catalog_above(&spool->catalog, id);
        id = entry != NULL && entry->state == SPOOL_ENTRY_OLD ? entry->id : 0;
        mutex_unlock(&spool->lock);
        if (id == 0)
            break;
        expect_linked_by(spool, id);
    }
    for (size_t i = 0; i < spool->at_open.parked_count; i++)
        expect(spool, (struct spool_link){spool->at_open.parked[i].first, SPOOL_COUNT_UNKNOWN});
    /* After the links: they know how many events a segment held. */
    for (size_t i = 0; i < SPOOL_NEWEST_SEGMENTS; i++)
        expect(spool, (struct spool_link){spool->at_open.newest_segments[i], SPOOL_COUNT_UNKNOWN});
    mutex_lock(&spool->lock);
    spool->vanished_found = true;
    spool->progress.dirty = true;
    mutex_unlock(&spool->lock);
}
