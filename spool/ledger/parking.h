/* SPDX-License-Identifier: MIT
 * parking.h - which segments are parked or gone because no event was left: in memory, and as the
 * cursors' list. */
#ifndef PENSTOCK_SPOOL_LEDGER_PARKING_H
#define PENSTOCK_SPOOL_LEDGER_PARKING_H

#include "base/err.h"
#include "spool/format/cursor_state.h"

struct spool;
struct spool_entry;

struct spool_parking {
    int folder_fd; /* -1: no such folder yet; guarded by the spool's lock, as are all fields
                    * below */
    struct spool_parked_item *gone; /* segments gone because no event was left; ascending ranges */
    size_t gone_count, gone_capacity;
    /* of the cursors as they were written last */
    uint64_t written_done_id;
    struct spool_lane_cursor *written_lanes;
    size_t written_lane_count;

    /* used by the parker only */
    int64_t said_ms;
};

/* Marks the entry as one in which no event is pending. With the lock held. */
void spool_parking_mark_emptied(struct spool_entry *entry);

/* Marks the entry as read and counted, without events. With the lock held. */
void spool_parking_settle(struct spool_entry *entry);

/* Fills the list of the state, whose cursors are set. With the lock held. ERR_NOMEM */
enum err spool_parking_list(struct spool *spool, struct spool_cursor_state *state);
/* The number of items in that list, at most. With the lock held. */
size_t spool_parking_item_count(const struct spool *spool);

/* Takes over done_id and the lanes of cursors that were written; the parker decides by them from
 * now on. Keeper thread only. */
void spool_parking_written(struct spool *spool, struct spool_cursor_state *written);

/* For an emptied segment: reserve before it is removed (ERR_NOMEM), note afterwards (can't fail
 * then). With the lock held. */
enum err spool_parking_reserve_gone(struct spool *spool);
void spool_parking_note_gone(struct spool *spool, uint64_t segment_id);

void spool_parking_done(struct spool_parking *parking);

#endif
