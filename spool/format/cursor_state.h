/* SPDX-License-Identifier: MIT
 * cursor_state.h - what the file `cursors` says: what is done, the totals of it, the highest
 * segment id in use; and pure questions about it. */
#ifndef PENSTOCK_SPOOL_FORMAT_CURSOR_STATE_H
#define PENSTOCK_SPOOL_FORMAT_CURSOR_STATE_H

#include "spool/format/id.h"

#include <stdbool.h>
#include <stddef.h>

/* On disk: do not change these values. */
enum spool_delivery { SPOOL_AT_LEAST_ONCE = 1, SPOOL_EXACTLY_ONCE = 2 };

/* ranges in the file; what is beyond counts as delivered after a crash in just that moment */
#define SPOOL_MISSED_MAX 4096
/* a run without events links to nothing: those of some such runs in a row are still named */
#define SPOOL_NEWEST_SEGMENTS 16

/* A topic whose cursor is behind the common one. */
struct spool_lane_cursor {
    char *topic; /* NUL-terminated, owned by the state */
    uint64_t done_id;
};

/* Totals since the spool was made, of what lies at or below the cursors. */
struct spool_topic_totals {
    char *topic; /* owned by the state */
    uint64_t delivered;
    uint64_t dead_lettered;
    uint64_t lost;
};

/* A segment that could not be read and was put aside: pending from that index on, whatever the
 * cursors say. */
struct spool_unread_segment {
    uint64_t segment_id;
    uint32_t from_index;
};

/* Events of a damaged segment that the cursor has passed and that were not there: not delivered,
 * and not yet among the lost. */
struct spool_missed_range {
    uint64_t segment_id;
    uint32_t first, last;
};

/* Segments that are done but for lanes that are behind, and that don't lie in segments/ any more
 * (docs/spool-format.md §6). */
struct spool_parked_item {
    uint64_t first, last; /* ids of segments; of ids between them there is none, or its segment is
                           * done, too */
    bool parked;          /* first == last, and parked/ has what is pending in it; else there is
                           * nothing */
    uint32_t event_count; /* then: so many events */
};

#define SPOOL_PARKED_UNKNOWN UINT32_MAX /* events in one that the cursors don't name */
/* items in the file; beyond it nothing is parked, and segments stay */
#define SPOOL_PARKED_MAX 8192

struct spool_cursor_state {
    enum spool_delivery mode; /* which mode wrote it */
    uint64_t segment_id_max;  /* the highest id that was ever given out */
    uint64_t newest_segments
        [SPOOL_NEWEST_SEGMENTS]; /* that were made, and may hold events although nothing links to
                                  * them yet; 0: none */
    uint64_t done_id;            /* every event up to it is done, but for the lanes below */
    struct spool_missed_range *missed;
    size_t missed_count;
    struct spool_unread_segment *unread;
    size_t unread_count;
    struct spool_lane_cursor *lanes;
    size_t lane_count;
    struct spool_topic_totals *topics;
    size_t topic_count;
    uint64_t lost_unknown_topic;      /* lost events whose topic nobody knows */
    struct spool_parked_item *parked; /* ascending */
    size_t parked_count;
};

/* frees what it owns, not the struct */
void spool_cursor_state_free(struct spool_cursor_state *state);

/* What a state of the cursors says of a parked segment; NULL: nothing. Pure. */
const struct spool_parked_item *spool_cursor_state_parked(const struct spool_cursor_state *state,
                                                          uint64_t segment_id);

/* Events of a segment below this index are done, in every lane; SPOOL_INDEX_MAX: all. Pure. */
uint32_t spool_cursor_state_done_below(const struct spool_cursor_state *state, uint64_t segment_id);

#endif
