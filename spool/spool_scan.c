/* SPDX-License-Identifier: MIT
 * spool_scan.c - from a stream of bytes to verified frames. */
#include "spool/spool_scan.h"

#include "base/codec.h"

/* Beyond so much in vain per segment, only frames up to a value's size are still looked for: bytes that clients chose cannot make
 * a salvage quadratic. */
#define WASTE_BYTES_MAX (2ull << 30)
#define FRAME_SIZE_WHEN_WASTEFUL (64u << 10)

void spool_scan_init(struct spool_scan *scan, uint64_t segment_id, uint64_t seed, spool_scan_fn *found, void *arg)
{
    *scan = (struct spool_scan){.seed = seed, .segment_id = segment_id, .found = found, .arg = arg};
}

void spool_scan_done(struct spool_scan *scan)
{
    buf_free(&scan->carry);
}

/* Could a frame of this segment begin here? *ret_size is its claimed size; false with *ret_size == 0: certainly not;
 * false with *ret_size > 0: more bytes are needed to tell. */
static bool may_begin(const struct spool_scan *scan, const uint8_t *p, size_t available, size_t *ret_size)
{
    *ret_size = 0;
    size_t compare = available < SPOOL_FRAME_MAGIC_SIZE ? available : SPOOL_FRAME_MAGIC_SIZE;
    if (memcmp(p, SPOOL_FRAME_MAGIC, compare) != 0)
        return false;
    if (available < SPOOL_FRAME_HEAD_SIZE) {
        *ret_size = SPOOL_FRAME_HEAD_SIZE;
        return false;
    }
    size_t size = spool_frame_peek_size(p, available);
    if (size == 0 || spool_id_segment(codec_get_u64(p + 8)) != scan->segment_id)
        return false;
    if (scan->wasted_bytes > WASTE_BYTES_MAX && size > FRAME_SIZE_WHEN_WASTEFUL)
        return false;
    *ret_size = size;
    return true;
}

/* Distance to the next place where a magic begins (perhaps cut by the end); size when there is none. */
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

/* Takes the frames in p. Returns how far it came: what is left may be the beginning of a frame. last: nothing follows. */
static enum err scan_run(struct spool_scan *scan, const uint8_t *p, size_t size, bool damaged, bool last, size_t *ret_taken)
{
    size_t at = 0;
    enum err rc = ERR_OK;
    while (rc == ERR_OK && at < size) {
        size_t frame_size;
        struct spool_frame frame;
        bool begins = may_begin(scan, p + at, size - at, &frame_size);
        if (begins && frame_size <= size - at && spool_frame_get(p + at, size - at, scan->seed, &frame)) {
            rc = scan->found(scan->arg, &frame, p + at, damaged);
            at += frame_size;
            continue;
        }
        if (frame_size > size - at && !last)
            break; /* whole only with the next piece */
        if (begins && frame_size <= size - at)
            scan->wasted_bytes += frame_size;
        size_t skip = 1 + distance_to_magic(p + at + 1, size - at - 1);
        scan->unframed_bytes += skip;
        at += skip;
    }
    *ret_taken = at;
    return rc;
}

/* Keeps only what was not taken. */
static void drop_taken(struct spool_scan *scan, size_t taken)
{
    scan->carry.size -= taken;
    memmove(scan->carry.data, scan->carry.data + taken, scan->carry.size);
}

/* How many bytes more the frame at the start of the carry needs. */
static size_t carry_lacks(const struct spool_scan *scan)
{
    size_t frame_size;
    may_begin(scan, scan->carry.data, scan->carry.size, &frame_size);
    return frame_size > scan->carry.size ? frame_size - scan->carry.size : 0;
}

enum err spool_scan_feed(struct spool_scan *scan, struct bytes piece, bool damaged)
{
    enum err rc = ERR_OK;
    while (rc == ERR_OK && scan->carry.size > 0 && piece.size > 0) {
        size_t lacks = carry_lacks(scan), take = lacks == 0 || lacks > piece.size ? piece.size : lacks;
        if (!buf_append(&scan->carry, piece.data, take))
            return ERR_NOMEM;
        piece = bytes_of(piece.data + take, piece.size - take);
        scan->carry_damaged |= damaged;
        size_t taken = 0;
        rc = scan_run(scan, scan->carry.data, scan->carry.size, scan->carry_damaged, false, &taken);
        drop_taken(scan, taken);
    }
    if (rc != ERR_OK || piece.size == 0)
        return rc;
    size_t taken = 0;
    rc = scan_run(scan, piece.data, piece.size, damaged, false, &taken);
    scan->carry_damaged = damaged;
    if (rc == ERR_OK && taken < piece.size && !buf_append(&scan->carry, piece.data + taken, piece.size - taken))
        rc = ERR_NOMEM;
    return rc;
}

enum err spool_scan_break(struct spool_scan *scan)
{
    if (scan->carry.size == 0)
        return ERR_OK;
    size_t taken = 0;
    enum err rc = scan_run(scan, scan->carry.data, scan->carry.size, true, true, &taken);
    buf_clear(&scan->carry);
    if (scan->carry.capacity > (1u << 20))
        buf_free(&scan->carry); /* a large event's */
    return rc;
}
