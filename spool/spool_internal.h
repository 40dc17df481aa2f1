/* SPDX-License-Identifier: MIT
 * spool_internal.h - what the files of spool/ share about an open spool. For nobody else.
 *
 * Locks, outermost first; no file operation happens under `lock`:
 *   committer.lock   the queue of batches
 *   keeper.lock      the spare segment, segments to close
 *   quarantine.lock  loss reports to write
 *   letters.lock     dead letters; file operations happen under it
 *   lock             catalog, window, progress, wake-up
 *   topics.lock      the table of topics */
#ifndef PENSTOCK_SPOOL_INTERNAL_H
#define PENSTOCK_SPOOL_INTERNAL_H

#include "spool/spool.h"
#include "spool/spool_catalog.h"
#include "spool/spool_committer.h"
#include "spool/spool_confirm.h"
#include "spool/spool_fate.h"
#include "spool/spool_identity.h"
#include "spool/spool_keeper.h"
#include "spool/spool_letters_internal.h"
#include "spool/spool_quarantine.h"
#include "spool/spool_parked.h"
#include "spool/spool_place.h"
#include "spool/spool_space.h"
#include "spool/spool_topics.h"
#include "spool/spool_window.h"

#define SPOOL_BATCH_EVENTS_MAX (1u << 22)

struct spool_batch {
    struct spool *spool;
    struct spool_topic *topic;
    struct buf frames;
    uint32_t event_count;
    bool moved;            /* holds events that were accepted before: their topic is not refused */
    uint32_t group_offset; /* of its first event in the group that is being committed */
    size_t queued_bytes;   /* what it counts for in committer.queued_bytes */
    spool_done_fn *done;
    void *done_arg;
    struct spool_batch *next;
    struct spool_confirm *confirm; /* borrowed; NULL: nobody waits for Kafka */
};

/* Adds an event of another segment by its whole frame, which goes inside a new one; the topic is
 * the batch's.
 * Errors: ERR_FULL, ERR_TOO_LARGE, ERR_NOMEM */
enum err spool_batch_add_moved(struct spool_batch *batch, int64_t time_ms, struct bytes frame);

/* What spool_advance() was told last, owned. */
struct spool_progress {
    enum spool_delivery mode;
    uint64_t done_id;
    struct spool_lane_cursor *lanes;
    size_t lane_count;
    bool dirty; /* not yet written to the cursors file */
};

struct spool {
    const struct spool_options *_Atomic limits; /* of sizes and times: spool_set_limits() changes
                                                 * it */
    struct spool_options options;               /* fixed after open, as is all up to the lock */
    spool_report_fn *report;
    void *report_arg;
    struct spool_identity identity;
    char *segments_path;
    int root_fd, segments_fd, quarantine_fd, trash_fd, lock_fd;
    struct spool_cursor_state at_open;
    bool cursors_found;       /* at_open was read, and isn't empty for want of a file */
    struct spool_watch watch; /* of who calls spool_place() */

    struct spool_topics topics;
    atomic_uint_fast64_t unknown_accepted; /* events of unknown topic: lost, but counted nowhere
                                            * else */
    atomic_int_fast64_t unknown_pending;
    atomic_uint_fast64_t unknown_lost;
    atomic_bool counting;

    pthread_mutex_t lock;
    struct spool_catalog catalog;
    struct spool_window window;
    struct spool_progress progress;
    struct spool_parking parking;
    uint64_t segment_id_max;                         /* the highest ever given out */
    uint64_t newest_segments[SPOOL_NEWEST_SEGMENTS]; /* made last; 0: none */
    bool vanished_found;                             /* until then the cursors stay as they were */
    uint64_t first_segment_id;                       /* of this run */
    uint64_t last_event_id;                          /* accepted in this run */
    struct spool_times times;                        /* of what was accepted in this run */
    uint64_t damaged_segments;
    pthread_cond_t counted; /* an entry has become SPOOL_COUNTED, or the spool closes */
    void (*wakeup)(void *arg);
    void *wakeup_arg;
    bool wakeup_armed;

    struct spool_confirms *confirms;
    struct spool_committer committer;
    struct spool_keeper keeper;
    struct spool_quarantine quarantine;
    struct spool_letters letters;
    pthread_t counter_thread;
    bool counter_started;
    atomic_bool closing;
};

void spool_say(struct spool *spool, bool problem, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A segment was made that will take events; or it was removed again without any. */
void spool_note_segment(struct spool *spool, uint64_t segment_id);
void spool_forget_segment(struct spool *spool, uint64_t segment_id);

/* A new segment id, above all known ones. */
uint64_t spool_take_segment_id(struct spool *spool);

/* Frames of an old segment at or beyond this count were moved on or refused: looked up in the links
 * of the segments after it. SPOOL_COUNT_UNKNOWN: there is no such limit. Reads a little from disk.
 * ERR_UNREADABLE, ERR_NOMEM */
enum err spool_count_limit(struct spool *spool, uint64_t segment_id, uint32_t *ret_limit,
                           struct errmsg *msg);

/* Sees to it that an old segment's pending events are in the books; may read it. Any thread. */
enum err spool_count_entry(struct spool *spool, uint64_t segment_id, struct errmsg *msg);
/* Events of an old segment below this index were done when the spool was opened; SPOOL_INDEX_MAX:
 * all. */
uint32_t spool_count_done_below(const struct spool *spool, uint64_t segment_id);

/* Tells what a reader has not found so far of a segment, before it hands out what lies behind;
 * takes the ranges over. */
void spool_count_missing(struct spool *spool, uint64_t segment_id, struct spool_ranges *missing);

/* Body of the thread that counts what earlier runs left. */
void *spool_counter_main(void *spool);

/* Goes on from where the cursors stood at open, before anybody else looks. ERR_NOMEM */
enum err spool_progress_load(struct spool *spool);
/* Builds what is to be written to the cursors file now; the caller frees it. ERR_NOMEM */
enum err spool_cursor_snapshot(struct spool *spool, struct spool_cursor_state *ret_state);

#endif
