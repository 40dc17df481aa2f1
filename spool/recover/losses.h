/* SPDX-License-Identifier: MIT
 * losses.h - puts a reader's findings about an old segment into the books as losses, and into a
 * report. Any thread. */
#ifndef PENSTOCK_SPOOL_RECOVER_LOSSES_H
#define PENSTOCK_SPOOL_RECOVER_LOSSES_H

#include "base/err.h"

#include <stdint.h>

struct spool;
struct spool_findings;
struct spool_ranges;

/* Of the events that are gone, those that were not delivered: above the cursor, or passed by it as
 * missing. The latter even when they can be read now: the cursor doesn't go back, so they are told
 * of. When a gap was passed, it was not known yet whether the end of the segment would make it an
 * uncertain one. ERR_NOMEM */
enum err spool_losses_not_delivered(const struct spool *spool, uint64_t segment_id,
                                    const struct spool_findings *findings, uint32_t done_below,
                                    struct spool_ranges *ret_lost,
                                    struct spool_ranges *ret_uncertain);

/* The number of lost events of a parked segment whose list of events is damaged: the cursors tell
 * how many lay there. */
uint64_t spool_losses_unnamed(struct spool *spool, uint64_t segment_id,
                              const struct spool_findings *findings);

/* Takes over the findings of a reader that began at first_index: losses, and a report if one is
 * due.
 * Errors: ERR_UNREADABLE, ERR_NOMEM: unchanged, try again */
enum err spool_losses_note(struct spool *spool, uint64_t segment_id, uint32_t first_index,
                           const struct spool_findings *findings);

/* Makes the report of the findings; events below done_below were done before. NULL: memory is
 * out. */
struct spool_loss_report *spool_losses_report(const struct spool *spool, uint64_t segment_id,
                                              const struct spool_findings *findings,
                                              uint32_t done_below);

#endif
