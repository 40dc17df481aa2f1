/* SPDX-License-Identifier: MIT
 * segment_ends.c - both ends of a segment without reading what lies between. */
#include "spool/read/segment_ends.h"

#include "spool/read/frame_scan.h"
#include "spool/read/leveldb_log.h"
#include "spool/read/reader.h"
#include "spool/read/segment_files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 64 << 10, TAIL_BYTES = 64 << 10, TAIL_BYTES_MAX = 1 << 20 };
enum { LINKS_MAX = sizeof((struct spool_segment_ends *)NULL)->links / sizeof(struct spool_link) };

struct search {
    struct spool_frame_scan scan;
    struct spool_segment_ends *ends;
    uint32_t frame_count; /* frames found so far in this part */
};

/* Takes the newest links, which stand last. */
static enum err take_links(const struct spool_frame *frame, struct spool_segment_ends *ends)
{
    int count = spool_links_get(frame, NULL, 0);
    if (count <= 0)
        return ERR_OK;
    struct spool_link *links = malloc((size_t)count * sizeof *links);
    if (links == NULL)
        return ERR_NOMEM;
    spool_links_get(frame, links, (size_t)count);
    size_t kept = (size_t)count < LINKS_MAX ? (size_t)count : LINKS_MAX;
    memcpy(ends->links, links + ((size_t)count - kept), kept * sizeof *links);
    ends->link_count = kept;
    free(links);
    return ERR_OK;
}

static enum err on_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw,
                         bool damaged)
{
    struct search *search = arg;
    struct spool_segment_ends *ends = search->ends;
    (void)damaged;
    search->frame_count++;
    switch (frame->kind) {
    case SPOOL_FRAME_HEADER:
        if (!ends->header_found)
            ends->header_found = spool_header_get(frame, &ends->header);
        return ERR_OK;
    case SPOOL_FRAME_LINK:
        buf_clear(&ends->link_frame);
        return buf_append(&ends->link_frame, raw, frame->size) ? take_links(frame, ends)
                                                               : ERR_NOMEM;
    case SPOOL_FRAME_SEAL:
        buf_clear(&ends->seal_frame);
        ends->sealed = buf_append(&ends->seal_frame, raw, frame->size);
        return ends->sealed ? ERR_OK : ERR_NOMEM;
    case SPOOL_FRAME_EVENT:
    case SPOOL_FRAME_MOVED:
    case SPOOL_FRAME_PARKED: break;
    }
    return ERR_OK;
}

static enum err scan_part(int fd, uint64_t from, uint64_t to, struct search *search)
{
    struct spool_leveldb_log log;
    struct spool_leveldb_log_piece piece;
    search->frame_count = 0;
    enum err rc = spool_leveldb_log_init(&log, fd, from);
    while (rc == ERR_OK && (rc = spool_leveldb_log_next(&log, to, &piece)) == ERR_OK) {
        if (piece.breaks)
            rc = spool_frame_scan_break(&search->scan);
        if (rc == ERR_OK)
            rc = spool_frame_scan_feed(&search->scan, piece.bytes, !piece.intact);
    }
    int error = errno;
    spool_leveldb_log_done(&log);
    if (rc == ERR_UNREADABLE)
        rc = spool_segment_files_err(error);
    return rc == ERR_END ? spool_frame_scan_break(&search->scan) : rc;
}

/* Looks for the seal, the last frame. With many topics it is large, and the first tail may hold
 * only a part of it and so no frame at all: then a longer tail is read. */
static enum err scan_tail(int fd, uint64_t size, struct search *search)
{
    enum err rc = ERR_OK;
    for (uint64_t bytes = TAIL_BYTES; rc == ERR_OK && bytes <= TAIL_BYTES_MAX; bytes *= 4) {
        uint64_t from = size > bytes ? (size - bytes) / SPOOL_LEVELDB_LOG_BLOCK_SIZE *
                                           SPOOL_LEVELDB_LOG_BLOCK_SIZE
                                     : 0;
        rc = scan_part(fd, from, size, search);
        if (from == 0 || search->frame_count > 0)
            break;
    }
    return rc;
}

static enum err read_log(int fd, bool first, bool last, uint64_t segment_id, struct search *search,
                         struct errmsg *msg)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return errmsg_set(msg, ERR_UNREADABLE, "fstat: %s", strerror(errno));
    uint64_t size = (uint64_t)status.st_size;
    search->ends->log_bytes += size;
    enum err rc =
        first ? spool_segment_files_seed(fd, segment_id, &search->scan.seed, msg) : ERR_OK;
    if (rc == ERR_OK && (first || size <= HEAD_BYTES))
        rc = scan_part(fd, 0, size < HEAD_BYTES ? size : HEAD_BYTES, search);
    if (rc == ERR_OK && last && size > HEAD_BYTES)
        rc = scan_tail(fd, size, search);
    return rc;
}

static enum err read_logs(int dir_fd, const struct spool_reader_options *options,
                          struct spool_segment_ends *ends, struct errmsg *msg)
{
    struct spool_segment_files files = {0};
    struct search search = {.ends = ends};
    enum err rc = spool_segment_files_list(dir_fd, &files, msg);
    if (rc != ERR_OK)
        return rc;
    spool_frame_scan_init(&search.scan, options->segment_id, options->seed, on_frame, &search);
    for (size_t i = 0; rc == ERR_OK && i < files.log_count; i++) {
        int fd;
        rc = spool_segment_files_open(dir_fd, files.names[i], &fd, msg);
        if (rc == ERR_OK) {
            rc = read_log(fd, i == 0, i == files.log_count - 1, options->segment_id, &search, msg);
            close(fd);
        } else if (rc == ERR_END) {
            rc = ERR_OK;
        }
    }
    spool_frame_scan_done(&search.scan);
    spool_segment_files_free(&files);
    return rc;
}

enum err spool_segment_ends_read(const struct spool_reader_options *options,
                                 struct spool_segment_ends *ret_ends, struct errmsg *msg)
{
    int dir_fd;
    struct spool_segment_ends ends = {0};
    enum err rc = spool_segment_files_open_dir(options->parent_fd, options->name, &dir_fd, msg);
    if (rc == ERR_OK) {
        rc = read_logs(dir_fd, options, &ends, msg);
        close(dir_fd);
    } else if (rc == ERR_END) {
        rc = ERR_OK;
    }
    if (rc != ERR_OK) {
        spool_segment_ends_free(&ends);
        return errmsg_set(msg, rc, "read both ends of segment '%s': %s", options->name,
                          err_text(rc));
    }
    *ret_ends = ends;
    return ERR_OK;
}

void spool_segment_ends_free(struct spool_segment_ends *ends)
{
    buf_free(&ends->seal_frame);
    buf_free(&ends->link_frame);
    *ends = (struct spool_segment_ends){0};
}
