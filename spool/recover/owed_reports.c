/* SPDX-License-Identifier: MIT
 * owed_reports.c - the loss reports that an earlier run owed. */
#include "spool/recover/owed_reports.h"

#include "spool/format/loss_report.h"
#include "spool/home/internal.h"
#include "spool/read/reader.h"
#include "spool/recover/losses.h"

#include <stdlib.h>

/* The missing ranges of a segment, from the cursors at open. *ret_known: they name the segment,
 * perhaps with no lost event, and had room for all ranges. */
static enum err ranges_at_open(const struct spool *spool, uint64_t segment_id,
                               struct spool_ranges *ret_ranges, bool *ret_known)
{
    struct spool_ranges ranges = {0};
    enum err rc = ERR_OK;
    *ret_known = false;
    for (size_t i = 0; rc == ERR_OK && i < spool->at_open.missed_count; i++) {
        const struct spool_missed_range *missed = &spool->at_open.missed[i];
        if (missed->segment_id != segment_id)
            continue;
        *ret_known =
            spool->at_open.missed_count < SPOOL_MISSED_MAX; /* with a full list some ranges may be
                                                             * missing */
        if (missed->first <= missed->last)
            rc = spool_ranges_append(&ranges, missed->first, missed->last);
    }
    if (rc != ERR_OK)
        spool_ranges_free(&ranges);
    *ret_ranges = ranges;
    return rc;
}

struct spool_loss_report *spool_owed_report(const struct spool *spool, uint64_t segment_id,
                                            const struct spool_findings *findings)
{
    struct spool_ranges missed;
    bool known;
    if (ranges_at_open(spool, segment_id, &missed, &known) != ERR_OK)
        return NULL;
    struct spool_loss_report *report =
        findings->damaged || known ? spool_losses_report(spool, segment_id, findings, 0) : NULL;
    if (report == NULL || !known) { /* without ranges every missing event may be lost */
        spool_ranges_free(&missed);
        return report;
    }
    spool_ranges_free(&report->lost);
    enum err rc = spool_ranges_minus(&missed, &findings->uncertain, &report->lost);
    spool_ranges_free(&missed);
    if (rc == ERR_OK)
        return report;
    spool_loss_report_free(report);
    return NULL;
}

struct spool_loss_report *spool_owed_vanished_report(const struct spool *spool, uint64_t segment_id)
{
    struct spool_ranges missed;
    bool known;
    if (ranges_at_open(spool, segment_id, &missed, &known) != ERR_OK)
        return NULL;
    struct spool_loss_report *report = missed.count > 0 ? calloc(1, sizeof *report) : NULL;
    if (report == NULL) {
        spool_ranges_free(&missed);
        return NULL;
    }
    report->vanished = true;
    report->segment_id = segment_id;
    report->delivered_before = missed.items[0].first;
    report->count_known = missed.items[missed.count - 1].last != SPOOL_INDEX_MAX;
    if (report->count_known)
        report->lost = missed;
    else
        spool_ranges_free(&missed);
    return report;
}
