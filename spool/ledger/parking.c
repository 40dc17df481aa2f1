/* SPDX-License-Identifier: MIT
 * parking.c - the lists of parked segments and of emptied ones that are gone. */
#include "spool/ledger/parking.h"

#include "spool/home/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void spool_parking_settle(struct spool_entry *entry)
{
    entry->read_through = entry->lost_applied = true;
    entry->last_found_id = 0;
    entry->counted = SPOOL_COUNTED;
}

void spool_parking_mark_emptied(struct spool_entry *entry)
{
    entry->emptied = true;
    entry->state = SPOOL_ENTRY_OLD;
    spool_parking_settle(entry);
}

static void free_lanes(struct spool_lane_cursor *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(lanes[i].topic);
    free(lanes);
}

void spool_parking_done(struct spool_parking *parking)
{
    free_lanes(parking->written_lanes, parking->written_lane_count);
    free(parking->gone);
    if (parking->folder_fd >= 0)
        close(parking->folder_fd);
}

enum err spool_parking_reserve_gone(struct spool *spool)
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

/* Joins the ranges at i and i + 1 when no segment lies between them. */
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

void spool_parking_note_gone(struct spool *spool, uint64_t segment_id)
{
    struct spool_parking *parking = &spool->parking;
    size_t i = 0;
    while (i < parking->gone_count && parking->gone[i].last < segment_id)
        i++;
    if (i < parking->gone_count && parking->gone[i].first <= segment_id)
        return; /* already listed */
    memmove(parking->gone + i + 1, parking->gone + i,
            (parking->gone_count - i) * sizeof *parking->gone);
    parking->gone[i] = (struct spool_parked_item){.first = segment_id, .last = segment_id};
    parking->gone_count++;
    merge(spool, i);
    if (i > 0)
        merge(spool, i - 1);
}

/* Segments that every cursor has passed needn't be listed any more. */
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

size_t spool_parking_item_count(const struct spool *spool)
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

enum err spool_parking_list(struct spool *spool, struct spool_cursor_state *state)
{
    struct spool_parking *parking = &spool->parking;
    forget_passed(parking, state);
    state->parked = calloc(spool_parking_item_count(spool) + 1, sizeof *state->parked);
    if (state->parked == NULL)
        return ERR_NOMEM;
    size_t gone = 0;
    for (size_t i = 0; i < spool->catalog.count; i++) {
        const struct spool_entry *entry = &spool->catalog.entries[i];
        if (!entry->parked && !entry->emptied)
            continue;
        while (gone < parking->gone_count && parking->gone[gone].last < entry->id)
            state->parked[state->parked_count++] = parking->gone[gone++];
        /* listed since before a restart */
        bool named = gone < parking->gone_count && parking->gone[gone].first <= entry->id;
        if (!named)
            state->parked[state->parked_count++] = item_of(entry);
    }
    while (gone < parking->gone_count)
        state->parked[state->parked_count++] = parking->gone[gone++];
    return ERR_OK;
}

void spool_parking_written(struct spool *spool, struct spool_cursor_state *written)
{
    struct spool_parking *parking = &spool->parking;
    mutex_lock(&spool->lock);
    struct spool_lane_cursor *before = parking->written_lanes;
    size_t count_before = parking->written_lane_count;
    parking->written_done_id = written->done_id;
    parking->written_lanes = written->lanes;
    parking->written_lane_count = written->lane_count;
    written->lanes = NULL;
    written->lane_count = 0;
    mutex_unlock(&spool->lock);
    free_lanes(before, count_before);
}
