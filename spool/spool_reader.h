/* SPDX-License-Identifier: MIT
 * spool_reader.h - the one verifying reader of a segment: live, sealed, left by a crash, or
 * damaged.
 *
 * It reads LevelDB's log files (and raw .ldb files and what else lies there) with pread, never
 * through LevelDB: leveldb_open would rewrite the evidence. Whatever the bytes are, it returns only
 * frames whose checksum verifies, each event index at most once; on an undamaged segment in index
 * order (on others: spool_order.h). Memory is bounded by a few MiB and the largest frame, whatever
 * the segment's size. One thread at a time per reader. */
#ifndef PENSTOCK_SPOOL_READER_H
#define PENSTOCK_SPOOL_READER_H

#include "base/err.h"
#include "spool/spool_chunk.h"
#include "spool/spool_ranges.h"
#include "spool/spool_records.h"

#define SPOOL_READ_TO_END UINT64_MAX

struct spool_reader;

struct spool_reader_options {
    int parent_fd;        /* directory that holds the segment's directory; borrowed until open
                           * returns */
    const char *name;     /* of the segment's directory below parent_fd */
    uint64_t segment_id;  /* frames of other segments are not its events (stale or misplaced
                           * blocks) */
    uint64_t seed;        /* the spool's; the segment's own header wins when it verifies */
    uint32_t first_index; /* events below it are verified and counted, but not returned */
    uint32_t below_index; /* likewise events at or beyond it; 0: no such bound */
    uint32_t count_limit; /* frames at or beyond it were moved on or refused: ignored;
                           * SPOOL_COUNT_UNKNOWN: none */
    bool parked;          /* it lies in parked/: what is left of a segment, see spool_parked.h */
};

/* What was found out about a segment; complete once spool_reader_next() has said ERR_END with
 * SPOOL_READ_TO_END. */
struct spool_findings {
    bool header_found; /* without a header nothing was ever written in it, or it is damaged */
    struct spool_segment_header header;
    bool sealed; /* the seal frame was found: sealed_count is what it must hold */
    uint32_t sealed_count;
    uint64_t event_count;                /* distinct intact events found (below count_limit) */
    uint32_t highest_index;              /* of the events found */
    uint32_t acknowledged_below;         /* highest first index of a batch: all below it was
                                          * acknowledged */
    struct spool_ranges lost;            /* acknowledged, but not found */
    struct spool_ranges uncertain;       /* not found, in the last batch of an unsealed segment */
    uint64_t damaged_bytes;              /* bytes read that belong to no intact record */
    int64_t first_time_ms, last_time_ms; /* span of the events found; 0 without any */
    bool any_batch;                      /* a link or a seal was found */
    bool empty;                          /* a header and nothing else: no damage */
    bool parked_unknown;                 /* parked, and nothing tells any more which events lay
                                          * there */
    bool damaged;                        /* anything that a clean stop or a torn tail cannot
                                          * explain, or any loss */
};

/* Is there something that people should hear of? An uncertain gap is named although a crash may
 * explain it: nobody can tell. */
static inline bool spool_findings_tell(const struct spool_findings *findings)
{
    return findings->damaged || findings->lost.total > 0 || findings->uncertain.total > 0;
}

/* Opens the segment's directory. A missing or empty directory, missing or garbage files are
 * findings, no errors.
 * Errors:
 *   ERR_UNREADABLE  EIO, EACCES, EMFILE, ENFILE, ENOMEM: not lost, try again later
 *   ERR_NOMEM */
enum err spool_reader_open(const struct spool_reader_options *options,
                           struct spool_reader **ret_reader, struct errmsg *msg);

/* Returns the next run of events (at least one) in a chunk that the caller unrefs. log_bytes bounds
 * how far the log may be read: the live segment's size after its last good write, else
 * SPOOL_READ_TO_END.
 * Errors:
 *   ERR_END         nothing more below log_bytes; with a larger bound there may be more
 *   ERR_UNREADABLE  as above; the position is kept and the call can be repeated
 *   ERR_NOMEM       likewise */
enum err spool_reader_next(struct spool_reader *reader, uint64_t log_bytes,
                           struct spool_chunk **ret_chunk, struct errmsg *msg);

/* Indexes from first_index up to below that were not found so far; the caller frees them. Cheap
 * while there are none. ERR_NOMEM */
enum err spool_reader_missing(const struct spool_reader *reader, uint32_t below,
                              struct spool_ranges *ret_missing);

/* Was all that was read so far intact, and without a gap? */
bool spool_reader_is_whole(const struct spool_reader *reader);

/* Valid until the reader is closed; see struct spool_findings for when it is complete. */
const struct spool_findings *spool_reader_findings(const struct spool_reader *reader);

void spool_reader_close(struct spool_reader *reader); /* NULL is fine */

/* Reads only both ends of a segment: header and links from its first batch, seal from its last.
 * Costs about 100 KiB of reading whatever the size. Absent parts are not errors. Errors: as
 * spool_reader_open(). */
struct spool_ends {
    bool header_found;
    struct spool_segment_header header;
    struct spool_link links[64]; /* the newest when there are more */
    size_t link_count;
    struct buf link_frame; /* the whole link frame when link_count > 0 */
    bool sealed;
    struct buf seal_frame; /* the whole seal frame when sealed; spool_ends_free() frees it */
    uint64_t log_bytes;    /* size of its log files */
};
enum err spool_reader_ends(const struct spool_reader_options *options, struct spool_ends *ret_ends,
                           struct errmsg *msg);
void spool_ends_free(struct spool_ends *ends);

#endif
