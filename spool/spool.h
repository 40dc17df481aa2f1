/* SPDX-License-Identifier: MIT
 * spool.h - THE contract of the durable queue: submit (synced), read in order, tell what is done.
 *
 *   ingest threads --spool_submit--> committer thread --done()--> ingest
 *                                                              (one synced write per group)
 *   bridge thread  --spool_tail_next--> events in order --spool_advance--> cursors, retiring
 *
 * What "accepted" means: done() was called with ERR_OK, and that is only after the sync that covers
 * the events. Bytes on disk: docs/spool-format.md. LevelDB is behind spool/write/store.h. */
#ifndef PENSTOCK_SPOOL_H
#define PENSTOCK_SPOOL_H

#include "base/err.h"
#include "spool/format/chunk.h"
#include "spool/format/cursor_state.h"
#include "spool/spool_options.h"

struct spool;

/* A report for operators to read in the log; the spool itself never logs. Called from the spool's
 * threads, never with a lock held; must not call back into the spool. */
struct spool_report {
    bool problem;       /* a warning rather than news */
    const char *event;  /* a word for the log: "segment_abandoned", "refusing", "accepting_again",
                         * … */
    const char *detail; /* key=value pairs */
};
typedef void spool_report_fn(void *arg, const struct spool_report *report);

/* Makes a spool at options->path, once its mounts are there: its directory and its identity.
 * options->create and options->id are not looked at. *ret_made is false when a spool was there
 * already.
 * Errors: as spool_open(); ERR_DAMAGED also when the remains of a spool without identity are
 * there */
enum err spool_init(const struct spool_options *options, uint8_t ret_uuid[16], bool *ret_made,
                    struct errmsg *msg);

/* The result of spool_renew(). */
struct spool_renewed {
    uint8_t old_uuid[16], new_uuid[16];
    bool has_cursors; /* false: no readable cursors say what is done, so all events that are there
                       * will be sent */
};

/* Gives the spool at options->path a new id, under its lock. The rest stays, above all its cursors:
 * the events after them go out under the new id, whatever Kafka has recorded for the old one. A
 * crash leaves either id, never a spool that can't be opened. Errors: as spool_open(); ERR_INVALID
 * when options->id asks for another id than the spool has */
enum err spool_renew(const struct spool_options *options, struct spool_renewed *ret_renewed,
                     struct errmsg *msg);

/* Opens the spool at options->path: takes the lock, reads identity and cursors, opens a new segment
 * and starts the committer. Never reads events, so it takes milliseconds whatever the backlog.
 * options is copied.
 * Errors:
 *   ERR_NOT_FOUND    the directory or its identity isn't there (and options->create is false)
 *   ERR_UNAVAILABLE  what options->require_mount asks for isn't mounted
 *   ERR_INVALID      another spool than options->id is there, or something that can't be a
 *                    directory
 *   ERR_LOCKED       another agent has it; msg names its pid
 *   ERR_VERSION      made by a newer version
 *   ERR_DAMAGED      the identity is damaged, or missing beside what it belongs to
 *   ERR_IO, ERR_NOMEM, ERR_UNREADABLE   msg says which path and why */
enum err spool_open(const struct spool_options *options, spool_report_fn *report, void *report_arg,
                    struct spool **ret_spool, struct errmsg *msg);

/* New limits from now on: size_bytes_max, free_bytes_min, event_bytes_max, queued_bytes_max,
 * letters_bytes_max, topics_max, commit_timeout_ms, cursor_interval_ms, quarantine_*,
 * topic_share_percent. segment_bytes counts only in the checks of space; segments keep the size
 * given at open. The other fields are not looked at. limits must outlive the spool. Any thread. */
void spool_set_limits(struct spool *spool, const struct spool_options *limits);

/* From now on spool_submit() answers ERR_CLOSED; batches taken before are committed, and the live
 * segment is sealed. Blocks for that. Reading and spool_advance() still work. */
void spool_stop_taking(struct spool *spool);

/* Stops all threads, writes the cursors, gives the lock back, frees. No tail and no batch may be
 * left. NULL is fine. */
void spool_close(struct spool *spool);

const uint8_t *spool_uuid(const struct spool *spool); /* 16 bytes; any thread */

/* A warning about the spool's filesystem (one that forgets at a restart); "": no warning. Any
 * thread. */
const char *spool_warning(const struct spool *spool);

/* Does the path still lead to the open spool? */
enum spool_place {
    SPOOL_HERE,
    SPOOL_AWAY,    /* the path leads nowhere, or to something else; the open spool still works where
                    * it is */
    SPOOL_USELESS, /* unreadable by now, or the path leads to a copy of the spool: close it, and
                    * open what is there */
};

