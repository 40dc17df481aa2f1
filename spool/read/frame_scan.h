/* SPDX-License-Identifier: MIT
 * frame_scan.h - finds verified frames in a stream of bytes that comes in pieces.
 *
 * Frames may span pieces. Between frames there may be anything. No byte is trusted before the
 * frame's checksum verifies. Bytes that only look like frames cause no more work than in proportion
 * to the bytes fed. No I/O. */
#ifndef PENSTOCK_SPOOL_READ_FRAME_SCAN_H
#define PENSTOCK_SPOOL_READ_FRAME_SCAN_H

#include "base/buf.h"
#include "base/err.h"
#include "spool/format/frame.h"

/* Called for each frame; raw is the whole frame, valid during the call. damaged: found among
 * damage. */
typedef enum err spool_frame_scan_fn(void *arg, const struct spool_frame *frame, const uint8_t *raw,
                                     bool damaged);

struct spool_frame_scan {
    uint64_t seed;
    uint64_t segment_id; /* frames of others are passed over */
    spool_frame_scan_fn *found;
    void *arg;
    struct buf carry; /* from carry_start on: the beginning of a possible frame */
    size_t carry_start;
    bool carry_damaged;
    uint64_t credit; /* bytes that may still be checksummed in vain */
};

void spool_frame_scan_init(struct spool_frame_scan *scan, uint64_t segment_id, uint64_t seed,
                           spool_frame_scan_fn *found, void *arg);
void spool_frame_scan_done(struct spool_frame_scan *scan);

/* The next bytes of the stream. Errors: ERR_NOMEM, and any that found() returns; afterwards only
 * spool_frame_scan_reset() makes sense */
enum err spool_frame_scan_feed(struct spool_frame_scan *scan, struct bytes piece, bool damaged);

/* The stream ends here: the begun bytes are no frame, but may have frames inside. Errors: as
 * above */
enum err spool_frame_scan_break(struct spool_frame_scan *scan);

/* Forgets the bytes of a frame that was begun. */
void spool_frame_scan_reset(struct spool_frame_scan *scan);

#endif
