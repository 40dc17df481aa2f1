/* SPDX-License-Identifier: MIT
 * frame.h - the frame: the self-describing, checksummed unit of everything in a segment.
 *
 * The layout's only home is docs/spool-format.md. A frame can be found and verified without
 * anything around it. Its checksum is seeded with the spool's secret number, so that bytes which a
 * client sends can never pass as a frame. Pure: no I/O, no allocation; any thread may call. */
#ifndef PENSTOCK_SPOOL_FORMAT_FRAME_H
#define PENSTOCK_SPOOL_FORMAT_FRAME_H

#include "spool/format/id.h"
#include "spool/spool_event.h"

#define SPOOL_FRAME_MAGIC      "\xe7PS\x9a"
#define SPOOL_FRAME_MAGIC_SIZE 4
#define SPOOL_FRAME_HEAD_SIZE  28 /* up to the topic */
#define SPOOL_FRAME_TAIL_SIZE  8  /* the checksum */
#define SPOOL_FRAME_SIZE_MIN   (SPOOL_FRAME_HEAD_SIZE + SPOOL_FRAME_TAIL_SIZE)
#define SPOOL_FRAME_SIZE_MAX   (65u << 20)

/* On disk: do not change these values. */
enum spool_frame_kind {
    SPOOL_FRAME_EVENT = 1,
    SPOOL_FRAME_HEADER = 2, /* first thing in a segment */
    SPOOL_FRAME_LINK = 3,   /* in the first batch: the segments before this one */
    SPOOL_FRAME_SEAL = 4,   /* in the last batch: how many events of which topic */
    SPOOL_FRAME_MOVED = 5,  /* an event moved here from another segment, its frame whole inside */
    SPOOL_FRAME_PARKED = 6, /* in a parked segment: which events lie there */
};

/* On disk: do not change these values. */
enum spool_frame_flag {
    SPOOL_FLAG_KEY = 1,         /* a key stands before the headers (else the key is null) */
    SPOOL_FLAG_HEADERS = 2,     /* headers stand before the value */
    SPOOL_FLAG_PARTITION = 4,   /* the client asked for a partition */
    SPOOL_FLAG_NULL_VALUE = 8,  /* the value is null (a tombstone), not empty */
    SPOOL_FLAG_CLIENT_TIME = 16 /* the time came from the client, not from this host's clock */
};

/* A frame taken apart; the views point into the frame. */
struct spool_frame {
    enum spool_frame_kind kind;
    uint64_t id;              /* segment and index; for other kinds than events the index of the
                               * next event */
    uint32_t batch_first;     /* first index of the batch it was written in */
    uint32_t size;            /* of the whole frame, in bytes */
    struct spool_event event; /* events, also moved ones: as accepted, except for the id, which is
                               * this frame's */
    struct bytes body;        /* for kinds that are no event: the bytes between head and checksum */
};

/* Size in bytes of the frame that spool_frame_put() would write; 0 when no frame can hold the event
 * (topic empty or longer than 249, time outside 0..2^48-1, more than SPOOL_FRAME_SIZE_MAX). */
size_t spool_frame_size(const struct spool_event *event);

/* Writes the frame of an event without id, first index of the batch and checksum: these only the
 * committer can fill in, see spool_frame_stamp(). The caller has made sure of spool_frame_size()
 * bytes. Returns the byte after. */
uint8_t *spool_frame_put(uint8_t *p, const struct spool_event *event);

/* Writes a frame of another kind around a body, unstamped. It takes SPOOL_FRAME_SIZE_MIN +
 * body.size bytes. */
uint8_t *spool_frame_put_other(uint8_t *p, enum spool_frame_kind kind, int64_t time_ms,
                               struct bytes body);

/* Fills in id and first index, then the checksum. frame points at a whole frame. */
void spool_frame_stamp(uint8_t *frame, uint64_t id, uint32_t batch_first, uint64_t seed);

/* The length field of bytes that may be a frame: 0 when the magic is not there, when size_available
 * is too small to tell, or when no frame has that length. The checksum is not looked at. */
size_t spool_frame_peek_size(const uint8_t *p, size_t size_available);

/* Takes a frame apart at p. True when magic, length, checksum and every field hold, and the frame
 * lies within size_available. Otherwise *ret means nothing. */
bool spool_frame_get(const uint8_t *p, size_t size_available, uint64_t seed,
                     struct spool_frame *ret);

/* The event's frame as it was accepted: of a moved event the frame inside. The frame passed in is a
 * verified one. */
struct bytes spool_frame_original(struct bytes frame);

/* The same as spool_frame_get() without the checksum, for frames that were verified or written by
 * this process. */
bool spool_frame_get_trusted(const uint8_t *p, size_t size_available, struct spool_frame *ret);

#endif
