/* SPDX-License-Identifier: MIT
 * loss_report.c - a loss report as JSON. */
#include "spool/format/loss_report.h"

#include "base/random.h"
#include "spool/format/id.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_ranges(struct buf *out, const char *name, uint64_t segment_id,
                       const struct spool_ranges *ranges, uint64_t unnamed)
{
    buf_printf(out, ",\n \"events_%s\":%" PRIu64 ",\"%s\":[", name, ranges->total + unnamed, name);
    for (size_t i = 0; i < ranges->count && i < SPOOL_LOSS_REPORT_RANGES_MAX; i++)
        buf_printf(out, "%s{\"first\":\"%" PRIu64 "\",\"last\":\"%" PRIu64 "\"}", i == 0 ? "" : ",",
                   spool_id_of(segment_id, ranges->items[i].first),
                   spool_id_of(segment_id, ranges->items[i].last));
    buf_append_char(out, ']');
}

static void put_files(struct buf *out, const struct spool_loss_report *report)
{
    buf_append_string(out, ",\n \"files\":[");
    for (size_t i = 0; i < report->file_count; i++) {
        const struct spool_loss_file *file = &report->files[i];
        buf_append_string(out, i == 0 ? "\n  {\"name\":" : ",\n  {\"name\":");
        buf_append_json_string(out, file->name, strlen(file->name));
        buf_printf(out, ",\"bytes\":%" PRIu64 ",\"xxh3\":", file->bytes);
        if (file->has_xxh3)
            buf_printf(out, "\"%016" PRIx64 "\"}", file->xxh3);
        else
            buf_append_string(out, "null}");
    }
    buf_append_char(out, ']');
}

bool spool_loss_report_render(const struct spool_loss_report *report, const uint8_t *spool_uuid,
                              struct buf *out)
{
    char uuid[UUID_TEXT_SIZE];
    uuid_format(spool_uuid, uuid);
    bool truncated = report->lost.count > SPOOL_LOSS_REPORT_RANGES_MAX ||
                     report->uncertain.count > SPOOL_LOSS_REPORT_RANGES_MAX;
    buf_printf(out,
               "{\"version\":1,\"kind\":\"%s\",\"spool_id\":\"%s\",\"segment\":\"%" PRIu64
               "\",\"written_ms\":%" PRId64,
               report->vanished ? "vanished" : "damaged", uuid, report->segment_id,
               report->written_ms);
    buf_printf(out, ",\n \"first_time_ms\":%" PRId64 ",\"last_time_ms\":%" PRId64,
               report->first_time_ms, report->last_time_ms);
    buf_printf(out,
               ",\n \"count_known\":%s,\"events_recovered\":%" PRIu64
               ",\"events_delivered_before\":%" PRIu64,
               report->count_known ? "true" : "false", report->recovered, report->delivered_before);
    put_ranges(out, "lost", report->segment_id, &report->lost, report->lost_unnamed);
    put_ranges(out, "uncertain", report->segment_id, &report->uncertain, 0);
    if (report->lost_unnamed > 0)
        buf_printf(out, ",\n \"events_lost_unnamed\":%" PRIu64, report->lost_unnamed);
    buf_printf(out, ",\"lost_ids_truncated\":%s,\n \"bytes_unreadable\":%" PRIu64,
               truncated ? "true" : "false", report->damaged_bytes);
    put_files(out, report);
    buf_printf(out, ",\n \"evidence\":\"%s\"}\n",
               report->evidence_removed || report->vanished ? "removed" : "kept");
    return !out->failed;
}

void spool_loss_report_free(struct spool_loss_report *report)
{
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->file_count; i++)
        free(report->files[i].name);
    free(report->files);
    spool_ranges_free(&report->lost);
    spool_ranges_free(&report->uncertain);
    free(report);
}
