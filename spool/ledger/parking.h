/* SPDX-License-Identifier: MIT
 * parking.h - which segments are parked or went with nothing left: in memory, and as the
 * cursors' list. */
#ifndef PENSTOCK_SPOOL_LEDGER_PARKING_H
#define PENSTOCK_SPOOL_LEDGER_PARKING_H

#include "base/err.h"
#include "spool/format/cursor_state.h"

struct spool;
struct spool_entry;

struct spool_parking {
    int folder_fd; /* -1: there is no such folder yet. With the spool's lock held, as all that
                    * follows */
    struct spool_parked_item *gone; /* segments that went with nothing left; ascending ranges */
    size_t gone_count, gone_capacity;
    /* of the cursors as they were written last */
    uint64_t written_done_id;
    struct spool_lane_cursor *written_lanes;
    size_t written_lane_count;

    /* the parker's own */
    int64_t said_ms;
};

/* The entry holds nothing for anybody. With the lock held. */
void spool_parking_mark_emptied(struct spool_entry *entry);

/* Nothing is to be read in the entry, and nothing to be found out. With the lock held. */
void spool_parking_settle(struct spool_entry *entry);

/* Fills the list of the state, whose cursors are set. With the lock held. ERR_NOMEM */
enum err spool_parking_list(struct spool *spool, struct spool_cursor_state *state);
/* How many items that would be, at most. With the lock held. */
size_t spool_parking_item_count(const struct spool *spool);

/* And it is what the parker goes by from now on. Takes the lanes over. Keeper thread only. */
void spool_parking_written(struct spool *spool, struct spool_cursor_state *written);

/* An emptied segment is about to go, and is gone. With the lock held; the first may fail
 * (ERR_NOMEM), the other doesn't then. */
enum err spool_parking_reserve_gone(struct spool *spool);
void spool_parking_note_gone(struct spool *spool, uint64_t segment_id);

void spool_parking_done(struct spool_parking *parking);

#endif
