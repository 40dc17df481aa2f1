/* SPDX-License-Identifier: MIT
 * put_aside.c - marks and lists segments that can't be read now. */
#include "spool/ledger/put_aside.h"

#include "base/clock.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"

#include <inttypes.h>
#include <stdlib.h>

static uint32_t index_behind(uint64_t done_id, uint64_t segment_id)
{
    return spool_id_segment(done_id) < segment_id         ? 0
           : done_id >= spool_position_end_of(segment_id) ? SPOOL_INDEX_MAX
                                                          : spool_id_index(done_id) + 1;
}

/* Lagging lanes would pass the segment, too: events not yet done for them are pending in it. With
 * the lock held. */
static uint32_t lanes_behind(const struct spool *spool, uint64_t segment_id, uint32_t from)
{
    for (size_t i = 0; i < spool->progress.lane_count; i++) {
        uint32_t index = index_behind(spool->progress.lanes[i].done_id, segment_id);
        if (index < from)
            from = index;
    }
    return from;
}

void spool_put_aside(struct spool *spool, uint64_t segment_id, uint64_t position)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool aside =
        entry != NULL && entry->state != SPOOL_ENTRY_LIVE && !entry->unread && !entry->read_through;
    if (aside) {
        entry->unread = true;
        entry->unread_from = lanes_behind(spool, segment_id, index_behind(position, segment_id));
        entry->unread_backoff_ms = SPOOL_PUT_ASIDE_MS;
        entry->unread_due_ms = clock_monotonic_ms() + SPOOL_PUT_ASIDE_MS;
        spool->progress.dirty = true;
    }
    mutex_unlock(&spool->lock);
    if (aside)
        spool_say(spool, true, "segment_unread",
                  "segment=%" PRIu64 " action=going_on_without_it_and_trying_again", segment_id);
}

enum err spool_put_aside_list(struct spool *spool, struct spool_cursor_state *state)
{
    size_t count = 0;
    for (size_t i = 0; i < spool->catalog.count; i++)
        count += spool->catalog.entries[i].unread;
    state->unread = calloc(count + 1, sizeof *state->unread);
    if (state->unread == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < spool->catalog.count; i++) {
        const struct spool_entry *entry = &spool->catalog.entries[i];
        if (!entry->unread)
            continue;
        /* Events that were handed out and are not yet done must stay pending after a crash. */
        uint32_t done = index_behind(state->done_id, entry->id);
        state->unread[state->unread_count++] = (struct spool_unread_segment){
            entry->id,
            lanes_behind(spool, entry->id, done < entry->unread_from ? done : entry->unread_from)};
    }
    return ERR_OK;
}
