/* SPDX-License-Identifier: MIT
 * spool_reader.c - from the files of a segment to its events, each once, and to what is missing. */
#include "spool/spool_reader.h"

#include "spool/spool_dir.h"
#include "spool/spool_files.h"
#include "spool/spool_log.h"
#include "spool/spool_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CHUNK_TARGET = 256 << 10,
    CHUNK_SLACK = 64 << 10, /* what one piece can add beyond the target */
    READY_MAX = 64,         /* chunks that one piece can fill: a piece is at most some 100 KiB */
};

struct spool_reader {
    struct spool_reader_options options;
    int parent_fd;                  /* of its own */
    char name[64];
    struct spool_files files;
    bool files_listed;
    size_t file;                    /* being read */
    int fd;                         /* of that file; -1: not open */
    struct spool_log log;
    struct spool_scan scan;
    struct spool_index_set seen;
    struct spool_chunk *filling;    /* not yet handed out */
    struct spool_chunk *ready[READY_MAX];
    size_t ready_first, ready_count;
    uint64_t damaged_unconfirmed;   /* damaged bytes that nothing intact has followed yet */
    bool ended;
    struct spool_findings findings;
};

/* ---- frames into chunks ------------------------------------------------------------------------------------------ */

static void finish_filling(struct spool_reader *reader)
{
    if (reader->filling == NULL)
        return;
    if (reader->filling->event_count == 0) {
        spool_chunk_unref(reader->filling);
    } else {
        reader->ready[(reader->ready_first + reader->ready_count++) % READY_MAX] = reader->filling;
    }
    reader->filling = NULL;
}

static enum err keep_event(struct spool_reader *reader, const struct spool_frame *frame, const uint8_t *raw, bool damaged)
{
    struct spool_chunk *chunk = reader->filling;
    if (chunk != NULL && (chunk->salvaged != damaged || frame->size > chunk->capacity - chunk->size))
        finish_filling(reader);
    if (reader->filling == NULL) {
        size_t capacity = CHUNK_TARGET + CHUNK_SLACK;
        reader->filling = spool_chunk_new(frame->size > capacity ? frame->size : capacity);
        if (reader->filling == NULL)
            return ERR_NOMEM;
        reader->filling->salvaged = damaged;
    }
    spool_chunk_append(reader->filling, raw, frame->size);
    spool_chunk_count(reader->filling, frame->id);
    return ERR_OK;
}

static void note_time(struct spool_findings *findings, int64_t time_ms)
{
    if (findings->event_count == 0 || time_ms < findings->first_time_ms)
        findings->first_time_ms = time_ms;
    if (findings->event_count == 0 || time_ms > findings->last_time_ms)
        findings->last_time_ms = time_ms;
}

static enum err on_event(struct spool_reader *reader, const struct spool_frame *frame, const uint8_t *raw, bool damaged)
{
    uint32_t index = spool_id_index(frame->id);
    if (index >= reader->options.count_limit)
        return ERR_OK; /* moved on, or refused */
    if (frame->batch_first > reader->findings.acknowledged_below)
        reader->findings.acknowledged_below = frame->batch_first;
    bool is_new = false;
    enum err rc = spool_index_set_add(&reader->seen, index, &is_new);
    if (rc != ERR_OK || !is_new)
        return rc;
    note_time(&reader->findings, frame->event.time_ms);
    reader->findings.event_count++;
    return index < reader->options.first_index ? ERR_OK : keep_event(reader, frame, raw, damaged);
}

