/* SPDX-License-Identifier: MIT
 * spool_log.c - LevelDB's log format, read so that damage costs as little as possible. */
#include "spool/spool_log.h"

#include "base/codec.h"
#include "base/crc32c.h"
#include "spool/spool_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BLOCK_SIZE = 32768,      /* log_format.h, kBlockSize */
    HEADER_SIZE = 7,         /* log_format.h, kHeaderSize */
    TYPE_FULL = 1, TYPE_FIRST = 2, TYPE_LAST = 4,
    FRAGMENT_MAX = BLOCK_SIZE, /* header and payload */
    SEARCH_SIZE = 2 * BLOCK_SIZE,
    WINDOW_SIZE = 16 * BLOCK_SIZE,
};

#define CRC_MASK_DELTA 0xa282ead8u /* util/crc32c.h, kMaskDelta */

enum err spool_log_init(struct spool_log *log, int fd)
{
    *log = (struct spool_log){.fd = fd, .window = malloc(WINDOW_SIZE), .window_capacity = WINDOW_SIZE};
    return log->window == NULL ? ERR_NOMEM : ERR_OK;
}

void spool_log_done(struct spool_log *log)
{
    free(log->window);
    *log = (struct spool_log){0};
}

/* ---- the window ---------------------------------------------------------------------------------------------- */

