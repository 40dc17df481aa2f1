/* SPDX-License-Identifier: MIT
 * leveldb_log.c - LevelDB's log format, read so that damage costs as little as possible. */
#include "spool/read/leveldb_log.h"

#include "base/codec.h"
#include "base/crc32c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_SIZE = SPOOL_LEVELDB_LOG_BLOCK_SIZE,
    HEADER_SIZE = 7, /* log_format.h, kHeaderSize */
    TYPE_FULL = 1,
    TYPE_FIRST = 2,
    TYPE_MIDDLE = 3,
    TYPE_LAST = 4,
    FRAGMENT_MAX = BLOCK_SIZE, /* header and payload */
    WINDOW_SIZE = 16 * BLOCK_SIZE,
    CREDIT_PER_BYTE = 256, /* random bytes take 130: one byte in 64 may be a type, and half of the
                            * lengths fit */
    CREDIT_MAX = 64 << 20,
    CHEAP_SIZE = 512,  /* checked even without credit */
    SECTOR_SIZE = 512, /* a disk writes it whole or not at all */
    LONG_STEP = 512,   /* over zeros */
};

#define CRC_MASK_DELTA 0xa282ead8u /* util/crc32c.h, kMaskDelta */

enum err spool_leveldb_log_init(struct spool_leveldb_log *log, int fd, uint64_t position)
{
    *log = (struct spool_leveldb_log){.fd = fd,
                                      .position = position,
                                      .window_start = position,
                                      .window = malloc(WINDOW_SIZE),
                                      .anchored = true,
                                      .credit = CREDIT_MAX};
    return log->window == NULL ? ERR_NOMEM : ERR_OK;
}

void spool_leveldb_log_done(struct spool_leveldb_log *log)
{
    free(log->window);
    *log = (struct spool_leveldb_log){0};
}

/* ---- the window ------------------------------------------------------------------------------ */

/* Moves the window so that it begins at the position, and fills it up to end. A read error counts
 * only when it keeps the first `need` bytes away, so that bytes before a bad sector are still
 * read. */
static enum err slide(struct spool_leveldb_log *log, size_t need, uint64_t end)
{
    size_t keep = (size_t)(log->window_start + log->window_size - log->position);
    if (keep > 0)
        memmove(log->window, log->window + (log->position - log->window_start), keep);
    log->window_start = log->position;
    log->window_size = keep;
    log->short_end = 0;
    while (log->window_size < WINDOW_SIZE) {
        uint64_t at = log->window_start + log->window_size;
        uint64_t want = WINDOW_SIZE - log->window_size;
        if (at >= end)
            break;
        if (want > end - at)
            want = end - at;
        ssize_t n = pread(log->fd, log->window + log->window_size, (size_t)want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && log->window_size < need)
            return ERR_UNREADABLE;
        if (n == 0)
            log->short_end = end;
        if (n <= 0)
            break;
        log->window_size += (size_t)n;
    }
    return ERR_OK;
}

/* A view from the log's position on: at least `need` bytes, unless the file or `end` is reached
 * first. */
static enum err view(struct spool_leveldb_log *log, size_t need, uint64_t end,
                     struct bytes *ret_view)
{
    uint64_t window_end = log->window_start + log->window_size;
    bool ends_here = window_end >= end || log->short_end == end;
    if (log->position + need > window_end && !ends_here) {
        enum err rc = slide(log, need, end);
        if (rc != ERR_OK)
            return rc;
        window_end = log->window_start + log->window_size;
    }
    if (window_end > end)
        window_end = end;
    size_t size = log->position < window_end ? (size_t)(window_end - log->position) : 0;
    *ret_view = bytes_of(log->window + (log->position - log->window_start), size);
    if (size == 0)
        log->short_end = 0; /* the file may have grown by the next call */
    return ERR_OK;
}

static void advance(struct spool_leveldb_log *log, size_t size)
{
    log->position += size;
    uint64_t credit = log->credit + (uint64_t)size * CREDIT_PER_BYTE;
    log->credit = credit < CREDIT_MAX ? credit : CREDIT_MAX;
}

