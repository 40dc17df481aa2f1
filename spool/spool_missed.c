/* SPDX-License-Identifier: MIT
 * spool_missed.c - the losses that the cursors file keeps until a report has them. */
#include "spool/spool_missed.h"

#include "spool/spool_internal.h"
#include "spool/spool_losses.h"
#include "spool/spool_loss_report.h"
#include "spool/spool_reader.h"

#include <stdlib.h>

/* ---- to be written --------------------------------------------------------------------------- */

static enum err add_range(struct spool_cursor_state *state, struct spool_missed_range range)
{
    if (state->missed_count >= SPOOL_MISSED_MAX)
        return ERR_OK;
    struct spool_missed_range *items =
        realloc(state->missed, (state->missed_count + 1) * sizeof *items);
    if (items == NULL)
        return ERR_NOMEM;
    state->missed = items;
    items[state->missed_count++] = range;
    return ERR_OK;
}

static enum err add_ranges(struct spool_cursor_state *state, uint64_t segment_id,
                           const struct spool_ranges *missing, uint32_t below)
{
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < missing->count && missing->items[i].first < below; i++) {
        uint32_t last = missing->items[i].last < below ? missing->items[i].last : below - 1;
        rc = add_range(state,
                       (struct spool_missed_range){segment_id, missing->items[i].first, last});
    }
    return rc;
}

/* What an earlier run had passed so. */
static enum err keep_ranges(const struct spool *spool, uint64_t segment_id,
                            struct spool_cursor_state *state)
{
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < spool->at_open.missed_count; i++)
        if (spool->at_open.missed[i].segment_id == segment_id)
            rc = add_range(state, spool->at_open.missed[i]);
    return rc;
}

/* first > last: nothing is lost, but the report is still owed. */
static enum err add_report(struct spool_cursor_state *state, const struct spool_loss_report *report)
{
    if (report->count_known && report->lost.count == 0)
        return add_range(state, (struct spool_missed_range){report->segment_id, 1, 0});
    if (report->count_known)
        return add_ranges(state, report->segment_id, &report->lost, UINT32_MAX);
    return add_range(state, (struct spool_missed_range){report->segment_id,
                                                        (uint32_t)report->delivered_before,
                                                        SPOOL_INDEX_MAX});
}

static enum err add_entry(const struct spool *spool, const struct spool_entry *entry,
                          struct spool_cursor_state *state)
{
    if (entry->report != NULL && entry->lost_applied)
        return add_report(state, entry->report);
    enum err rc = entry->report == NULL && !entry->lost_applied
                      ? keep_ranges(spool, entry->id, state)
                      : ERR_OK;
    uint64_t done_segment = spool_id_segment(state->done_id);
    if (rc == ERR_OK && done_segment >= entry->id &&
        !entry->lost_applied) /* behind it, when a lane still has to do with it */
        rc = add_ranges(
            state, entry->id, entry->report != NULL ? &entry->report->lost : &entry->missing,
            done_segment == entry->id ? spool_id_index(state->done_id) + 1 : UINT32_MAX);
    return rc;
}

/* Reports that are on their way, and those that an earlier run left unwritten. */
static enum err add_quarantine(struct spool *spool, struct spool_cursor_state *state)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    enum err rc = ERR_OK;
    pthread_mutex_lock(&quarantine->lock);
    for (size_t i = 0; rc == ERR_OK && i < quarantine->pending_count; i++)
        rc = add_report(state, quarantine->pending[i]);
    pthread_mutex_unlock(&quarantine->lock);
    const struct spool_cursor_state *at_open = &spool->at_open;
    for (size_t i = 0;
         rc == ERR_OK && !atomic_load(&quarantine->caught_up) && i < at_open->missed_count; i++)
        if (spool_catalog_find(&spool->catalog, at_open->missed[i].segment_id) == NULL)
            rc = add_range(state, at_open->missed[i]);
    return rc;
}

enum err spool_missed_list(struct spool *spool, struct spool_cursor_state *state)
{
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < spool->catalog.count; i++)
        rc = add_entry(spool, &spool->catalog.entries[i], state);
    return rc == ERR_OK ? add_quarantine(spool, state) : rc;
}

/* ---- to be reported -------------------------------------------------------------------------- */

/* The segment's own, from the cursors at open. *ret_known: they tell of it, be it that there are
 * none. */
static enum err ranges_at_open(const struct spool *spool, uint64_t segment_id,
                               struct spool_ranges *ret_ranges, bool *ret_known)
{
    struct spool_ranges ranges = {0};
    enum err rc = ERR_OK;
    *ret_known = false;
    for (size_t i = 0; rc == ERR_OK && i < spool->at_open.missed_count; i++) {
        const struct spool_missed_range *missed = &spool->at_open.missed[i];
        if (missed->segment_id != segment_id)
            continue;
        *ret_known =
            spool->at_open.missed_count < SPOOL_MISSED_MAX; /* else some may have had no room */
        if (missed->first <= missed->last)
            rc = spool_ranges_append(&ranges, missed->first, missed->last);
    }
    if (rc != ERR_OK)
        spool_ranges_free(&ranges);
    *ret_ranges = ranges;
    return rc;
}

struct spool_loss_report *spool_missed_report(const struct spool *spool, uint64_t segment_id,
                                              const struct spool_findings *findings)
{
    struct spool_ranges missed;
    bool known;
    if (ranges_at_open(spool, segment_id, &missed, &known) != ERR_OK)
        return NULL;
    struct spool_loss_report *report =
        findings->damaged || known ? spool_losses_report(spool, segment_id, findings, 0) : NULL;
    if (report == NULL || !known) { /* then what is not there may be lost */
        spool_ranges_free(&missed);
        return report;
    }
    spool_ranges_free(&report->lost);
    enum err rc = spool_ranges_minus(&missed, &findings->uncertain, &report->lost);
    spool_ranges_free(&missed);
    if (rc == ERR_OK)
        return report;
    spool_loss_report_free(report);
    return NULL;
}

struct spool_loss_report *spool_missed_vanished_report(const struct spool *spool,
                                                       uint64_t segment_id)
{
    struct spool_ranges missed;
    bool known;
    if (ranges_at_open(spool, segment_id, &missed, &known) != ERR_OK)
        return NULL;
    struct spool_loss_report *report = missed.count > 0 ? calloc(1, sizeof *report) : NULL;
    if (report == NULL) {
        spool_ranges_free(&missed);
        return NULL;
    }
    report->vanished = true;
    report->segment_id = segment_id;
    report->delivered_before = missed.items[0].first;
    report->count_known = missed.items[missed.count - 1].last != SPOOL_INDEX_MAX;
    if (report->count_known)
        report->lost = missed;
    else
        spool_ranges_free(&missed);
    return report;
}
