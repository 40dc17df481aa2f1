/* SPDX-License-Identifier: MIT
 * cursor_state.h - the content of the file `cursors`: how far events are done, the totals, the
 * highest segment id in use; and pure questions about it. */
#ifndef PENSTOCK_SPOOL_FORMAT_CURSOR_STATE_H
#define PENSTOCK_SPOOL_FORMAT_CURSOR_STATE_H

#include "spool/format/id.h"

#include <stdbool.h>
#include <stddef.h>

/* On disk: do not change these values. */
enum spool_delivery { SPOOL_AT_LEAST_ONCE = 1, SPOOL_EXACTLY_ONCE = 2 };

/* ranges in the file; a crash in just that moment counts the events of further ones as delivered */
#define SPOOL_MISSED_MAX 4096
/* segments named in the file: a run without events writes no link, so the segments of some such
 * runs in a row are named here */
#define SPOOL_NEWEST_SEGMENTS 16

/* A topic whose cursor is lower than the common one. */
struct spool_lane_cursor {
    char *topic; /* NUL-terminated, owned by the state */
    uint64_t done_id;
};

/* Totals since the spool was made, of the events at or below the cursors. */
struct spool_topic_totals {
    char *topic; /* owned by the state */
    uint64_t delivered;
    uint64_t dead_lettered;
    uint64_t lost;
};

/* A segment that was unreadable and was put aside: its events from that index on are pending,
 * although the cursors are past them. */
struct spool_unread_segment {
    uint64_t segment_id;
    uint32_t from_index;
};

/* Events that were missing in a damaged segment when the cursor passed them: they are not
 * delivered, and not yet counted as lost. */
struct spool_missed_range {
    uint64_t segment_id;
    uint32_t first, last;
};

/* Segments that are done except for lagging topics, and no longer lie in segments/
 * (docs/spool-format.md §6). */
struct spool_parked_item {
    uint64_t first, last; /* segment ids; between them lies no segment, or only done ones */
    bool parked;          /* first == last, and parked/ holds its pending events; false: no event is
                           * left */
    uint32_t event_count; /* number of events in parked/ */
};

#define SPOOL_PARKED_UNKNOWN UINT32_MAX /* the number, when the cursors don't tell it */
/* items in the file; with more no segment is parked */
#define SPOOL_PARKED_MAX 8192

struct spool_cursor_state {
    enum spool_delivery mode; /* the delivery mode that wrote the file */
    uint64_t segment_id_max;  /* the highest id that was ever given out */
    uint64_t newest_segments
        [SPOOL_NEWEST_SEGMENTS]; /* made last; they may hold events although no link names them yet;
                                  * 0: none */
    uint64_t done_id;            /* the common cursor: events up to this id are done, except those
                                  * of the lanes below */
    struct spool_missed_range *missed;
    size_t missed_count;
    struct spool_unread_segment *unread;
    size_t unread_count;
    struct spool_lane_cursor *lanes;
    size_t lane_count;
    struct spool_topic_totals *topics;
    size_t topic_count;
    uint64_t lost_unknown_topic;      /* lost events of unknown topics */
    struct spool_parked_item *parked; /* ascending */
    size_t parked_count;
};

/* frees the arrays, not the struct */
void spool_cursor_state_free(struct spool_cursor_state *state);

/* The item of a parked segment in the cursors; NULL: they don't name it. Pure. */
const struct spool_parked_item *spool_cursor_state_parked(const struct spool_cursor_state *state,
                                                          uint64_t segment_id);

/* Events of a segment below this index are done, in every lane; SPOOL_INDEX_MAX: all. Pure. */
uint32_t spool_cursor_state_done_below(const struct spool_cursor_state *state, uint64_t segment_id);

#endif
