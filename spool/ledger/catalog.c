/* SPDX-License-Identifier: MIT
 * catalog.c - the segments in order; which one follows a position; which ones are done. */
#include "spool/ledger/catalog.h"

#include "spool/format/loss_report.h"

#include <assert.h>
#include <stdlib.h>

void spool_entry_free_owned(struct spool_entry *entry)
{
    free(entry->topic_losses);
    spool_ranges_free(&entry->missing);
    spool_loss_report_free(entry->report);
}

void spool_catalog_done(struct spool_catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++)
        spool_entry_free_owned(&catalog->entries[i]);
    free(catalog->entries);
    *catalog = (struct spool_catalog){0};
}

/* Position of the first entry with an id >= segment_id. */
static size_t lower_bound(const struct spool_catalog *catalog, uint64_t segment_id)
{
    size_t low = 0, high = catalog->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalog->entries[middle].id < segment_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum err spool_catalog_add(struct spool_catalog *catalog, const struct spool_entry *entry)
{
    size_t i = lower_bound(catalog, entry->id);
    assert(i == catalog->count || catalog->entries[i].id != entry->id);
    if (catalog->count == catalog->capacity) {
        size_t capacity = catalog->capacity == 0 ? 64 : catalog->capacity * 2;
        struct spool_entry *entries = realloc(catalog->entries, capacity * sizeof *entries);
        if (entries == NULL)
            return ERR_NOMEM;
        catalog->entries = entries;
        catalog->capacity = capacity;
    }
    memmove(catalog->entries + i + 1, catalog->entries + i, (catalog->count - i) * sizeof *entry);
    catalog->entries[i] = *entry;
    catalog->count++;
    return ERR_OK;
}

struct spool_entry *spool_catalog_find(struct spool_catalog *catalog, uint64_t segment_id)
{
    size_t i = lower_bound(catalog, segment_id);
    return i < catalog->count && catalog->entries[i].id == segment_id ? &catalog->entries[i] : NULL;
}

struct spool_entry *spool_catalog_above(struct spool_catalog *catalog, uint64_t segment_id)
{
    size_t i = lower_bound(catalog, segment_id + 1);
    return i < catalog->count ? &catalog->entries[i] : NULL;
}

struct spool_entry *spool_catalog_next(struct spool_catalog *catalog, uint64_t position)
{
    for (size_t i = lower_bound(catalog, spool_id_segment(position)); i < catalog->count; i++)
        if (spool_entry_has_after(&catalog->entries[i], position))
            return &catalog->entries[i];
    return NULL;
}

void spool_catalog_remove(struct spool_catalog *catalog, uint64_t segment_id)
{
    struct spool_entry *entry = spool_catalog_find(catalog, segment_id);
    if (entry == NULL)
        return;
    size_t i = (size_t)(entry - catalog->entries);
    memmove(entry, entry + 1, (catalog->count - i - 1) * sizeof *entry);
    catalog->count--;
}

/* The id of the segment's last event, 0 when it has none; false when that isn't known yet. */
static bool last_id(const struct spool_entry *entry, uint64_t *ret_id)
{
    if (entry->state == SPOOL_ENTRY_OLD) {
        if (!entry->read_through)
            return false;
        *ret_id = entry->last_found_id;
    } else {
        *ret_id = entry->event_count == 0 ? 0 : spool_id_of(entry->id, entry->event_count - 1);
    }
    return true;
}

bool spool_entry_has_after(const struct spool_entry *entry, uint64_t position)
{
    uint64_t last = 0;
    if (entry->unread || entry->emptied || position >= spool_position_end_of(entry->id))
        return false;
    return !last_id(entry, &last) || last > position;
}

static bool is_done_up_to(const struct spool_entry *entry, uint64_t done_id)
{
    uint64_t last = 0;
    return done_id >= spool_position_end_of(entry->id) ||
           (last_id(entry, &last) && last <= done_id);
}

bool spool_entry_is_done(const struct spool_entry *entry, uint64_t done_id,
                         const struct spool_lane_cursor *lanes, size_t lane_count)
{
    if (entry->emptied)
        return true;
    if (entry->state == SPOOL_ENTRY_LIVE || entry->unread ||
        (entry->readers > 0 && !entry->read_through) || !is_done_up_to(entry, done_id))
        return false;
    for (size_t i = 0; i < lane_count; i++)
        if (!is_done_up_to(entry, lanes[i].done_id))
            return false;
    return true;
}