/* Looks at the path and the disk; cheap enough for several times a second. msg says why the answer
 * isn't SPOOL_HERE. One thread at a time. */
enum spool_place spool_place(struct spool *spool, struct errmsg *msg);

/* ---- writing --------------------------------------------------------------------------------- */

/* Events for one topic that are accepted together or not at all. Only a crash before the answer may
 * leave a part of them. */
struct spool_batch;

/* Errors: ERR_INVALID (no Kafka topic name: 1-249 of [a-zA-Z0-9._-], not "." or ".."), ERR_FULL
 *         (options.topics_max different topics are known already), ERR_NOMEM. Any thread. */
enum err spool_batch_new(struct spool *spool, struct bytes topic, struct spool_batch **ret_batch);

/* Copies the event in; its id and topic are ignored. One thread at a time per batch.
 * Errors: ERR_TOO_LARGE (key + value + headers beyond event_bytes_max), ERR_INVALID (time out of
 *         range), ERR_NOMEM, ERR_FULL (2^22 events in one batch) */
enum err spool_batch_add(struct spool_batch *batch, const struct spool_event *event);
uint32_t spool_batch_event_count(const struct spool_batch *batch);
size_t spool_batch_bytes(const struct spool_batch *batch); /* of its frames */
void spool_batch_free(struct spool_batch *batch);          /* NULL is fine */

struct spool_receipt {
    enum err err;      /* ERR_OK: synced. ERR_IO, ERR_UNAVAILABLE: refused, but it may come back
                        * after a crash ("unknown"). ERR_CLOSED: refused while stopping. */
    uint64_t first_id; /* of the batch's events when ERR_OK; the others follow without gaps */
    uint64_t last_id;
};
/* Called on the committer thread exactly once per taken batch; must be quick and must not block. */
typedef void spool_done_fn(void *arg, const struct spool_receipt *receipt);

/* Hands a batch with at least one event to the committer, which owns and frees it from then on.
 * Never blocks. On any error the caller keeps the batch and done is not called:
 *   ERR_FULL         size_bytes_max or free_bytes_min reached: answer 503, retry later
 *   ERR_TOPIC_FULL   the topic's own pending events take more than topic_share_percent: likewise,
 *                    other topics go on
 *   ERR_BUSY         queued_bytes_max reached
 *   ERR_UNAVAILABLE  no segment can be written now (disk error); it is being tried again
 *   ERR_CLOSED       stopping */
enum err spool_submit(struct spool *spool, struct spool_batch *batch, spool_done_fn *done,
                      void *done_arg);

/* The answer that spool_submit() would give to a small batch now; also ERR_TIMEOUT while a sync
 * hangs. msg says why. */
enum err spool_accepts(struct spool *spool, struct errmsg *msg);

/* ---- reading --------------------------------------------------------------------------------- */

/* A reading position: everything after some id, in order. One thread at a time per tail. */
struct spool_tail;

/* ERR_NOMEM */
enum err spool_tail_open(struct spool *spool, uint64_t after_id, struct spool_tail **ret_tail);
void spool_tail_close(struct spool_tail *tail);

/* The next run of events; the caller unrefs the chunk. Events that were just committed come from
 * memory, others from disk. Never waits for new events. Unreadable segments are passed over for now
 * and read again later.
 * Errors: ERR_END (no event after the position now), ERR_NOMEM, ERR_UNREADABLE (try again) */
enum err spool_tail_next(struct spool_tail *tail, struct spool_chunk **ret_chunk,
                         struct errmsg *msg);

/* The id up to which every event was returned or is known not to exist; a new tail would continue
 * there. */
uint64_t spool_tail_position(const struct spool_tail *tail);

/* Calls fn after a commit that finds the wake-up armed; that disarms it. fn runs on the committer
 * thread under the spool's lock: it must be quick and not call back into the spool. Arming returns
 * true when the tail has something to read already (and does not arm then). */
void spool_set_wakeup(struct spool *spool, void (*fn)(void *arg), void *arg);
bool spool_tail_arm_wakeup(struct spool_tail *tail);

/* The spool's directory, for files that other modules keep there. Borrowed: good until
 * spool_close(). */
int spool_folder_fd(const struct spool *spool);

/* ---- what is done ---------------------------------------------------------------------------- */

/* Events of one topic that became done since the last spool_advance(). */
struct spool_outcome {
    struct bytes topic;
    uint64_t delivered;
    uint64_t dead_lettered;
};

/* The cursors as they were when the spool was opened. The arrays live until the first
 * spool_advance(). */
const struct spool_cursor_state *spool_cursor_at_open(const struct spool *spool);