static enum err on_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw, bool damaged)
{
    struct spool_reader *reader = arg;
    struct spool_findings *findings = &reader->findings;
    struct spool_seal seal;
    switch (frame->kind) {
    case SPOOL_FRAME_EVENT:
    case SPOOL_FRAME_MOVED:
        return on_event(reader, frame, raw, damaged);
    case SPOOL_FRAME_HEADER:
        findings->header_found = findings->header_found || spool_header_get(frame, &findings->header);
        return ERR_OK;
    case SPOOL_FRAME_SEAL:
        if (spool_seal_get(frame, &seal) && seal.event_count <= reader->options.count_limit) {
            findings->sealed = true;
            findings->sealed_count = seal.event_count;
        }
        findings->any_batch = true;
        return ERR_OK;
    case SPOOL_FRAME_LINK:
        findings->any_batch = true;
        return ERR_OK;
    }
    return ERR_OK; /* a kind of a later version */
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

/* The segment's own header names the seed it was written with; without one the spool's is right. */
static enum err find_seed(struct spool_reader *reader)
{
    uint8_t start[512];
    ssize_t size = pread(reader->fd, start, sizeof start, 0);
    if (size < 0)
        return spool_err_of_errno(errno) == ERR_UNREADABLE ? ERR_UNREADABLE : ERR_OK;
    struct spool_segment_header header;
    for (ssize_t at = 0; at < size; at++)
        if (spool_header_find(start + at, (size_t)(size - at), &header) && header.segment_id == reader->options.segment_id) {
            reader->scan.seed = header.seed;
            break;
        }
    return ERR_OK;
}

static enum err open_file(struct spool_reader *reader, struct errmsg *msg)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", reader->name, reader->files.names[reader->file]);
    int fd = openat(reader->parent_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        enum err rc = spool_err_of_errno(errno);
        return rc == ERR_UNREADABLE ? errmsg_set(msg, rc, "open '%s': %s", path, strerror(errno)) : ERR_END;
    }
    reader->fd = fd;
    if (reader->file == 0 && reader->files.log_count > 0 && find_seed(reader) != ERR_OK) {
        close(fd);
        reader->fd = -1;
        return errmsg_set(msg, ERR_UNREADABLE, "read '%s': %s", path, strerror(errno));
    }
    if (spool_log_init(&reader->log, fd) != ERR_OK) {
        close(fd);
        reader->fd = -1;
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    }
    return ERR_OK;
}

static void close_file(struct spool_reader *reader)
{
    if (reader->fd < 0)
        return;
    spool_log_done(&reader->log);
    close(reader->fd);
    reader->fd = -1;
}

