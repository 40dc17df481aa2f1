/* SPDX-License-Identifier: MIT
 * spool_inspect.h - looking into a spool without touching it: no lock, no write, no LevelDB; an
 * agent may be using it.
 *
 * One thread at a time. Segments that retire meanwhile are passed over. */
#ifndef PENSTOCK_SPOOL_INSPECT_H
#define PENSTOCK_SPOOL_INSPECT_H

#include "base/buf.h"
#include "spool/format/chunk.h"
#include "spool/format/cursor_state.h"
#include "spool/format/findings.h"
#include "spool/format/identity.h"

struct spool_inspect_segment {
    const char *folder; /* "segments", "quarantine", "parked", "dead-letter" */
    uint64_t id;
    uint64_t bytes; /* of its logs */
};

struct spool_inspect {
    int root_fd;
    bool has_identity; /* false: missing or damaged; segments are read by their own headers */
    struct spool_identity identity;
    bool has_cursors;
    struct spool_cursor_state cursors;
    struct spool_inspect_segment *segments; /* by folder, then id */
    size_t segment_count;
    uint64_t bytes; /* of all logs */
};

/* Errors: ERR_NOT_FOUND (no such directory, or neither an identity nor a folder of segments in it),
 * ERR_UNREADABLE, ERR_NOMEM */
enum err spool_inspect_open(const char *path, struct spool_inspect *ret_inspect,
                            struct errmsg *msg);
void spool_inspect_close(struct spool_inspect *inspect);

/* Called for each run of events; false ends the reading. */
typedef bool spool_inspect_fn(void *arg, const struct spool_chunk *chunk);

/* Reads one segment to its end, without the frames that were moved on or refused according to
 * links. fn may be NULL. *ret_findings owns its ranges: end with spool_inspect_findings_free().
 * Errors:
 *   ERR_END         the segment is no longer there (retired meanwhile)
 *   ERR_CLOSED      fn ended the reading; no findings
 *   ERR_UNREADABLE, ERR_NOMEM */
enum err spool_inspect_read(const struct spool_inspect *inspect,
                            const struct spool_inspect_segment *segment, spool_inspect_fn *fn,
                            void *arg, struct spool_findings *ret_findings, struct errmsg *msg);
void spool_inspect_findings_free(struct spool_findings *findings);

/* A vanished segment: gone, although not all of its events were done. */
struct spool_inspect_vanished {
    uint64_t id;
    bool count_known; /* false: the number of its events, if any, is not known */
    uint32_t first;   /* index of the first missing event */
    uint32_t lost;    /* number of missing events from there on; 0 when not known */
    bool parked;      /* the segment was parked: `lost` of its events from `first` on are gone;
                       * their ids are not known */
};
/* Finds all vanished segments; *ret_vanished is malloc'ed, NULL for none. ERR_UNREADABLE,
 * ERR_NOMEM */
enum err spool_inspect_vanished(const struct spool_inspect *inspect,
                                struct spool_inspect_vanished **ret_vanished, size_t *ret_count,
                                struct errmsg *msg);

/* Does the segment lie in quarantine with a loss report? Then its events are not to be delivered
 * any more. */
bool spool_inspect_is_reported(const struct spool_inspect *inspect,
                               const struct spool_inspect_segment *segment);

/* Ids of the segments in a spool's directory quarantine/, ascending; *ret_ids is malloc'ed.
 * ERR_UNREADABLE, ERR_NOMEM */
enum err spool_inspect_reports(int quarantine_fd, uint64_t **ret_ids, size_t *ret_count,
                               struct errmsg *msg);

/* The loss report of one of these segments, as it was written. Errors: ERR_NOT_FOUND (the directory
 * or its report), ERR_UNREADABLE, ERR_TOO_LARGE, ERR_NOMEM */
enum err spool_inspect_report(int quarantine_fd, uint64_t segment_id, struct buf *text,
                              struct errmsg *msg);

#endif