/* ---- fragments ------------------------------------------------------------------------------- */

/* Size of header and payload together, if a header could stand there; 0 when not. */
static size_t claimed_size(const uint8_t *p, size_t available)
{
    if (available < HEADER_SIZE || p[6] < TYPE_FULL || p[6] > TYPE_LAST)
        return 0;
    size_t size = HEADER_SIZE + (size_t)codec_get_u16(p + 4);
    return size <= FRAGMENT_MAX ? size : 0;
}

/* Size of the intact fragment at p, or 0. Bytes that a client chose can look like a great many long
 * fragments, so checksums that don't verify are paid for with credit from the bytes read. sure: a
 * fragment must stand there, check it whatever the credit. */
static size_t intact_size(struct spool_leveldb_log *log, const uint8_t *p, size_t available,
                          bool sure)
{
    size_t size = claimed_size(p, available);
    if (size == 0 || size > available || (!sure && size > CHEAP_SIZE && size > log->credit))
        return 0;
    uint32_t unmasked = codec_get_u32(p) - CRC_MASK_DELTA;
    uint32_t stored = (unmasked >> 17) | (unmasked << 15);
    if (crc32c(p + 6, size - 6) == stored)
        return size;
    log->credit -= size < log->credit ? size : log->credit;
    return 0;
}

static size_t left_in_block(const struct spool_leveldb_log *log)
{
    return BLOCK_SIZE - (size_t)((log->position + BLOCK_SIZE - log->grid) % BLOCK_SIZE);
}

/* Number of zero bytes that fill the end of a block, if the bytes after them make sense; 0 when
 * not. */
static size_t filler_size(struct spool_leveldb_log *log, struct bytes view)
{
    size_t to_boundary = left_in_block(log), zeros = 0;
    while (zeros < view.size && zeros < HEADER_SIZE - 1 && view.data[zeros] == 0)
        zeros++;
    if (to_boundary < HEADER_SIZE && zeros >= to_boundary)
        return to_boundary;
    /* With blocks shifted against the grid, the filler ends where a header verifies. */
    for (size_t size = 1; size <= zeros; size++)
        if (intact_size(log, view.data + size, view.size - size, false) > 0)
            return size;
    return 0;
}

/* Distance to the next header, if one verifies where the length at p says; 0 when not. */
static size_t believable_size(struct spool_leveldb_log *log, struct bytes view)
{
    size_t size = claimed_size(view.data, view.size), in_block = left_in_block(log);
    if (size == 0 || size > in_block)
        return 0;
    if (in_block - size < HEADER_SIZE)
        size = in_block;
    return size <= view.size && intact_size(log, view.data + size, view.size - size, false) > 0
               ? size
               : 0;
}

