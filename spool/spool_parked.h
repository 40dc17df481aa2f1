/* SPDX-License-Identifier: MIT
 * spool_parked.h - segments that are held only by lanes that are behind: what is left of them lies
 * in parked/, or nothing is.
 *
 * A parked segment is its segment with fewer events: the same id and nonce, and the pending events'
 * frames as they stood. So cursors, receipts, order and everything that names an event by its id go
 * on as if nothing had happened; only the folder differs, and which indexes there are is written
 * down in it (docs/spool-format.md §4).
 *
 *   parked/<id> is written and synced --> the catalog has it (tails read there)
 *   --> the cursors name it, synced --> segments/<id> goes
 *
 * A segment in which nothing is left has no directory; the cursors name it (as a range with its
 * neighbours) until everything up to it is done, so that it isn't taken for vanished. Who decides
 * and copies: spool_parker.h. */
#ifndef PENSTOCK_SPOOL_PARKED_H
#define PENSTOCK_SPOOL_PARKED_H

#include "spool/spool_cursors.h"
#include "spool/spool_reader.h"

struct spool;
struct spool_entry;

#define SPOOL_PARKED_FOLDER "parked"

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

/* Where a segment lies: parked/ (then *ret_parked) or segments/. Any thread. */
int spool_parked_folder(struct spool *spool, uint64_t segment_id, bool *ret_parked);

#define SPOOL_PARKED_NAME_SIZE 32

/* For reading all of a segment there. name is what the options point to. */
struct spool_reader_options spool_parked_reader_options(struct spool *spool, uint64_t segment_id,
                                                        char name[SPOOL_PARKED_NAME_SIZE]);

/* While opening, once cursors and segments/ are known. A segment in parked/ counts when the cursors
 * name it, or when it is nowhere else; another was not finished. Errors: ERR_UNREADABLE, ERR_NOMEM,
 * … */
enum err spool_parked_load(struct spool *spool, struct errmsg *msg);
void spool_parked_done(struct spool *spool);

/* Moves what lies in parked/ to the trash. Errors: as spool_dir_move() */
enum err spool_parked_trash(struct spool *spool, uint64_t segment_id, struct errmsg *msg);

/* The entry holds nothing for anybody. With the lock held. */
void spool_parked_mark_emptied(struct spool_entry *entry);

/* Fills the list of the state, whose cursors are set. With the lock held. ERR_NOMEM */
enum err spool_parked_list(struct spool *spool, struct spool_cursor_state *state);
/* How many items that would be, at most. With the lock held. */
size_t spool_parked_item_count(const struct spool *spool);

/* The state was written and synced: segments that it says are parked leave segments/. Keeper thread
 * only. */
void spool_parked_retire_originals(struct spool *spool, const struct spool_cursor_state *written);
/* And it is what the parker goes by from now on. Takes the lanes over. Keeper thread only. */
void spool_parked_written(struct spool *spool, struct spool_cursor_state *written);

/* An emptied segment is about to go, and is gone. With the lock held; the first may fail
 * (ERR_NOMEM), the other doesn't then. */
enum err spool_parked_reserve_gone(struct spool *spool);
void spool_parked_note_gone(struct spool *spool, uint64_t segment_id);

#endif
