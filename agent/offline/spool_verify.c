/* SPDX-License-Identifier: MIT
 * spool_verify.c - `penstock spool verify` and `ls`. */
#include "agent/agent.h"

#include "agent/offline/spool.h"
#include "base/clock.h"
#include "spool/spool_inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROGRESS_MS = 2000, RANGES_SHOWN = 100, READ_AGAIN_MAX = 4, READ_AGAIN_US = 50000 };

struct sums {
    uint64_t segments, damaged, unreadable, events, lost, uncertain, bytes;
    uint64_t reported; /* segments in quarantine: their loss reports tell the rest */
    int64_t start_ms, said_ms;
};

static void say_progress(struct sums *sums, uint64_t bytes_all)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - sums->said_ms < (isatty(STDERR_FILENO) ? PROGRESS_MS / 10 : PROGRESS_MS))
        return;
    sums->said_ms = now_ms;
    double seconds = (double)(now_ms - sums->start_ms) / 1000;
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " MiB, %.0f MB/s, %" PRIu64 " segments damaged\n",
            sums->bytes >> 20, bytes_all >> 20,
            seconds > 0 ? (double)sums->bytes / 1e6 / seconds : 0, sums->damaged);
}

static void print_ranges(const char *what, uint64_t segment_id, const struct spool_ranges *ranges)
{
    if (ranges->total == 0)
        return;
    printf("    %s: %" PRIu64 " event%s:", what, ranges->total, ranges->total == 1 ? "" : "s");
    for (size_t i = 0; i < ranges->count && i < RANGES_SHOWN; i++) {
        struct spool_range range = ranges->items[i];
        printf(range.first == range.last ? " %" PRIu64 : " %" PRIu64 "-%" PRIu64,
               spool_id_of(segment_id, range.first), spool_id_of(segment_id, range.last));
    }
    printf(ranges->count > RANGES_SHOWN ? " …\n" : "\n");
}

static void print_ranges_json(const char *what, uint64_t segment_id,
                              const struct spool_ranges *ranges)
{
    printf(",\"%s\":[", what);
    for (size_t i = 0; i < ranges->count; i++)
        printf("%s{\"first\":\"%" PRIu64 "\",\"last\":\"%" PRIu64 "\"}", i == 0 ? "" : ",",
               spool_id_of(segment_id, ranges->items[i].first),
               spool_id_of(segment_id, ranges->items[i].last));
    printf("]");
}

static void print_damaged(const struct spool_inspect_segment *segment,
                          const struct spool_findings *findings, bool json)
{
    if (json) {
        printf("{\"folder\":\"%s\",\"segment\":\"%" PRIu64 "\",\"events_found\":%" PRIu64
               ",\"events_lost\":%" PRIu64 ",\"events_uncertain\":%" PRIu64
               ",\"damaged_bytes\":%" PRIu64,
               segment->folder, segment->id, findings->event_count, findings->lost.total,
               findings->uncertain.total, findings->damaged_bytes);
        print_ranges_json("lost", segment->id, &findings->lost);
        print_ranges_json("uncertain", segment->id, &findings->uncertain);
        printf("}\n");
        return;
    }
    printf("%s/%" PRIu64 ": damaged: %" PRIu64 " events found, %" PRIu64 " bytes unreadable\n",
           segment->folder, segment->id, findings->event_count, findings->damaged_bytes);
    print_ranges("missing", segment->id, &findings->lost);
    print_ranges("perhaps missing (nothing tells whether they were acknowledged)", segment->id,
                 &findings->uncertain);
}

/* An agent writes the newest segment, and while it turns to the next one perhaps the one before. */
static bool may_be_written(const struct spool_inspect *inspect,
                           const struct spool_inspect_segment *segment)
{
    int newer = 0;
    for (size_t i = 0; i < inspect->segment_count; i++)
        newer += inspect->segments[i].id > segment->id &&
                 strcmp(inspect->segments[i].folder, segment->folder) == 0;
    return newer <= 1;
}

static void verify_segment(const struct spool_inspect *inspect,
                           const struct spool_inspect_segment *segment, bool json,
                           struct sums *sums)
{
    struct spool_findings findings;
    struct errmsg msg = {""};
    sums->bytes += segment->bytes;
    if (spool_inspect_is_reported(inspect, segment)) {
        sums->reported++;
        return;
    }
    enum err rc = spool_inspect_read(inspect, segment, NULL, NULL, &findings, &msg);
    /* Bytes read before and after a write that was under way don't fit together: read again. */
    for (int again = 0; rc == ERR_OK && spool_findings_tell(&findings) && !findings.sealed &&
                        may_be_written(inspect, segment) && again < READ_AGAIN_MAX;
         again++) {
        spool_inspect_findings_free(&findings);
        usleep(READ_AGAIN_US);
        rc = spool_inspect_read(inspect, segment, NULL, NULL, &findings, &msg);
    }
    if (rc == ERR_END)
        return;
    sums->segments++;
    if (rc != ERR_OK) {
        sums->unreadable++;
        fprintf(stderr, "penstock spool verify: %s/%" PRIu64 ": %s\n", segment->folder, segment->id,
                msg.text);
        return;
    }
    sums->events += findings.event_count;
    if (spool_findings_tell(&findings)) {
        sums->damaged++;
        sums->lost += findings.lost.total;
        sums->uncertain += findings.uncertain.total;
        print_damaged(segment, &findings, json);
    }
    spool_inspect_findings_free(&findings);
}

