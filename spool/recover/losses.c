/* SPDX-License-Identifier: MIT
 * losses.c - puts a reader's findings about an old segment into the books as losses, and into a
 * report. */
#include "spool/recover/losses.h"

#include "spool/format/loss_report.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"
#include "spool/recover/whereabouts.h"

#include <inttypes.h>
#include <stdlib.h>

/* The ranges below an index that the cursors at open had passed as missing. */
static enum err passed_as_missing(const struct spool *spool, uint64_t segment_id, uint32_t below,
                                  struct spool_ranges *ret_passed)
{
    const struct spool_cursor_state *at_open = &spool->at_open;
    enum err rc = ERR_OK;
    *ret_passed = (struct spool_ranges){0};
    for (size_t i = 0; rc == ERR_OK && i < at_open->missed_count; i++) {
        const struct spool_missed_range *missed = &at_open->missed[i];
        uint32_t last = missed->last < below ? missed->last : below - 1;
        if (missed->segment_id == segment_id && below > 0 && missed->first <= last)
            rc = spool_ranges_append(ret_passed, missed->first, last);
    }
    if (rc != ERR_OK)
        spool_ranges_free(ret_passed);
    return rc;
}

/* Appends to `below` the ranges at an index and above. ERR_NOMEM: `below` is freed */
static enum err append_from(struct spool_ranges *below, const struct spool_ranges *ranges,
                            uint32_t from)
{
    struct spool_ranges above = {0};
    enum err rc = spool_ranges_from(ranges, from, &above);
    for (size_t i = 0; rc == ERR_OK && i < above.count; i++)
        rc = spool_ranges_append(below, above.items[i].first, above.items[i].last);
    spool_ranges_free(&above);
    if (rc != ERR_OK)
        spool_ranges_free(below);
    return rc;
}

enum err spool_losses_not_delivered(const struct spool *spool, uint64_t segment_id,
                                    const struct spool_findings *findings, uint32_t done_below,
                                    struct spool_ranges *ret_lost,
                                    struct spool_ranges *ret_uncertain)
{
    struct spool_ranges passed, lost = {0}, uncertain = {0};
    enum err rc = passed_as_missing(spool, segment_id, done_below, &passed);
    if (rc == ERR_OK)
        rc = spool_ranges_minus(&passed, &findings->uncertain, &lost);
    if (rc == ERR_OK)
        rc = spool_ranges_and(&passed, &findings->uncertain, &uncertain);
    if (rc == ERR_OK)
        rc = append_from(&lost, &findings->lost, done_below);
    if (rc == ERR_OK)
        rc = append_from(&uncertain, &findings->uncertain, done_below);
    spool_ranges_free(&passed);
    if (rc != ERR_OK) {
        spool_ranges_free(&lost);
        spool_ranges_free(&uncertain);
        return rc;
    }
    *ret_lost = lost;
    *ret_uncertain = uncertain;
    return ERR_OK;
}

uint64_t spool_losses_unnamed(struct spool *spool, uint64_t segment_id,
                              const struct spool_findings *findings)
{
    if (!findings->parked_unknown)
        return 0;
    mutex_lock(&spool->lock);
    const struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    uint64_t count =
        entry == NULL || entry->parked_count == SPOOL_PARKED_UNKNOWN ? 0 : entry->parked_count;
    mutex_unlock(&spool->lock);
    return count > findings->event_count ? count - findings->event_count : 0;
}

/* The topics in a segment's seal with their counts. ERR_OK with 0 of them: it has none. */
static enum err topics_of_seal(struct spool *spool, const struct spool_reader_options *options,
                               struct spool_topic_loss **ret_topics, size_t *ret_count)
{
    struct spool_segment_ends ends = {0};
    struct spool_frame frame;
    struct spool_seal seal;
    struct spool_seal_topic topic;
    enum err rc = spool_segment_ends_read(options, &ends, NULL);
    if (rc != ERR_OK)
        return rc;
    if (ends.sealed &&
        spool_frame_get_trusted(ends.seal_frame.data, ends.seal_frame.size, &frame) &&
        spool_seal_get(&frame, &seal)) {
        struct spool_topic_loss *topics = calloc((size_t)seal.topic_count + 1, sizeof *topics);
        size_t count = 0;
        while (topics != NULL && spool_seal_next(&seal, &topic))
            if (spool_topics_get(&spool->topics, topic.topic, 0, &topics[count].topic) == ERR_OK)
                topics[count++].lost = topic.event_count;
        *ret_topics = topics;
        *ret_count = count;
        rc = topics == NULL ? ERR_NOMEM : ERR_OK;
    }
    spool_segment_ends_free(&ends);
    return rc;
}

