/* SPDX-License-Identifier: MIT
 * loss_report.h - what is missing from a segment, for people and programs:
 * quarantine/<id>/loss-report.json.
 *
 * Pure. The format is in docs/spool-format.md; numbers that may be above 2^53 are strings in it. */
#ifndef PENSTOCK_SPOOL_FORMAT_LOSS_REPORT_H
#define PENSTOCK_SPOOL_FORMAT_LOSS_REPORT_H

#include "base/buf.h"
#include "spool/format/ranges.h"

#define SPOOL_LOSS_REPORT_NAME       "loss-report.json"
#define SPOOL_LOSS_REPORT_RANGES_MAX 10000 /* of ids that are listed; the sums are always whole */

struct spool_loss_file {
    char *name; /* below the segment's directory; owned by the report */
    uint64_t bytes;
    uint64_t xxh3; /* of its content; see has_xxh3 */
    bool has_xxh3; /* false: it could not be read to its end */
};

struct spool_loss_report {
    bool vanished; /* the whole segment is gone */
    uint64_t segment_id;
    int64_t written_ms;
    int64_t first_time_ms, last_time_ms; /* of the events found; 0 without any */
    bool count_known;                    /* false: vanished, with an unknown number of events */
    uint64_t recovered;                  /* found intact, and delivered from there */
    uint64_t delivered_before;           /* done before the damage was found */
    struct spool_ranges lost;            /* acknowledged, not done, not found; owned */
    uint64_t lost_unnamed;               /* further lost events, of a parked segment whose list of
                                          * events is damaged */
    struct spool_ranges uncertain;       /* in the last batch, which may never have been
                                          * acknowledged; owned */
    uint64_t damaged_bytes;
    struct spool_loss_file *files;
    size_t file_count;
    bool evidence_removed; /* the damaged files were removed to make room */
};

/* Appends the report as JSON; false: memory is out. spool_uuid: 16 bytes */
bool spool_loss_report_render(const struct spool_loss_report *report, const uint8_t *spool_uuid,
                              struct buf *out);

/* frees the report and all it owns; NULL is fine */
void spool_loss_report_free(struct spool_loss_report *report);

/* The answer of a loss report's text (docs/spool-format.md) about an id. Pure. */
enum spool_loss_word { SPOOL_LOSS_NOT_NAMED, SPOOL_LOSS_NAMED, SPOOL_LOSS_CANT_TELL };
enum spool_loss_word spool_loss_text_about(const char *report, uint64_t event_id);

#endif