static void print_vanished(const struct spool_inspect_vanished *vanished, bool json)
{
    uint64_t first = spool_id_of(vanished->id, vanished->first);
    struct spool_range range = {vanished->first, vanished->first + vanished->lost - 1};
    struct spool_ranges lost = {&range, vanished->lost > 0, vanished->lost};
    const char *folder = vanished->parked ? "parked" : "segments";
    if (vanished->parked)
        lost = (struct spool_ranges){0};
    if (json) {
        printf("{\"folder\":\"%s\",\"segment\":\"%" PRIu64
               "\",\"vanished\":true,\"count_known\":%s,\"events_found\":0,\"events_lost\":%" PRIu32
               ",\"events_uncertain\":0,\"damaged_bytes\":0",
               folder, vanished->id, vanished->count_known || vanished->parked ? "true" : "false",
               vanished->lost);
        print_ranges_json("lost", vanished->id, &lost);
        printf(",\"uncertain\":[]}\n");
        return;
    }
    printf("%s/%" PRIu64 ": vanished, nothing of it is left\n", folder, vanished->id);
    if (vanished->parked)
        printf("    missing: %" PRIu32 " events from %" PRIu64 " on, nothing tells which\n",
               vanished->lost, first);
    print_ranges("missing", vanished->id, &lost);
    if (!vanished->count_known && !vanished->parked)
        printf("    missing: an unknown number of events from %" PRIu64 " on, perhaps none\n",
               first);
}

static enum err verify_vanished(const struct spool_inspect *inspect, bool json, struct sums *sums,
                                struct errmsg *msg)
{
    struct spool_inspect_vanished *vanished = NULL;
    size_t count = 0;
    enum err rc = spool_inspect_vanished(inspect, &vanished, &count, msg);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        print_vanished(&vanished[i], json);
        sums->damaged++;
        sums->lost += vanished[i].lost;
    }
    free(vanished);
    return rc;
}

int agent_spool_verify(const struct agent_spool_options *options)
{
    struct spool_inspect inspect;
    struct errmsg msg = {""};
    if (spool_inspect_open(options->dir, &inspect, &msg) != ERR_OK) {
        fprintf(stderr, "penstock spool verify: %s\n", msg.text);
        return EXIT_UNREADABLE;
    }
    struct sums sums = {.start_ms = clock_monotonic_ms(), .said_ms = clock_monotonic_ms()};
    if (!inspect.has_identity)
        printf("%s: PENSTOCK (the identity) is missing or damaged; the segments are read by their "
               "own headers\n",
               options->dir);
    for (size_t i = 0; i < inspect.segment_count; i++) {
        verify_segment(&inspect, &inspect.segments[i], options->json, &sums);
        say_progress(&sums, inspect.bytes);
    }
    if (verify_vanished(&inspect, options->json, &sums, &msg) != ERR_OK) {
        sums.unreadable++;
        fprintf(stderr, "penstock spool verify: %s\n", msg.text);
    }
    if (!options->json)
        printf("%s: %s: %" PRIu64 " segments, %" PRIu64 " events, %" PRIu64
               " segments damaged, %" PRIu64 " events missing, %" PRIu64 " uncertain, %" PRIu64
               " segments unreadable\n",
               options->dir, sums.damaged > 0 || !inspect.has_identity ? "damaged" : "intact",
               sums.segments, sums.events, sums.damaged, sums.lost, sums.uncertain,
               sums.unreadable);
    if (!options->json && sums.reported > 0)
        printf("besides, %" PRIu64
               " damaged segments are in quarantine: see penstock quarantine list\n",
               sums.reported);
    bool damaged = sums.damaged > 0 || !inspect.has_identity;
    spool_inspect_close(&inspect);
    return sums.unreadable > 0 ? EXIT_UNREADABLE : damaged ? EXIT_FAILED : EXIT_DONE;
}

static void print_cursors(const struct spool_cursor_state *cursors)
{
    printf("delivered up to %" PRIu64, cursors->done_id);
    for (size_t i = 0; i < cursors->lane_count; i++)
        printf("%s %s up to %" PRIu64, i == 0 ? ", but" : ",", cursors->lanes[i].topic,
               cursors->lanes[i].done_id);
    printf("\n");
    for (size_t i = 0; i < cursors->topic_count; i++)
        printf("  %-40s delivered %" PRIu64 "  dead-lettered %" PRIu64 "  lost %" PRIu64 "\n",
               cursors->topics[i].topic, cursors->topics[i].delivered,
               cursors->topics[i].dead_lettered, cursors->topics[i].lost);
    for (size_t i = 0; i < cursors->unread_count; i++)
        printf("  segment %" PRIu64 " could not be read: pending\n", cursors->unread[i].segment_id);
}

int agent_spool_ls(const struct agent_spool_options *options)
{
    struct spool_inspect inspect;
    struct errmsg msg = {""};
    if (spool_inspect_open(options->dir, &inspect, &msg) != ERR_OK) {
        fprintf(stderr, "penstock spool ls: %s\n", msg.text);
        return EXIT_FAILED;
    }
    if (inspect.has_cursors)
        print_cursors(&inspect.cursors);
    else
        printf("no cursors: nothing says what was delivered\n");
    printf("%-12s %-14s %12s\n", "folder", "segment", "bytes");
    for (size_t i = 0; i < inspect.segment_count; i++)
        printf("%-12s %-14" PRIu64 " %12" PRIu64 "\n", inspect.segments[i].folder,
               inspect.segments[i].id, inspect.segments[i].bytes);
    spool_inspect_close(&inspect);
    return EXIT_DONE;
}
