/* SPDX-License-Identifier: MIT
 * catalog.h - the segments on disk that may hold events, in order, with all that is known about
 * each.
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
    SPOOL_ENTRY_OLD,    /* left by an earlier run; its events are known once it was read */
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
    bool sealed;                              /* closed segments: ended with a seal, so that all
                                               * frames count */
    uint64_t log_bytes;                       /* live segment: size of its log after the last good
                                               * write */
    uint64_t disk_bytes;                      /* the segment's size on disk */
    enum spool_count_state counted;           /* are the segment's events in the books? */
    bool counted_by_seal;                     /* counted by the seal alone */
    bool unread;                              /* unreadable now, and put aside: pending, and passed
                                               * over */
    uint32_t unread_from;                     /* if unread: events below this index were handed
                                               * out */
    int64_t unread_due_ms, unread_backoff_ms; /* when the segment is tried again; monotonic */
    struct spool_ranges missing;              /* indexes that a reader has not found so far;
                                               * owned */
    bool parked;                              /* the pending events lie, and are read, in parked/:
                                               * spool/park/parked.h */
    bool emptied;           /* no event is pending although lanes lag; the segment only waits to be
                             * retired */
    bool original_there;    /* if parked: the original still lies in segments/ */
    uint32_t parked_count;  /* if parked: number of its events, or SPOOL_PARKED_UNKNOWN */
    uint64_t parked_bytes;  /* if parked: of its frames, once known */
    uint32_t park_looks;    /* how often the parker has looked at it */
    int64_t park_due_ms;    /* when the parker may look again; monotonic, 0: not yet seen */
    uint32_t readers;       /* tails that read the segment from disk now; it isn't done before they
                             * know its losses */
    bool read_through;      /* a reader has reached the end */
    uint64_t last_found_id; /* if read_through: the highest event; 0 without any */
    uint64_t lost;          /* if read_through: acknowledged events that are gone */
    struct spool_loss_report *report;      /* if read_through: owned; NULL: no report is due, no
                                            * file is kept */
    struct spool_topic_loss *topic_losses; /* if read_through: the lost events by topic, as far as
                                            * the seal tells; malloc'ed */
    size_t topic_loss_count;
    bool lost_applied;  /* the losses are in the books */
    bool retire_failed; /* the segment is done, but could not be moved away yet */
};

struct spool_catalog {
    struct spool_entry *entries; /* ascending ids */
    size_t count;
    size_t capacity;
};

void spool_catalog_done(struct spool_catalog *catalog);
/* Adds an entry and takes over all that it owns; its id must be new. ERR_NOMEM */
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

/* Is the segment done, when all up to done_id is done except for the lanes? */
bool spool_entry_is_done(const struct spool_entry *entry, uint64_t done_id,
                         const struct spool_lane_cursor *lanes, size_t lane_count);

#endif