static bool is_zeros(const uint8_t *p, size_t size)
{
    return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* Number of zeros at p, counted in long steps: perhaps not all of them. */
static size_t zeros_at(const uint8_t *p, size_t size)
{
    size_t zeros = 0;
    for (size_t step = LONG_STEP; step >= 8; step /= 8)
        while (zeros + step <= size && is_zeros(p + zeros, step))
            zeros += step;
    return zeros;
}

/* Distance to the next intact header, the next block, or the end of the file. As a header's type is
 * never zero, reserved room is passed over in long steps. */
static size_t distance_to_header(struct spool_leveldb_log *log, struct bytes view)
{
    size_t in_block = left_in_block(log), limit = view.size < in_block ? view.size : in_block;
    for (size_t at = 1; at < limit; at++) {
        if (view.size - at >= HEADER_SIZE && view.data[at + HEADER_SIZE - 1] == 0)
            at += zeros_at(view.data + at + HEADER_SIZE - 1, view.size - at - HEADER_SIZE + 1);
        if (at < limit && intact_size(log, view.data + at, view.size - at, false) > 0)
            return at;
    }
    return limit;
}

/* Are there zeros from a header's place to the end of its sector? Then a crash kept that sector of
 * a write from the disk. */
static bool is_unwritten(const struct spool_leveldb_log *log, const uint8_t *p, size_t size)
{
    size_t in_sector = SECTOR_SIZE - log->position % SECTOR_SIZE;
    return is_zeros(p, in_sector < size ? in_sector : size);
}

/* Takes a damaged stretch. The bytes at the place of a header are left out: in between they would
 * cut a frame in two. */
static struct spool_leveldb_log_piece take_damaged(struct spool_leveldb_log *log, struct bytes view)
{
    bool at_header = log->anchored;
    size_t size = at_header ? believable_size(log, view) : 0;
    log->anchored = size > 0;
    log->may_go_on = false;
    if (size == 0)
        size = distance_to_header(log, view);
    size_t skip = !at_header ? 0 : size < HEADER_SIZE ? size : HEADER_SIZE;
    bool unwritten = skip > 0 && is_unwritten(log, view.data, skip);
    advance(log, size);
    return (struct spool_leveldb_log_piece){.bytes = bytes_of(view.data + skip, size - skip),
                                            .file_bytes = (uint32_t)size,
                                            .zeros = is_zeros(view.data, size),
                                            .unwritten = unwritten};
}

static struct spool_leveldb_log_piece take_intact(struct spool_leveldb_log *log, const uint8_t *p,
                                                  size_t size)
{
    uint8_t type = p[6];
    bool starts = type == TYPE_FULL || type == TYPE_FIRST,
         goes_on = type == TYPE_FIRST || type == TYPE_MIDDLE;
    /* A MIDDLE or LAST fragment directly after a FIRST or MIDDLE one must start a block: realign
     * the grid here. */
    if (log->may_go_on && !starts) {
        log->grid = (uint32_t)(log->position % BLOCK_SIZE);
        log->anchored = true;
    }
    log->may_go_on = goes_on;
    size_t skip = log->anchored ? HEADER_SIZE : 0;
    advance(log, size);
    return (struct spool_leveldb_log_piece){.bytes = bytes_of(p + skip, size - skip),
                                            .file_bytes = (uint32_t)size,
                                            .intact = true,
                                            .starts_record = starts,
                                            .breaks = starts && log->anchored};
}

static enum err at_end(struct spool_leveldb_log *log, uint64_t end)
{
    /* A bound lies between two records. */
    if (log->position == end)
        log->anchored = true;
    return ERR_END;
}

enum err spool_leveldb_log_next(struct spool_leveldb_log *log, uint64_t end,
                                struct spool_leveldb_log_piece *ret_piece)
{
    for (;;) {
        struct bytes bytes;
        enum err rc = view(log, FRAGMENT_MAX + HEADER_SIZE, end, &bytes);
        if (rc != ERR_OK || bytes.size == 0)
            return rc == ERR_OK ? at_end(log, end) : rc;
        bool at_block = left_in_block(log) == BLOCK_SIZE;
        log->anchored = log->anchored || at_block;
        size_t size = intact_size(log, bytes.data, bytes.size, at_block);
        if (size > 0) {
            *ret_piece = take_intact(log, bytes.data, size);
            return ERR_OK;
        }
        if (log->anchored && (size = filler_size(log, bytes)) > 0) {
            advance(log, size);
            continue;
        }
        if ((rc = view(log, 2 * FRAGMENT_MAX, end, &bytes)) != ERR_OK)
            return rc;
        *ret_piece = take_damaged(log, bytes);
        return ERR_OK;
    }
}

enum err spool_leveldb_log_next_raw(struct spool_leveldb_log *log,
                                    struct spool_leveldb_log_piece *ret_piece)
{
    struct bytes bytes;
    enum err rc = view(log, 1, UINT64_MAX, &bytes);
    if (rc != ERR_OK || bytes.size == 0)
        return rc == ERR_OK ? ERR_END : rc;
    *ret_piece =
        (struct spool_leveldb_log_piece){.bytes = bytes, .file_bytes = (uint32_t)bytes.size};
    advance(log, bytes.size);
    return ERR_OK;
}
