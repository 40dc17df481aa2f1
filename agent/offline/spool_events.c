/* SPDX-License-Identifier: MIT
 * spool_events.c - `penstock spool peek` and `export`: events as JSON Lines. */
#include "agent/agent.h"

#include "agent/offline/spool.h"
#include "base/base64.h"
#include "spool/spool_inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one event ------------------------------------------------------------------------------- */

/* RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static bool is_utf8(struct bytes text)
{
    for (size_t i = 0; i < text.size;) {
        uint8_t c = text.data[i];
        size_t more = c < 0x80                ? 0
                      : c >= 0xc2 && c < 0xe0 ? 1
                      : (c & 0xf0) == 0xe0    ? 2
                      : c >= 0xf0 && c < 0xf5 ? 3
                                              : 9;
        if (more == 9 || i + more >= text.size)
            return more == 0 && c < 0x80 && i + 1 == text.size;
        for (size_t k = 1; k <= more; k++)
            if ((text.data[i + k] & 0xc0) != 0x80)
                return false;
        uint8_t second = more > 0 ? text.data[i + 1] : 0;
        if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second >= 0xa0) ||
            (c == 0xf0 && second < 0x90) || (c == 0xf4 && second >= 0x90))
            return false;
        i += more + 1;
    }
    return true;
}

static void put_bytes(struct buf *out, const char *before, const char *name, struct bytes bytes)
{
    if (bytes.data == NULL) {
        buf_printf(out, "%s\"%s\":null", before, name);
    } else if (is_utf8(bytes)) {
        buf_printf(out, "%s\"%s\":", before, name);
        buf_append_json_string(out, (const char *)bytes.data, bytes.size);
    } else {
        buf_printf(out, "%s\"%s_base64\":\"", before, name);
        base64_encode(bytes, out);
        buf_append_char(out, '"');
    }
}

static void put_headers(struct buf *out, const struct spool_event *event)
{
    struct bytes rest = event->headers;
    struct spool_header header;
    buf_append_string(out, ",\"headers\":[");
    for (bool first = true; event->header_count > 0 && spool_headers_next(&rest, &header);
         first = false) {
        buf_append_string(out, first ? "{" : ",{");
        put_bytes(out, "", "name", header.name);
        put_bytes(out, ",", "value", header.value);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

void agent_spool_event_json(const struct spool_event *event, struct buf *out)
{
    buf_printf(out,
               "{\"id\":\"%" PRIu64 "\",\"segment\":\"%" PRIu64 "\",\"index\":%" PRIu32
               ",\"time_ms\":%" PRId64,
               event->id, spool_id_segment(event->id), spool_id_index(event->id), event->time_ms);
    if (event->origin_id != 0)
        buf_printf(out, ",\"origin_id\":\"%" PRIu64 "\"", event->origin_id);
    put_bytes(out, ",", "topic", event->topic);
    if (event->partition >= 0)
        buf_printf(out, ",\"partition\":%" PRId32, event->partition);
    put_bytes(out, ",", "key", event->key);
    if (event->header_count > 0)
        put_headers(out, event);
    put_bytes(out, ",", "value", event->value);
    if (event->salvaged)
        buf_append_string(out, ",\"salvaged\":true");
    buf_append_string(out, "}\n");
}

/* ---- which events ---------------------------------------------------------------------------- */

struct writer {
    const struct agent_spool_options *options;
    const struct spool_inspect *inspect;
    FILE *out;
    struct buf line;
    uint64_t count;
    bool failed;
};

static bool is_pending(const struct spool_inspect *inspect, const struct spool_event *event)
{
    const struct spool_cursor_state *cursors = &inspect->cursors;
    for (size_t i = 0; i < cursors->unread_count; i++)
        if (spool_id_segment(event->id) == cursors->unread[i].segment_id)
            return spool_id_index(event->id) >= cursors->unread[i].from_index;
    for (size_t i = 0; i < cursors->lane_count; i++)
        if (bytes_equal(bytes_of_string(cursors->lanes[i].topic), event->topic))
            return event->id > cursors->lanes[i].done_id;
    return event->id > cursors->done_id;
}

