/* SPDX-License-Identifier: MIT
 * reader.h - the one verifying reader of a segment: live, sealed, left by a crash, or damaged.
 *
 * The reader reads LevelDB's log files (and as raw bytes .ldb and other files) with pread, never
 * through LevelDB: leveldb_open would rewrite the evidence. Whatever the bytes are, it returns only
 * frames whose checksum verifies, each event index at most once; on an undamaged segment in index
 * order (on others: spool/read/ordered.h). Memory is bounded by a few MiB and the largest frame,
 * whatever the segment's size. One thread at a time per reader. */
#ifndef PENSTOCK_SPOOL_READ_READER_H
#define PENSTOCK_SPOOL_READ_READER_H

#include "base/err.h"
#include "spool/format/chunk.h"
#include "spool/format/findings.h"
#include "spool/format/ranges.h"

#define SPOOL_READ_TO_END UINT64_MAX

struct spool_reader;

struct spool_reader_options {
    int parent_fd;        /* directory that holds the segment's directory; borrowed until open
                           * returns */
    const char *name;     /* of the segment's directory below parent_fd */
    uint64_t segment_id;  /* frames of other segments are passed over (stale or misplaced blocks) */
    uint64_t seed;        /* the spool's; the segment's own header wins when it verifies */
    uint32_t first_index; /* events below it are verified and counted, but not returned */
    uint32_t below_index; /* events at or beyond it are not returned either; 0: no such bound */
    uint32_t count_limit; /* frames at or beyond it were moved on or refused: ignored;
                           * SPOOL_COUNT_UNKNOWN: none */
    bool parked;          /* the segment is a parked one, in parked/: see spool/park/parked.h */
};

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
 *   ERR_END         no further event below log_bytes; with a larger bound there may be more
 *   ERR_UNREADABLE  as above; the position is kept and the call can be repeated
 *   ERR_NOMEM       likewise */
enum err spool_reader_next(struct spool_reader *reader, uint64_t log_bytes,
                           struct spool_chunk **ret_chunk, struct errmsg *msg);

/* Indexes from first_index up to below that were not found so far; the caller frees them. Cheap
 * while none is missing. ERR_NOMEM */
enum err spool_reader_missing(const struct spool_reader *reader, uint32_t below,
                              struct spool_ranges *ret_missing);

/* Were all bytes so far intact, and the indexes without a gap? */
bool spool_reader_is_whole(const struct spool_reader *reader);

/* Valid until the reader is closed; see struct spool_findings for when it is complete. */
const struct spool_findings *spool_reader_findings(const struct spool_reader *reader);

void spool_reader_close(struct spool_reader *reader); /* NULL is fine */

#endif
