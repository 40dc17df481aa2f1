/* SPDX-License-Identifier: MIT
 * losses.h - what a reader found out about an old segment becomes losses in the books, and a
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

/* Lost events of a parked segment of which nothing tells any more which they were: the cursors tell
 * how many lay there. */
uint64_t spool_losses_unnamed(struct spool *spool, uint64_t segment_id,
                              const struct spool_findings *findings);

/* Takes over what a reader that began at first_index found out about a segment: losses, and what to
 * report of it.
 * Errors: ERR_UNREADABLE, ERR_NOMEM: nothing was done, try again */
enum err spool_losses_note(struct spool *spool, uint64_t segment_id, uint32_t first_index,
                           const struct spool_findings *findings);

/* What of that is to be reported, events below done_below having been done before; NULL: memory is
 * out. */
struct spool_loss_report *spool_losses_report(const struct spool *spool, uint64_t segment_id,
                                              const struct spool_findings *findings,
                                              uint32_t done_below);

#endif