static bool is_wanted(const struct writer *writer, const struct spool_event *event)
{
    const struct agent_spool_options *options = writer->options;
    return event->id >= options->from_id && event->id <= options->to_id &&
           event->time_ms >= options->since_ms && event->time_ms <= options->until_ms &&
           (options->topic == NULL || bytes_equal(bytes_of_string(options->topic), event->topic)) &&
           (!options->pending || is_pending(writer->inspect, event));
}

static bool write_chunk(void *arg, const struct spool_chunk *chunk)
{
    struct writer *writer = arg;
    struct spool_event event;
    for (size_t at = 0;
         writer->count < writer->options->count_max && spool_chunk_next(chunk, &at, &event);) {
        if (!is_wanted(writer, &event))
            continue;
        buf_clear(&writer->line);
        agent_spool_event_json(&event, &writer->line);
        writer->failed = writer->line.failed || fwrite(writer->line.data, 1, writer->line.size,
                                                       writer->out) != writer->line.size;
        if (writer->failed)
            return false;
        writer->count++;
    }
    return writer->count < writer->options->count_max;
}

/* Leaves out quarantine, whose events are done; the other folders hold each event once. */
static bool may_hold(const struct agent_spool_options *options,
                     const struct spool_inspect_segment *segment)
{
    return strcmp(segment->folder, "quarantine") != 0 &&
           segment->id >= spool_id_segment(options->from_id) &&
           segment->id <= spool_id_segment(options->to_id);
}

static int write_events(const struct agent_spool_options *options, FILE *out, const char *command)
{
    struct spool_inspect inspect;
    struct errmsg msg = {""};
    enum err rc = spool_inspect_open(options->dir, &inspect, &msg);
    if (rc != ERR_OK) {
        fprintf(stderr, "penstock spool %s: %s\n", command, msg.text);
        return EXIT_FAILED;
    }
    struct writer writer = {.options = options, .inspect = &inspect, .out = out};
    bool unread = false;
    for (size_t i = 0;
         i < inspect.segment_count && !writer.failed && writer.count < options->count_max; i++) {
        struct spool_findings findings;
        if (!may_hold(options, &inspect.segments[i]))
            continue;
        rc = spool_inspect_read(&inspect, &inspect.segments[i], write_chunk, &writer, &findings,
                                &msg);
        if (rc == ERR_OK)
            spool_inspect_findings_free(&findings);
        if (rc == ERR_UNREADABLE || rc == ERR_NOMEM) {
            fprintf(stderr, "penstock spool %s: %s\n", command, msg.text);
            unread = true;
        }
    }
    spool_inspect_close(&inspect);
    buf_free(&writer.line);
    if (writer.failed || fflush(out) != 0) {
        fprintf(stderr, "penstock spool %s: write: %s\n", command, strerror(errno));
        return EXIT_FAILED;
    }
    return unread ? EXIT_FAILED : EXIT_DONE;
}

int agent_spool_peek(const struct agent_spool_options *options)
{
    return write_events(options, stdout, "peek");
}

int agent_spool_export(const struct agent_spool_options *options)
{
    if (options->output == NULL)
        return write_events(options, stdout, "export");
    size_t size = strlen(options->output) + sizeof ".tmp";
    char *temporary = malloc(size);
    if (temporary == NULL)
        return EXIT_FAILED;
    snprintf(temporary, size, "%s.tmp", options->output);
    FILE *out = fopen(temporary, "wx");
    int code = out == NULL ? EXIT_FAILED : write_events(options, out, "export");
    bool synced = out != NULL && fsync(fileno(out)) == 0 && fclose(out) == 0;
    if (code == EXIT_DONE && (!synced || rename(temporary, options->output) != 0))
        code = EXIT_FAILED;
    if (code != EXIT_DONE)
        fprintf(stderr, "penstock spool export: '%s' was not written%s%s\n", options->output,
                out == NULL ? ": " : "", out == NULL ? strerror(errno) : "");
    if (code != EXIT_DONE && out != NULL)
        unlink(temporary);
    free(temporary);
    return code;
}
