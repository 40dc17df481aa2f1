/* SPDX-License-Identifier: MIT
 * kept_files.h - the files of quarantined segments: listing, measuring, removing them. Any
 * thread; nothing is shared. */
#ifndef PENSTOCK_SPOOL_QUARANTINE_KEPT_FILES_H
#define PENSTOCK_SPOOL_QUARANTINE_KEPT_FILES_H

#include "spool/format/loss_report.h"

/* Fills the report's files: all files in the segment's directory but the report itself. With
 * checksums it reads them all.
 * Errors: ERR_UNREADABLE, ERR_NOMEM */
enum err spool_kept_files_list(int dir_fd, bool checksums, struct spool_loss_report *report,
                               struct errmsg *msg);

bool spool_kept_files_has_report(int quarantine_fd, uint64_t segment_id);

struct spool_kept_files_sums {
    uint64_t report_count; /* segments in quarantine */
    uint64_t kept_bytes;   /* on disk, of all kept files */
    uint64_t oldest_id;    /* of the segments with kept files and a report; 0: no such segment */
    int64_t oldest_ms;     /* when that segment's report was written, by the wall clock */
};
enum err spool_kept_files_measure(int quarantine_fd,
                                  /* ERR_UNREADABLE, ERR_NOMEM */
                                  struct spool_kept_files_sums *ret_sums);

/* Removes a segment's files; its report stays and says so. Errors: as spool_err_of_errno() */
enum err spool_kept_files_remove(int quarantine_fd, uint64_t segment_id, struct errmsg *msg);

#endif
