/* SPDX-License-Identifier: MIT
 * reader.c - reads the files of a segment: logs as logs, and other files as bytes when events are
 * missing. */
#include "spool/read/reader.h"

#include "spool/read/collector.h"
#include "spool/read/frame_scan.h"
#include "spool/read/leveldb_log.h"
#include "spool/read/segment_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct spool_reader {
    char name[64]; /* for messages */
    uint64_t segment_id;
    int dir_fd; /* -1: no such directory */
    struct spool_segment_files files;
    bool files_listed;
    size_t file; /* being read */
    int fd;      /* of that file; -1: not open */
    struct spool_leveldb_log log;
    struct spool_frame_scan scan;
    struct spool_collector sieve;
    bool must_rewind; /* memory was out in the middle of a piece */
    bool ended;
};

/* ---- files ----------------------------------------------------------------------------------- */

static enum err open_file(struct spool_reader *reader, struct errmsg *msg)
{
    int fd;
    enum err rc =
        spool_segment_files_open(reader->dir_fd, reader->files.names[reader->file], &fd, msg);
    if (rc != ERR_OK)
        return rc;
    if (reader->file == 0 && reader->files.log_count > 0)
        rc = spool_segment_files_seed(fd, reader->segment_id, &reader->scan.seed, msg);
    if (rc == ERR_OK)
        rc = spool_leveldb_log_init(&reader->log, fd, 0);
    if (rc != ERR_OK) {
        close(fd);
        return rc == ERR_NOMEM ? errmsg_set(msg, rc, "out of memory") : rc;
    }
    reader->fd = fd;
    return ERR_OK;
}

static void close_file(struct spool_reader *reader)
{
    if (reader->fd < 0)
        return;
    spool_leveldb_log_done(&reader->log);
    close(reader->fd);
    reader->fd = -1;
}