static bool is_complete(const struct spool_reader *reader)
{
    return reader->findings.sealed && reader->findings.event_count == reader->findings.sealed_count;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static enum err take_log_piece(struct spool_reader *reader, const struct spool_log_piece *piece)
{
    enum err rc = ERR_OK;
    if (piece->starts_record)
        rc = spool_scan_break(&reader->scan);
    uint64_t unframed_before = reader->scan.unframed_bytes;
    if (rc == ERR_OK)
        rc = spool_scan_feed(&reader->scan, piece->bytes, !piece->intact);
    if (piece->intact) {
        reader->findings.damaged_bytes += reader->damaged_unconfirmed;
        reader->findings.damaged = reader->findings.damaged || reader->damaged_unconfirmed > 0;
        reader->damaged_unconfirmed = 0;
    } else {
        reader->damaged_unconfirmed += reader->scan.unframed_bytes - unframed_before + 1; /* its header at least */
    }
    return rc;
}

/* One step: a piece of the file, or the next file. ERR_END: everything below log_bytes was read. */
static enum err step(struct spool_reader *reader, uint64_t log_bytes, struct errmsg *msg)
{
    bool is_log = reader->file < reader->files.log_count;
    if (reader->file == reader->files.count || (!is_log && (is_complete(reader) || log_bytes != SPOOL_READ_TO_END)))
        return ERR_END;
    enum err rc = reader->fd < 0 ? open_file(reader, msg) : ERR_OK;
    struct spool_log_piece piece;
    if (rc == ERR_OK)
        rc = is_log ? spool_log_next(&reader->log, log_bytes, &piece) : spool_log_next_raw(&reader->log, &piece);
    if (rc == ERR_OK && is_log)
        return take_log_piece(reader, &piece);
    if (rc == ERR_OK)
        return spool_scan_feed(&reader->scan, piece.bytes, true);
    if (rc != ERR_END || (is_log && log_bytes != SPOOL_READ_TO_END))
        return rc == ERR_UNREADABLE ? errmsg_set(msg, rc, "read segment '%s': %s", reader->name, strerror(errno)) : rc;
    close_file(reader);
    reader->file++;
    return spool_scan_break(&reader->scan);
}

/* What must be there, what may be: docs/spool-format.md, "What a reader concludes". */
static enum err conclude(struct spool_reader *reader)
{
    struct spool_findings *findings = &reader->findings;
    uint32_t must = findings->acknowledged_below, found = reader->seen.count == 0 ? 0 : reader->seen.highest + 1;
    if (findings->sealed && findings->sealed_count > must)
        must = findings->sealed_count;
    if (reader->options.count_limit != SPOOL_COUNT_UNKNOWN && reader->options.count_limit > must)
        must = reader->options.count_limit;
    findings->highest_index = reader->seen.highest;
    spool_ranges_free(&findings->lost);
    spool_ranges_free(&findings->uncertain);
    enum err rc = spool_index_set_gaps(&reader->seen, 0, must, &findings->lost);
    if (rc == ERR_OK && found > must)
        rc = spool_index_set_gaps(&reader->seen, must, found, &findings->uncertain);
    if (rc != ERR_OK)
        return rc;
    findings->empty = findings->header_found && findings->event_count == 0 && !findings->any_batch && !findings->damaged &&
                      reader->damaged_unconfirmed == 0 && findings->lost.total == 0;
    /* A crash explains a torn end; nothing explains a missing header, or bytes behind the seal. */
    if (findings->lost.total + findings->uncertain.total > 0 || !findings->header_found ||
        (findings->sealed && reader->damaged_unconfirmed > 0))
        findings->damaged = true;
    findings->damaged_bytes += reader->damaged_unconfirmed;
    reader->damaged_unconfirmed = 0;
    reader->ended = true;
    return ERR_OK;
}

enum err spool_reader_next(struct spool_reader *reader, uint64_t log_bytes, struct spool_chunk **ret_chunk, struct errmsg *msg)
{
    enum err rc = ERR_OK;
    if (!reader->files_listed) {
        rc = spool_files_list(reader->parent_fd, reader->name, &reader->files, msg);
        reader->files_listed = rc == ERR_OK;
    }
    while (rc == ERR_OK && reader->ready_count == 0) {
        rc = reader->ended ? ERR_END : step(reader, log_bytes, msg);
        bool full = reader->filling != NULL && reader->filling->size >= CHUNK_TARGET;
        if (full || rc == ERR_END)
            finish_filling(reader);
        if (rc == ERR_END && log_bytes == SPOOL_READ_TO_END && !reader->ended && conclude(reader) != ERR_OK)
            rc = ERR_NOMEM;
    }
    if (reader->ready_count == 0)
        return rc;
    *ret_chunk = reader->ready[reader->ready_first];
    reader->ready_first = (reader->ready_first + 1) % READY_MAX;
    reader->ready_count--;
    return ERR_OK;
}

enum err spool_reader_open(const struct spool_reader_options *options, struct spool_reader **ret_reader, struct errmsg *msg)
{
    struct spool_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    reader->options = *options;
    reader->fd = -1;
    snprintf(reader->name, sizeof reader->name, "%s", options->name);
    reader->parent_fd = fcntl(options->parent_fd, F_DUPFD_CLOEXEC, 0);
    if (reader->parent_fd < 0) {
        free(reader);
        return errmsg_set(msg, ERR_UNREADABLE, "open segment '%s': %s", options->name, strerror(errno));
    }
    spool_scan_init(&reader->scan, options->segment_id, options->seed, on_frame, reader);
    *ret_reader = reader;
    return ERR_OK;
}

const struct spool_findings *spool_reader_findings(const struct spool_reader *reader)
{
    return &reader->findings;
}

void spool_reader_close(struct spool_reader *reader)
{
    if (reader == NULL)
        return;
    close_file(reader);
    close(reader->parent_fd);
    spool_files_free(&reader->files);
    spool_scan_done(&reader->scan);
    spool_index_set_free(&reader->seen);
    spool_chunk_unref(reader->filling);
    while (reader->ready_count > 0) {
        spool_chunk_unref(reader->ready[reader->ready_first]);
        reader->ready_first = (reader->ready_first + 1) % READY_MAX;
        reader->ready_count--;
    }
    spool_ranges_free(&reader->findings.lost);
    spool_ranges_free(&reader->findings.uncertain);
    free(reader);
}