/* Takes over a new state of the cursors: every event up to done_id is done, except those of the
 * lanes, which have ids of their own; outcomes hold what this adds to the totals. Copies
 * everything, never blocks on the disk: the spool writes the state at most every cursor_interval_ms
 * and then retires the segments that are done. Ids never go back. ERR_NOMEM: nothing was taken. */
enum err spool_advance(struct spool *spool, enum spool_delivery mode, uint64_t done_id,
                       const struct spool_lane_cursor *lanes, size_t lane_count,
                       const struct spool_outcome *outcomes, size_t outcome_count);

/* The nonce of a segment that lies on the disk; 0 when its header is damaged. Reads a little from
 * disk; any thread.
 * Errors: ERR_NOT_FOUND (no such segment here), ERR_UNREADABLE, ERR_NOMEM */
enum err spool_segment_nonce(struct spool *spool, uint64_t segment_id, uint64_t *ret_nonce);
/* Did this spool make the segment with that id and nonce, rather than a spool that this one is a
 * copy of? True when the segment lies on the disk, perhaps damaged (without its header the id must
 * do), or when it vanished and a link or the cursors name it. Reads a little from disk; any thread.
 * Errors: ERR_UNAVAILABLE (the vanished segments are not known yet: ask again), ERR_UNREADABLE,
 * ERR_NOMEM */
enum err spool_had_segment(struct spool *spool, uint64_t segment_id, uint64_t nonce,
                           bool *ret_ours);
/* The lowest id of a segment on the disk, parked ones and the live one included; UINT64_MAX: no
 * segment. ERR_UNREADABLE, ERR_NOMEM */
enum err spool_oldest_segment(struct spool *spool, uint64_t *ret_segment_id);

/* ---- the books and what else people look at -------------------------------------------------- */

/* Events since the spool was made: accepted = delivered + pending + dead_lettered + lost once
 * counting is false. */
struct spool_books {
    uint64_t accepted;
    uint64_t delivered;
    uint64_t pending;
    uint64_t dead_lettered;
    uint64_t lost;
};

struct spool_topic_books {
    char topic[SPOOL_TOPIC_SIZE_MAX + 1];
    struct spool_books books;
    uint64_t pending_bytes; /* of its pending events, about; right once counting is false */
    bool refused;           /* new events of the topic are refused: it takes more than its share of
                             * the spool */
};

struct spool_stats {
    struct spool_books books;
    bool counting;          /* events that an earlier run left are still being counted */
    uint64_t used_bytes;    /* of all files below the path */
    uint64_t free_bytes;    /* of the filesystem */
    uint64_t segment_count; /* on disk, the live one included */
    uint64_t live_segment_id;
    uint64_t last_event_id;   /* last accepted; 0: none in this run */
    uint64_t queued_bytes;    /* taken, not yet synced */
    uint64_t window_bytes;    /* kept in memory for the bridge */
    uint64_t commits;         /* synced writes in this run */
    uint64_t committed_bytes; /* of frames, in this run */
    uint64_t commit_failures;
    uint64_t segments_abandoned; /* ended by a write error */
    uint64_t cursor_writes;
    enum spool_delivery cursor_mode; /* of the cursors as they stand on the disk; 0: none there */
    int64_t commit_ms_last;          /* how long the last synced write took */
    int64_t commit_running_ms;       /* how long the one that runs now has taken; 0: none runs */
    uint64_t commit_us_sum;          /* of all synced writes */
    int64_t sync_us_histogram[16];   /* count of commits that took < 2^(i+6) us; the last holds the
                                      * rest */
    uint64_t damaged_segments;       /* found so far, in this run */
    uint64_t backlog_segments;       /* left by earlier runs, not yet read to their ends */
    uint64_t unread_segments;        /* unreadable now: put aside, pending, tried again */
    uint64_t quarantine_segments;    /* segments with a loss report */
    uint64_t quarantine_bytes;       /* of damaged segments that are kept */
    uint64_t dead_letters;           /* events in dead-letter/ */
    uint64_t dead_letter_bytes;      /* of the frames in dead-letter/ */
    bool dead_letters_full;          /* an event had no room in dead-letter/, and its topic waits */
    uint64_t parked_segments;        /* segments with only their pending events left, in parked/ */
    uint64_t parked_events;          /* events that were put into parked/ */
    uint64_t parked_bytes;           /* of the frames in parked/, once counting is false */
};

void spool_stats_get(struct spool *spool, struct spool_stats *ret_stats); /* on any thread */
/* Per topic, in no order; *ret_topics is malloc'ed. ERR_NOMEM */
enum err spool_topic_books_get(struct spool *spool, struct spool_topic_books **ret_topics,
                               size_t *ret_count);

#endif
