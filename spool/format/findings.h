/* SPDX-License-Identifier: MIT
 * findings.h - the findings of a reader about a segment. Pure. */
#ifndef PENSTOCK_SPOOL_FORMAT_FINDINGS_H
#define PENSTOCK_SPOOL_FORMAT_FINDINGS_H

#include "spool/format/ranges.h"
#include "spool/format/records.h"

/* The findings about a segment; complete once spool_reader_next() has returned ERR_END with
 * SPOOL_READ_TO_END. */
struct spool_findings {
    bool header_found; /* without a header the segment is damaged, or was never written */
    struct spool_segment_header header;
    bool sealed; /* the seal was found: the segment must hold sealed_count events */
    uint32_t sealed_count;
    uint64_t event_count;                /* distinct intact events found (below count_limit) */
    uint32_t highest_index;              /* of the events found */
    uint32_t acknowledged_below;         /* highest first index of a batch: all events below it were
                                          * acknowledged */
    struct spool_ranges lost;            /* acknowledged, but not found */
    struct spool_ranges uncertain;       /* not found, in the last batch of an unsealed segment */
    uint64_t damaged_bytes;              /* bytes read that belong to no intact record */
    int64_t first_time_ms, last_time_ms; /* span of the events found; 0 without any */
    bool any_batch;                      /* a link or a seal was found */
    bool empty;                          /* only a header, and no damage */
    bool parked_unknown;                 /* parked, and the list of its events is damaged */
    bool damaged;                        /* the damage is more than a clean stop or a torn end
                                          * explains, or events are lost */
};

/* Must people be told? Uncertain gaps are named too: a crash may explain them, but that can't be
 * proved. */
static inline bool spool_findings_tell(const struct spool_findings *findings)
{
    return findings->damaged || findings->lost.total > 0 || findings->uncertain.total > 0;
}

#endif
