/* SPDX-License-Identifier: MIT
 * spool_missed.h - losses that the cursors have passed and no loss report tells of yet: a crash
 * must not forget them.
 *
 * They stand in the cursors file as ranges. There each stays from the moment when a cursor passes
 * it until its report is written. */
#ifndef PENSTOCK_SPOOL_MISSED_H
#define PENSTOCK_SPOOL_MISSED_H

#include "spool/spool_cursors.h"
#include "spool/spool_ranges.h"

struct spool;
struct spool_findings;
struct spool_loss_report;

/* Puts the ranges that are to be written now into the state. With the spool's lock held.
 * ERR_NOMEM */
enum err spool_missed_list(struct spool *spool, struct spool_cursor_state *state);

/* The report that an earlier run owed for a segment which its cursors had passed: what was found of
 * it, or of which nothing is left. The caller owns it. NULL: nothing is wrong with the segment (or
 * memory is out, in which case the next start tries again). */
struct spool_loss_report *spool_missed_report(const struct spool *spool, uint64_t segment_id,
                                              const struct spool_findings *findings);
struct spool_loss_report *spool_missed_vanished_report(const struct spool *spool,
                                                       uint64_t segment_id);

#endif
