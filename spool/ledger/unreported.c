/* SPDX-License-Identifier: MIT
 * unreported.c - the losses that the cursors file keeps until a report has them. */
#include "spool/ledger/unreported.h"

#include "spool/format/loss_report.h"
#include "spool/home/internal.h"

#include <stdlib.h>

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

/* Keeps the ranges that an earlier run had passed as missing. */
static enum err keep_ranges(const struct spool *spool, uint64_t segment_id,
                            struct spool_cursor_state *state)
{
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < spool->at_open.missed_count; i++)
        if (spool->at_open.missed[i].segment_id == segment_id)
            rc = add_range(state, spool->at_open.missed[i]);
    return rc;
}

/* A range with first > last: no event is lost, but the report is still owed. */
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
        !entry->lost_applied) /* the common cursor may be past the segment while a lane still needs
                               * it */
        rc = add_ranges(
            state, entry->id, entry->report != NULL ? &entry->report->lost : &entry->missing,
            done_segment == entry->id ? spool_id_index(state->done_id) + 1 : UINT32_MAX);
    return rc;
}

/* Adds the reports that are still to be written, and those that an earlier run left unwritten. */
static enum err add_quarantine(struct spool *spool, struct spool_cursor_state *state)
{
    struct spool_quarantine *quarantine = &spool->quarantine;
    enum err rc = ERR_OK;
    mutex_lock(&quarantine->lock);
    for (size_t i = 0; rc == ERR_OK && i < quarantine->pending_count; i++)
        rc = add_report(state, quarantine->pending[i]);
    mutex_unlock(&quarantine->lock);
    const struct spool_cursor_state *at_open = &spool->at_open;
    for (size_t i = 0;
         rc == ERR_OK && !atomic_load(&quarantine->caught_up) && i < at_open->missed_count; i++)
        if (spool_catalog_find(&spool->catalog, at_open->missed[i].segment_id) == NULL)
            rc = add_range(state, at_open->missed[i]);
    return rc;
}

enum err spool_unreported_list(struct spool *spool, struct spool_cursor_state *state)
{
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < spool->catalog.count; i++)
        rc = add_entry(spool, &spool->catalog.entries[i], state);
    return rc == ERR_OK ? add_quarantine(spool, state) : rc;
}
