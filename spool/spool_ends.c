/* SPDX-License-Identifier: MIT
 * spool_ends.c - both ends of a segment without reading what lies between. */
#include "spool/spool_files.h"
#include "spool/spool_log.h"
#include "spool/spool_reader.h"
#include "spool/spool_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 64 << 10, TAIL_BYTES = 64 << 10, TAIL_BYTES_MAX = 1 << 20, BLOCK_SIZE = 32768 };

static enum err on_frame(void *arg, const struct spool_frame *frame, const uint8_t *raw, bool damaged)
{
    struct spool_ends *ends = arg;
    (void)damaged;
    if (frame->kind == SPOOL_FRAME_HEADER && !ends->header_found)
        ends->header_found = spool_header_get(frame, &ends->header);
    if (frame->kind == SPOOL_FRAME_LINK) {
        int count = spool_links_get(frame, ends->links, sizeof ends->links / sizeof ends->links[0]);
        size_t max = sizeof ends->links / sizeof ends->links[0];
        ends->link_count = count < 0 ? 0 : (size_t)count < max ? (size_t)count : max;
    }
    if (frame->kind == SPOOL_FRAME_SEAL) {
        buf_clear(&ends->seal_frame);
        ends->sealed = buf_append(&ends->seal_frame, raw, frame->size);
    }
    return ERR_OK;
}

static enum err scan_part(int fd, uint64_t from, uint64_t to, struct spool_scan *scan)
{
    struct spool_log log;
    struct spool_log_piece piece;
    enum err rc = spool_log_init(&log, fd);
    log.position = from;
    while (rc == ERR_OK && (rc = spool_log_next(&log, to, &piece)) == ERR_OK) {
        if (piece.starts_record)
            rc = spool_scan_break(scan);
        if (rc == ERR_OK)
            rc = spool_scan_feed(scan, piece.bytes, !piece.intact);
    }
    spool_log_done(&log);
    if (rc == ERR_END)
        rc = spool_scan_break(scan);
    return rc;
}

/* The seal may be larger than what is looked at first: with many topics it has many counts. */
static enum err scan_tail(int fd, uint64_t size, struct spool_scan *scan, const struct spool_ends *ends)
{
    enum err rc = ERR_OK;
    for (uint64_t bytes = TAIL_BYTES; rc == ERR_OK && !ends->sealed && bytes <= TAIL_BYTES_MAX; bytes *= 4) {
        uint64_t from = size > bytes ? (size - bytes) / BLOCK_SIZE * BLOCK_SIZE : 0;
        rc = scan_part(fd, from, size, scan);
        if (from == 0)
            break;
    }
    return rc;
}

static void find_seed(int fd, uint64_t segment_id, struct spool_scan *scan)
{
    uint8_t start[512];
    struct spool_segment_header header;
    ssize_t size = pread(fd, start, sizeof start, 0);
    for (ssize_t at = 0; at < size; at++)
        if (spool_header_find(start + at, (size_t)(size - at), &header) && header.segment_id == segment_id) {
            scan->seed = header.seed;
            return;
        }
}

static enum err read_ends(const struct spool_reader_options *options, const struct spool_files *files, struct spool_ends *ends)
{
    struct spool_scan scan;
    spool_scan_init(&scan, options->segment_id, options->seed, on_frame, ends);
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < files->log_count; i++) {
        char path[512];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", options->name, files->names[i]);
        int fd = openat(options->parent_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &status) != 0) {
            rc = fd < 0 && errno == ENOENT ? ERR_OK : ERR_UNREADABLE;
        } else {
            uint64_t size = (uint64_t)status.st_size;
            ends->log_bytes += size;
            if (i == 0) {
                find_seed(fd, options->segment_id, &scan);
                rc = scan_part(fd, 0, size < HEAD_BYTES ? size : HEAD_BYTES, &scan);
            }
            if (rc == ERR_OK && i == files->log_count - 1 && size > HEAD_BYTES)
                rc = scan_tail(fd, size, &scan, ends);
        }
        if (fd >= 0)
            close(fd);
    }
    spool_scan_done(&scan);
    return rc;
}

enum err spool_reader_ends(const struct spool_reader_options *options, struct spool_ends *ret_ends, struct errmsg *msg)
{
    struct spool_files files = {0};
    struct spool_ends ends = {0};
    enum err rc = spool_files_list(options->parent_fd, options->name, &files, msg);
    if (rc == ERR_OK)
        rc = read_ends(options, &files, &ends);
    spool_files_free(&files);
    if (rc != ERR_OK) {
        spool_ends_free(&ends);
        return errmsg_set(msg, rc, "read both ends of segment '%s': %s", options->name, err_text(rc));
    }
    *ret_ends = ends;
    return ERR_OK;
}

void spool_ends_free(struct spool_ends *ends)
{
    buf_free(&ends->seal_frame);
    *ends = (struct spool_ends){0};
}
