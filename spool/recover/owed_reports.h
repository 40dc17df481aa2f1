/* SPDX-License-Identifier: MIT
 * owed_reports.h - the loss reports that an earlier run owed, from the ranges in its cursors. */
#ifndef PENSTOCK_SPOOL_RECOVER_OWED_REPORTS_H
#define PENSTOCK_SPOOL_RECOVER_OWED_REPORTS_H

#include <stdint.h>

struct spool;
struct spool_findings;
struct spool_loss_report;

/* The report that an earlier run owed for a segment which its cursors had passed: from the
 * findings, or for a segment that vanished. The caller owns it. NULL: the segment is undamaged (or
 * memory is out, in which case the next start tries again). */
struct spool_loss_report *spool_owed_report(const struct spool *spool, uint64_t segment_id,
                                            const struct spool_findings *findings);
struct spool_loss_report *spool_owed_vanished_report(const struct spool *spool,
                                                     uint64_t segment_id);

#endif