/* Counts by topic: the events in the seal, less those found. The caller frees *ret_losses. */
static enum err losses_by_topic(struct spool *spool, uint64_t segment_id,
                                struct spool_topic_loss **ret_losses, size_t *ret_count)
{
    char name[SPOOL_WHEREABOUTS_NAME_SIZE];
    struct spool_reader_options options = spool_whereabouts_reader_options(spool, segment_id, name);
    struct spool_topic_loss *losses = NULL;
    size_t count = 0;
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    enum err rc = topics_of_seal(spool, &options, &losses, &count);
    if (rc == ERR_OK && count > 0)
        rc = spool_reader_open(&options, &reader, NULL);
    while (rc == ERR_OK && count > 0 &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, NULL)) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; spool_chunk_next(chunk, &at, &event);)
            for (size_t i = 0; i < count; i++)
                if (bytes_equal(bytes_of(losses[i].topic->name, losses[i].topic->name_size),
                                event.topic))
                    losses[i].lost -= losses[i].lost > 0;
        spool_chunk_unref(chunk);
    }
    spool_reader_close(reader);
    if (rc != ERR_OK && rc != ERR_END) { /* after half a reading the rest would look lost */
        free(losses);
        return rc;
    }
    *ret_losses = losses;
    *ret_count = count;
    return ERR_OK;
}

/* Of the events found, how many lie below an index? */
static uint64_t found_below(const struct spool_findings *findings, uint32_t below)
{
    if (findings->event_count == 0 || below > findings->highest_index)
        return findings->event_count;
    uint64_t missing = 0;
    const struct spool_ranges *gaps[] = {&findings->lost, &findings->uncertain};
    for (int g = 0; g < 2; g++)
        for (size_t i = 0; i < gaps[g]->count && gaps[g]->items[i].first < below; i++) {
            struct spool_range gap = gaps[g]->items[i];
            missing += (gap.last < below ? gap.last + 1 : below) - gap.first;
        }
    return below - missing;
}

struct spool_loss_report *spool_losses_report(const struct spool *spool, uint64_t segment_id,
                                              const struct spool_findings *findings,
                                              uint32_t done_below)
{
    struct spool_loss_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return NULL;
    uint64_t before = found_below(findings, done_below);
    report->segment_id = segment_id;
    report->first_time_ms = findings->first_time_ms;
    report->last_time_ms = findings->last_time_ms;
    report->count_known = true;
    report->delivered_before = before;
    report->recovered = findings->event_count - before;
    report->damaged_bytes = findings->damaged_bytes;
    if (spool_losses_not_delivered(spool, segment_id, findings, done_below, &report->lost,
                                   &report->uncertain) != ERR_OK) {
        spool_loss_report_free(report);
        return NULL;
    }
    return report;
}

enum err spool_losses_note(struct spool *spool, uint64_t segment_id, uint32_t first_index,
                           const struct spool_findings *findings)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool first_time = entry != NULL && !entry->read_through;
    bool by_seal = first_time && (entry->counted_by_seal || entry->state == SPOOL_ENTRY_CLOSED);
    /* Events below were handed out from memory, or done by an earlier run: they aren't missed. */
    uint32_t done_below = first_time && entry->state == SPOOL_ENTRY_OLD
                              ? spool_cursor_state_done_below(&spool->at_open, segment_id)
                              : first_index;
    mutex_unlock(&spool->lock);
    if (!first_time)
        return ERR_OK;
    struct spool_loss_report *report = spool_losses_report(spool, segment_id, findings, done_below);
    if (report == NULL)
        return ERR_NOMEM;
    report->lost_unnamed = spool_losses_unnamed(spool, segment_id, findings);
    uint64_t lost = report->lost.total + report->lost_unnamed, uncertain = report->uncertain.total;
    bool keep = spool_findings_tell(findings) || lost > 0;
    if (!keep) {
        spool_loss_report_free(report);
        report = NULL;
    }
    struct spool_topic_loss *losses = NULL;
    size_t loss_count = 0;
    enum err rc =
        by_seal && lost > 0 ? losses_by_topic(spool, segment_id, &losses, &loss_count) : ERR_OK;
    if (rc != ERR_OK) {
        spool_loss_report_free(report);
        return rc;
    }

    mutex_lock(&spool->lock);
    entry = spool_catalog_find(&spool->catalog, segment_id);
    if (entry != NULL && !entry->read_through) {
        entry->read_through = true;
        entry->last_found_id =
            findings->event_count == 0 ? 0 : spool_id_of(segment_id, findings->highest_index);
        entry->lost = lost;
        entry->report = report;
        spool_ranges_free(&entry->missing); /* the report has them */
        entry->topic_losses = losses;
        entry->topic_loss_count = loss_count;
        spool->progress.dirty = true;
        losses = NULL;
        report = NULL;
    }
    mutex_unlock(&spool->lock);
    free(losses);
    spool_loss_report_free(report);
    if (keep)
        spool_say(spool, true, "segment_damaged",
                  "segment=%" PRIu64 " events_found=%" PRIu64 " events_lost=%" PRIu64
                  " events_uncertain=%" PRIu64 " damaged_bytes=%" PRIu64
                  " action=delivering_the_rest",
                  segment_id, findings->event_count, lost, uncertain, findings->damaged_bytes);
    return ERR_OK;
}
