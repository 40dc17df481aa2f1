/* SPDX-License-Identifier: MIT
 * spool_cursors.h - the file `cursors`: what is done, the totals of it, the highest segment id in
 * use.
 *
 * Two checksummed slots in one preallocated file, written in turn with pwrite + fdatasync, so that
 * a crash leaves the older one and a disk without a free byte can still be written
 * (docs/spool-format.md §6). One thread at a time. */
#ifndef PENSTOCK_SPOOL_CURSORS_H
#define PENSTOCK_SPOOL_CURSORS_H

#include "base/bytes.h"
#include "base/err.h"
#include "spool/spool_frame.h"

/* room for 1000 topics with the longest names, and more */
#define SPOOL_CURSORS_SLOT_SIZE (512u << 10)

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

struct spool_cursors;

/* Opens the file `cursors` below root_fd. The newest intact slot of this spool is decoded into
 * *ret_state (zeroed when there is none; *ret_found tells). Without a state the first
 * spool_cursors_write() makes the file. One that is damaged or cannot be read is no error: it is
 * put aside as cursors.damaged-<n>, and *ret_found is false; msg then says what was found.
 * ERR_NOMEM */
enum err spool_cursors_open(int root_fd, const uint8_t spool_uuid[16], uint64_t seed,
                            struct spool_cursors **ret_cursors,
                            struct spool_cursor_state *ret_state, bool *ret_found,
                            struct errmsg *msg);

/* Reads only, and makes nothing: *ret_found is false without an intact slot. ERR_NOMEM */
enum err spool_cursors_peek(int root_fd, const uint8_t spool_uuid[16], uint64_t seed,
                            struct spool_cursor_state *ret_state, bool *ret_found,
                            struct errmsg *msg);

/* Makes the file anew so that it holds its state twice: for the spool's id of now, and for the one
 * that it is about to get. *ret_found is false, and nothing is changed, when there is no intact
 * slot for the old one. ERR_IO, ERR_FULL, ERR_NOMEM */
enum err spool_cursors_renew(int root_fd, const uint8_t old_uuid[16], const uint8_t new_uuid[16],
                             uint64_t seed, bool *ret_found, struct errmsg *msg);

/* Writes the state into the older slot and syncs it. After a failure the other slot still holds the
 * state before.
 * Errors: ERR_IO; ERR_TOO_LARGE (more topics than a slot holds); ERR_NOMEM */
enum err spool_cursors_write(struct spool_cursors *cursors, const struct spool_cursor_state *state,
                             struct errmsg *msg);

void spool_cursors_close(struct spool_cursors *cursors);

#endif