/* Starts at the first file again; events already seen are not handed out twice. */
static void rewind_files(struct spool_reader *reader)
{
    close_file(reader);
    reader->file = 0;
    reader->must_rewind = false;
    spool_frame_scan_reset(&reader->scan);
    spool_collector_rewind(&reader->sieve);
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum err next_piece(struct spool_reader *reader, uint64_t log_bytes,
                           struct spool_leveldb_log_piece *ret_piece, struct errmsg *msg)
{
    const char *name = reader->files.names[reader->file];
    enum err rc = spool_segment_files_is_log(name)
                      ? spool_leveldb_log_next(&reader->log, log_bytes, ret_piece)
                      : spool_leveldb_log_next_raw(&reader->log, ret_piece);
    if (rc != ERR_UNREADABLE)
        return rc;
    int error = errno;
    return errmsg_set(msg, spool_segment_files_err(error), "read '%s': %s", name, strerror(error));
}

static enum err take_piece(struct spool_reader *reader, const struct spool_leveldb_log_piece *piece)
{
    bool own_log = reader->file < reader->files.log_count;
    uint64_t found_before = reader->sieve.findings.event_count;
    if (piece->starts_record)
        spool_collector_record(&reader->sieve);
    enum err rc = piece->breaks ? spool_frame_scan_break(&reader->scan) : ERR_OK;
    if (rc == ERR_OK)
        rc = spool_frame_scan_feed(&reader->scan, piece->bytes, !piece->intact || !own_log);
    if (own_log && piece->zeros)
        spool_collector_zeros(&reader->sieve, piece->file_bytes);
    else if (own_log && !piece->intact)
        spool_collector_damage(&reader->sieve, piece->file_bytes, piece->unwritten);
    if (!own_log && reader->sieve.findings.event_count > found_before)
        reader->sieve.findings.damaged = true; /* a healthy segment has events only in its logs */
    return rc;
}

/* Ends a file or, with a bound, the reading: a record never continues past the end of its file, nor
 * past log_bytes. */
static enum err end_file(struct spool_reader *reader, bool bounded)
{
    enum err rc = spool_frame_scan_break(&reader->scan);
    if (rc == ERR_OK && !bounded) {
        close_file(reader);
        reader->file++;
    }
    return rc == ERR_OK && bounded ? ERR_END : rc;
}

/* Takes the next piece of the file, or goes to the next file. ERR_END: all bytes below log_bytes
 * were read. */
static enum err step(struct spool_reader *reader, uint64_t log_bytes, struct errmsg *msg)
{
    bool own_log = reader->file < reader->files.log_count, bounded = log_bytes != SPOOL_READ_TO_END;
    if (reader->file == reader->files.count ||
        (!own_log && (bounded || spool_collector_complete(&reader->sieve))))
        return ERR_END;
    struct spool_leveldb_log_piece piece;
    enum err rc = reader->fd < 0 ? open_file(reader, msg) : ERR_OK;
    if (rc == ERR_OK)
        rc = next_piece(reader, own_log ? log_bytes : SPOOL_READ_TO_END, &piece, msg);
    if (rc == ERR_OK)
        rc = take_piece(reader, &piece);
    else if (rc == ERR_END)
        rc = end_file(reader, bounded);
    return rc;
}

static enum err start(struct spool_reader *reader, struct errmsg *msg)
{
    if (reader->must_rewind)
        rewind_files(reader);
    if (reader->files_listed || reader->dir_fd < 0)
        return ERR_OK;
    enum err rc = spool_segment_files_list(reader->dir_fd, &reader->files, msg);
    reader->files_listed = rc == ERR_OK;
    return rc;
}

enum err spool_reader_next(struct spool_reader *reader, uint64_t log_bytes,
                           struct spool_chunk **ret_chunk, struct errmsg *msg)
{
    struct spool_chunk *chunk = spool_collector_take(&reader->sieve, reader->ended);
    enum err rc = chunk != NULL ? ERR_OK : reader->ended ? ERR_END : start(reader, msg);
    while (rc == ERR_OK && chunk == NULL) {
        rc = step(reader, log_bytes, msg);
        reader->must_rewind |= rc == ERR_NOMEM;
        if (rc == ERR_END && log_bytes == SPOOL_READ_TO_END) {
            enum err concluded = spool_collector_conclude(&reader->sieve);
            reader->ended = concluded == ERR_OK;
            rc = concluded == ERR_OK ? ERR_END : concluded;
        }
        chunk = spool_collector_take(&reader->sieve, rc != ERR_OK);
    }
    if (chunk == NULL) {
        if (rc != ERR_END)
            errmsg_wrap(msg, "segment '%s'", reader->name);
        return rc;
    }
    *ret_chunk = chunk;
    return ERR_OK;
}

static enum err open_reader(const struct spool_reader_options *options,
                            struct spool_reader **ret_reader, struct errmsg *msg)
{
    int dir_fd = -1;
    enum err rc = spool_segment_files_open_dir(options->parent_fd, options->name, &dir_fd, msg);
    struct spool_reader *reader = rc == ERR_OK || rc == ERR_END ? calloc(1, sizeof *reader) : NULL;
    if (reader == NULL) {
        if (dir_fd >= 0)
            close(dir_fd);
        return rc == ERR_UNREADABLE ? rc : errmsg_set(msg, ERR_NOMEM, "out of memory");
    }
    snprintf(reader->name, sizeof reader->name, "%s", options->name);
    reader->segment_id = options->segment_id;
    reader->dir_fd = dir_fd;
    reader->fd = -1;
    reader->sieve.first_index = options->first_index;
    reader->sieve.below_index = options->below_index;
    reader->sieve.count_limit = options->count_limit;
    reader->sieve.parked = options->parked;
    spool_frame_scan_init(&reader->scan, options->segment_id, options->seed, spool_collector_frame,
                          &reader->sieve);
    *ret_reader = reader;
    return ERR_OK;
}

/* Finds which events lie in a parked segment, before the first is handed out: the list at its start
 * may be damaged, and the one at its end is then needed. */
static enum err find_indexes(const struct spool_reader_options *options,
                             struct spool_collector *sieve, struct errmsg *msg)
{
    struct spool_reader_options all = *options;
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    all.first_index = UINT32_MAX; /* no event is handed out */
    all.below_index = 0;
    enum err rc = open_reader(&all, &reader, msg);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK)
        spool_chunk_unref(chunk);
    if (rc == ERR_END) {
        sieve->parked_known = reader->sieve.parked_known;
        sieve->indexes = reader->sieve.indexes;
        reader->sieve.indexes = (struct spool_ranges){0};
        rc = ERR_OK;
    }
    spool_reader_close(reader);
    return rc;
}

enum err spool_reader_open(const struct spool_reader_options *options,
                           struct spool_reader **ret_reader, struct errmsg *msg)
{
    struct spool_reader *reader = NULL;
    enum err rc = open_reader(options, &reader, msg);
    if (rc == ERR_OK && options->parked)
        rc = find_indexes(options, &reader->sieve, msg);
    if (rc != ERR_OK) {
        spool_reader_close(reader);
        return rc;
    }
    *ret_reader = reader;
    return ERR_OK;
}

enum err spool_reader_missing(const struct spool_reader *reader, uint32_t below,
                              struct spool_ranges *ret_missing)
{
    const struct spool_index_set *seen = &reader->sieve.seen;
    *ret_missing = (struct spool_ranges){0};
    if (seen->count > 0 && seen->count == (uint64_t)seen->highest + 1 && below <= seen->highest + 1)
        return ERR_OK;
    return spool_collector_missing(&reader->sieve, reader->sieve.first_index, below, ret_missing);
}

bool spool_reader_is_whole(const struct spool_reader *reader)
{
    const struct spool_index_set *seen = &reader->sieve.seen;
    return reader->sieve.findings.damaged_bytes == 0 &&
           (seen->count == 0 || seen->count == (uint64_t)seen->highest + 1);
}

const struct spool_findings *spool_reader_findings(const struct spool_reader *reader)
{
    return &reader->sieve.findings;
}

void spool_reader_close(struct spool_reader *reader)
{
    if (reader == NULL)
        return;
    close_file(reader);
    if (reader->dir_fd >= 0)
        close(reader->dir_fd);
    spool_segment_files_free(&reader->files);
    spool_frame_scan_done(&reader->scan);
    spool_collector_done(&reader->sieve);
    free(reader);
}