/* Moves the window so that it begins at position, and fills it up to end. */
static enum err slide(struct spool_log *log, uint64_t position, uint64_t end)
{
    uint64_t window_end = log->window_start + log->window_size;
    size_t keep = position < window_end && position >= log->window_start ? (size_t)(window_end - position) : 0;
    if (keep > 0)
        memmove(log->window, log->window + (position - log->window_start), keep);
    log->window_start = position;
    log->window_size = keep;
    while (log->window_size < log->window_capacity) {
        uint64_t at = log->window_start + log->window_size;
        uint64_t want = log->window_capacity - log->window_size;
        if (at >= end)
            break;
        if (want > end - at)
            want = end - at;
        ssize_t n = pread(log->fd, log->window + log->window_size, (size_t)want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_UNREADABLE;
        if (n == 0)
            break;
        log->window_size += (size_t)n;
    }
    return ERR_OK;
}

/* A view from the log's position on: at least `need` bytes, unless the file (or end) comes first. */
static enum err view(struct spool_log *log, size_t need, uint64_t end, struct bytes *ret_view)
{
    uint64_t window_end = log->window_start + log->window_size;
    if (log->position < log->window_start || log->position + need > window_end) {
        enum err rc = window_end >= end && log->position >= log->window_start && log->position <= window_end
                          ? ERR_OK
                          : slide(log, log->position, end);
        if (rc != ERR_OK)
            return rc;
        window_end = log->window_start + log->window_size;
    }
    if (window_end > end)
        window_end = end;
    size_t size = log->position < window_end ? (size_t)(window_end - log->position) : 0;
    *ret_view = bytes_of(log->window + (log->position - log->window_start), size);
    return ERR_OK;
}

/* ---- fragments ------------------------------------------------------------------------------------------------- */

/* Header and payload together, if a header could stand there at all; 0 when not. */
static size_t claimed_size(const uint8_t *p, size_t available)
{
    if (available < HEADER_SIZE || p[6] < TYPE_FULL || p[6] > TYPE_LAST)
        return 0;
    size_t size = HEADER_SIZE + (size_t)codec_get_u16(p + 4);
    return size <= FRAGMENT_MAX ? size : 0;
}

/* Size of the intact fragment at p, or 0. */
static size_t intact_size(const uint8_t *p, size_t available)
{
    size_t size = claimed_size(p, available);
    if (size == 0 || size > available)
        return 0;
    uint32_t unmasked = codec_get_u32(p) - CRC_MASK_DELTA;
    uint32_t stored = (unmasked >> 17) | (unmasked << 15);
    return crc32c(p + 6, size - 6) == stored ? size : 0;
}

static size_t left_in_block(uint64_t position)
{
    return BLOCK_SIZE - (size_t)(position % BLOCK_SIZE);
}

/* Zero bytes that fill the end of a block, if what follows them makes sense; 0 when not. */
static size_t filler_size(const struct spool_log *log, struct bytes view)
{
    size_t to_boundary = left_in_block(log->position), zeros = 0;
    while (zeros < view.size && zeros < HEADER_SIZE - 1 && view.data[zeros] == 0)
        zeros++;
    if (to_boundary < HEADER_SIZE && zeros >= to_boundary)
        return to_boundary;
    /* Shifted against the grid: the filler ends where a header verifies. */
    for (size_t size = 1; size <= zeros; size++)
        if (intact_size(view.data + size, view.size - size) > 0)
            return size;
    return 0;
}

/* Size of a fragment whose checksum fails but whose length is confirmed by what comes behind it; 0 when not. */
static size_t believable_size(const struct spool_log *log, struct bytes view)
{
    size_t size = claimed_size(view.data, view.size), in_block = left_in_block(log->position);
    if (size == 0 || size > view.size || size > in_block)
        return 0;
    if (in_block - size < HEADER_SIZE)
        return size; /* it fills its block */
    return intact_size(view.data + size, view.size - size) > 0 ? size : 0;
}

/* Distance to the next place where a header may be believed, or to the end of what was searched. */
static size_t distance_to_header(struct spool_log *log, struct bytes view)
{
    size_t limit = view.size < SEARCH_SIZE ? view.size : SEARCH_SIZE;
    size_t in_block = left_in_block(log->position);
    for (size_t at = 1; at < limit; at++) {
        /* A block boundary is where headers are: stop there, unless everything is shifted. */
        if (at == in_block && claimed_size(view.data + at, view.size - at) > 0)
            return at;
        if (intact_size(view.data + at, view.size - at) > 0)
            return at;
    }
    log->lost = true;
    return limit;
}

/* Takes a damaged stretch. What stands at the place of a header is left out: it would only cut a frame in two. */
static struct spool_log_piece take_damaged(struct spool_log *log, struct bytes view)
{
    bool at_header = !log->lost;
    log->lost = false;
    size_t size = believable_size(log, view);
    if (size == 0)
        size = distance_to_header(log, view);
    size_t skip = !at_header ? 0 : size < HEADER_SIZE ? size : HEADER_SIZE;
    log->position += size;
    return (struct spool_log_piece){.bytes = bytes_of(view.data + skip, size - skip)};
}

enum err spool_log_next(struct spool_log *log, uint64_t end, struct spool_log_piece *ret_piece)
{
    for (;;) {
        struct bytes bytes;
        enum err rc = view(log, FRAGMENT_MAX + HEADER_SIZE, end, &bytes);
        if (rc != ERR_OK || bytes.size == 0)
            return rc == ERR_OK ? ERR_END : rc;
        size_t size = intact_size(bytes.data, bytes.size);
        if (size > 0) {
            uint8_t type = bytes.data[6];
            *ret_piece = (struct spool_log_piece){.bytes = bytes_of(bytes.data + HEADER_SIZE, size - HEADER_SIZE),
                                                  .intact = true, .starts_record = type == TYPE_FULL || type == TYPE_FIRST};
            log->position += size;
            log->lost = false;
            return ERR_OK;
        }
        if ((size = filler_size(log, bytes)) > 0) {
            log->position += size;
            continue;
        }
        if ((rc = view(log, SEARCH_SIZE + 2 * FRAGMENT_MAX, end, &bytes)) != ERR_OK)
            return rc;
        *ret_piece = take_damaged(log, bytes);
        return ERR_OK;
    }
}

enum err spool_log_next_raw(struct spool_log *log, struct spool_log_piece *ret_piece)
{
    struct bytes bytes;
    enum err rc = view(log, 1, UINT64_MAX, &bytes);
    if (rc != ERR_OK || bytes.size == 0)
        return rc == ERR_OK ? ERR_END : rc;
    *ret_piece = (struct spool_log_piece){.bytes = bytes};
    log->position += bytes.size;
    return ERR_OK;
}
