/* SPDX-License-Identifier: MIT
 * segment_ends.h - both ends of a segment without reading what lies between. Any thread. */
#ifndef PENSTOCK_SPOOL_READ_SEGMENT_ENDS_H
#define PENSTOCK_SPOOL_READ_SEGMENT_ENDS_H

#include "base/buf.h"
#include "spool/read/reader.h"

/* Reads only both ends of a segment: header and links from its first batch, seal from its last.
 * Costs about 100 KiB of reading whatever the size. Missing parts are no errors. Errors: as
 * spool_reader_open(). */
struct spool_segment_ends {
    bool header_found;
    struct spool_segment_header header;
    struct spool_link links[64]; /* the newest when there are more */
    size_t link_count;
    struct buf link_frame; /* the whole link frame when link_count > 0 */
    bool sealed;
    struct buf
        seal_frame;     /* the whole seal frame when sealed; spool_segment_ends_free() frees it */
    uint64_t log_bytes; /* size of its log files */
};
enum err spool_segment_ends_read(const struct spool_reader_options *options,
                                 struct spool_segment_ends *ret_ends, struct errmsg *msg);
void spool_segment_ends_free(struct spool_segment_ends *ends);

#endif
