/* SPDX-License-Identifier: MIT
 * catalog.h - the segments on disk that may hold events, in order, and what is known of each.
 *
 * Not locked: the spool's lock guards it; pointers into it are good only while that is held.
 * Pure. */
#ifndef PENSTOCK_SPOOL_LEDGER_CATALOG_H
#define PENSTOCK_SPOOL_LEDGER_CATALOG_H

#include "base/err.h"
#include "spool/format/cursor_state.h"
#include "spool/format/ranges.h"
#include "spool/format/records.h"

enum spool_entry_state {
    SPOOL_ENTRY_OLD,    /* left by an earlier run: what it holds is known once it was read */
    SPOOL_ENTRY_LIVE,   /* being written */
    SPOOL_ENTRY_CLOSED, /* written by this run, ended */
};

struct spool_loss_report;
struct spool_topic;
struct spool_topic_loss {
    struct spool_topic *topic;
    uint64_t lost;
};

enum spool_count_state { SPOOL_UNCOUNTED, SPOOL_COUNTING, SPOOL_COUNTED };

struct spool_entry {
    uint64_t id;
    enum spool_entry_state state;
    uint32_t event_count;                     /* acknowledged; SPOOL_COUNT_UNKNOWN for old ones */
    bool sealed;                              /* closed: by a good last batch, so that all its
                                               * frames count */
    uint64_t log_bytes;                       /* live: size of its log after the last good write */
    uint64_t disk_bytes;                      /* what it takes */
    enum spool_count_state counted;           /* are its events in the books? */
    bool counted_by_seal;                     /* they are, by the counts in its seal */
    bool unread;                              /* it can't be read now, and was put aside: pending,
                                               * and passed over */
    uint32_t unread_from;                     /* then: what lies below was handed out */
    int64_t unread_due_ms, unread_backoff_ms; /* monotonic: when it is tried again */
    struct spool_ranges missing;              /* what a reader has not found so far; owned */
    bool parked;            /* what is pending in it lies in parked/, and is read there:
                             * spool/park/parked.h */
    bool emptied;           /* nothing is pending in it although lanes are behind it: it only waits
                             * to go */
    bool original_there;    /* parked: the segment itself hasn't left segments/ yet */
    uint32_t parked_count;  /* parked: events that were put there; SPOOL_PARKED_UNKNOWN */
    uint64_t parked_bytes;  /* parked: their frames, once that is known */
    uint32_t park_looks;    /* so often was it looked at, whether it may be parked */
    int64_t park_due_ms;    /* not before this is it looked at, whether it may be parked; monotonic,
                             * 0: not yet seen */
    uint32_t readers;       /* tails that read it from disk now: it isn't done before they know what
                             * is lost */
    bool read_through;      /* a reader has been to its end */
    uint64_t last_found_id; /* then: its highest event; 0 without any */
    uint64_t lost;          /* then: acknowledged events that are gone */
    struct spool_loss_report *report;      /* then: owned; NULL: nothing to report, nothing to
                                            * keep */
    struct spool_topic_loss *topic_losses; /* then: where the lost ones' topics are known, by its
                                            * seal; malloc'ed */
    size_t topic_loss_count;
    bool lost_applied;  /* its losses are in the books */
    bool retire_failed; /* it is done, but could not be moved away yet */
};

struct spool_catalog {
    struct spool_entry *entries; /* ascending ids */
    size_t count;
    size_t capacity;
};

void spool_catalog_done(struct spool_catalog *catalog);
/* Takes what the entry owns; its id isn't there yet. ERR_NOMEM */
enum err spool_catalog_add(struct spool_catalog *catalog, const struct spool_entry *entry);
void spool_entry_free_owned(struct spool_entry *entry);
/* NULL when not there */
struct spool_entry *spool_catalog_find(struct spool_catalog *catalog, uint64_t segment_id);
/* First entry with a higher id, or NULL. */
struct spool_entry *spool_catalog_above(struct spool_catalog *catalog, uint64_t segment_id);
/* First entry that may hold events after position, or NULL. */
struct spool_entry *spool_catalog_next(struct spool_catalog *catalog, uint64_t position);
void spool_catalog_remove(struct spool_catalog *catalog, uint64_t segment_id);

/* May the entry hold events after position? */
bool spool_entry_has_after(const struct spool_entry *entry, uint64_t position);

/* Is everything in the entry done, given that all up to done_id is, but for the lanes? */
bool spool_entry_is_done(const struct spool_entry *entry, uint64_t done_id,
                         const struct spool_lane_cursor *lanes, size_t lane_count);

#endif
