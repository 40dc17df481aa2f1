/* SPDX-License-Identifier: MIT
 * frame_scan.c - from a stream of bytes to verified frames. */
#include "spool/read/frame_scan.h"

#include "base/codec.h"

/* Limits the work on bytes that only look like frames: a damaged event holds bytes that a client
 * chose, which can look like the heads of a great many long frames. Each byte fed adds credit, each
 * checksum that doesn't verify takes as much as it read; real frames cost nothing. */
#define CREDIT_MAX (4ull << 30)
enum {
    CREDIT_PER_BYTE = 64,
    CHEAP_SIZE = 4096,        /* checked even without credit: most events */
    CARRY_KEPT_MAX = 1 << 20, /* a larger buffer is freed */
};

void spool_frame_scan_init(struct spool_frame_scan *scan, uint64_t segment_id, uint64_t seed,
                           spool_frame_scan_fn *found, void *arg)
{
    *scan = (struct spool_frame_scan){
        .seed = seed, .segment_id = segment_id, .found = found, .arg = arg, .credit = CREDIT_MAX};
}

void spool_frame_scan_done(struct spool_frame_scan *scan)
{
    buf_free(&scan->carry);
}

void spool_frame_scan_reset(struct spool_frame_scan *scan)
{
    scan->carry_start = 0;
    buf_clear(&scan->carry);
    if (scan->carry.capacity > CARRY_KEPT_MAX)
        buf_free(&scan->carry);
}

/* Bytes needed to tell whether a frame of this segment begins here; 0: none begins. */
static size_t claimed_size(const struct spool_frame_scan *scan, const uint8_t *p, size_t available)
{
    size_t compare = available < SPOOL_FRAME_MAGIC_SIZE ? available : SPOOL_FRAME_MAGIC_SIZE;
    if (memcmp(p, SPOOL_FRAME_MAGIC, compare) != 0)
        return 0;
    if (available < SPOOL_FRAME_HEAD_SIZE)
        return SPOOL_FRAME_HEAD_SIZE;
    if (spool_id_segment(codec_get_u64(p + 8)) != scan->segment_id)
        return 0;
    return spool_frame_peek_size(p, available);
}

/* Distance to the next place where a magic begins (perhaps cut by the end); size when there is
 * none. */
static size_t distance_to_magic(const uint8_t *p, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        const uint8_t *hit = memchr(p + at, SPOOL_FRAME_MAGIC[0] & 0xff, size - at);
        if (hit == NULL)
            return size;
        at = (size_t)(hit - p);
        size_t compare = size - at < SPOOL_FRAME_MAGIC_SIZE ? size - at : SPOOL_FRAME_MAGIC_SIZE;
        if (memcmp(hit, SPOOL_FRAME_MAGIC, compare) == 0)
            return at;
    }
    return size;
}

static bool verify(struct spool_frame_scan *scan, const uint8_t *p, size_t size,
                   struct spool_frame *ret)
{
    if (size > CHEAP_SIZE && size > scan->credit)
        return false;
    if (spool_frame_get(p, size, scan->seed, ret))
        return true;
    scan->credit -= size < scan->credit ? size : scan->credit;
    return false;
}

/* Takes the frames in run. *ret_taken: how far it came; the bytes after that may begin a frame.
 * last: no bytes follow. */
static enum err scan_run(struct spool_frame_scan *scan, struct bytes run, bool damaged, bool last,
                         size_t *ret_taken)
{
    const uint8_t *p = run.data, *end = run.data + run.size;
    enum err rc = ERR_OK;
    while (rc == ERR_OK && p < end) {
        size_t left = (size_t)(end - p), size = claimed_size(scan, p, left);
        struct spool_frame frame;
        if (size > left && !last)
            break; /* whole only with the next piece */
        if (size > 0 && size <= left && verify(scan, p, size, &frame)) {
            rc = scan->found(scan->arg, &frame, p, damaged);
            p += size;
        } else {
            p += 1 + distance_to_magic(p + 1, left - 1);
        }
    }
    *ret_taken = (size_t)(p - run.data);
    return rc;
}

static struct bytes carried(const struct spool_frame_scan *scan)
{
    if (scan->carry.size == 0)
        return BYTES_NULL;
    return bytes_of(scan->carry.data + scan->carry_start, scan->carry.size - scan->carry_start);
}

/* Moves the rest to the front only when that is the smaller part: so the cost stays in proportion
 * to the bytes fed. */
static void drop_taken(struct spool_frame_scan *scan, size_t taken)
{
    scan->carry_start += taken;
    size_t left = scan->carry.size - scan->carry_start;
    if (left > scan->carry_start)
        return;
    if (left > 0)
        memmove(scan->carry.data, scan->carry.data + scan->carry_start, left);
    scan->carry.size = left;
    scan->carry_start = 0;
}

/* Bytes that the frame at the start of the carry still needs. */
static size_t carry_lacks(const struct spool_frame_scan *scan)
{
    struct bytes carry = carried(scan);
    size_t size = claimed_size(scan, carry.data, carry.size);
    return size > carry.size ? size - carry.size : 0;
}

enum err spool_frame_scan_feed(struct spool_frame_scan *scan, struct bytes piece, bool damaged)
{
    enum err rc = ERR_OK;
    size_t taken = 0;
    scan->credit += (uint64_t)piece.size * CREDIT_PER_BYTE;
    if (scan->credit > CREDIT_MAX)
        scan->credit = CREDIT_MAX;
    while (rc == ERR_OK && carried(scan).size > 0 && piece.size > 0) {
        size_t lacks = carry_lacks(scan),
               take = lacks == 0 || lacks > piece.size ? piece.size : lacks;
        if (!buf_append(&scan->carry, piece.data, take))
            return ERR_NOMEM;
        piece = bytes_of(piece.data + take, piece.size - take);
        scan->carry_damaged |= damaged;
        rc = scan_run(scan, carried(scan), scan->carry_damaged, false, &taken);
        drop_taken(scan, taken);
    }
    if (rc != ERR_OK || piece.size == 0)
        return rc;
    rc = scan_run(scan, piece, damaged, false, &taken);
    scan->carry_damaged = damaged;
    if (rc == ERR_OK && taken < piece.size &&
        !buf_append(&scan->carry, piece.data + taken, piece.size - taken))
        rc = ERR_NOMEM;
    return rc;
}

enum err spool_frame_scan_break(struct spool_frame_scan *scan)
{
    if (carried(scan).size == 0)
        return ERR_OK;
    size_t taken = 0;
    enum err rc = scan_run(scan, carried(scan), true, true, &taken);
    spool_frame_scan_reset(scan);
    return rc;
}
