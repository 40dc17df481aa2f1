/* SPDX-License-Identifier: MIT
 * records.h - bodies of the frames that are no events: header, link, seal
 * (docs/spool-format.md §4).
 *
 * Pure encoders append to a buf; decoders check everything and keep views into the body. */
#ifndef PENSTOCK_SPOOL_FORMAT_RECORDS_H
#define PENSTOCK_SPOOL_FORMAT_RECORDS_H

#include "base/buf.h"
#include "spool/format/frame.h"
#include "spool/format/ranges.h"

#define SPOOL_FORMAT_VERSION 1

/* First frame of a segment. The seed of its checksum stands in its own body, so a segment can be
 * read although the spool's identity is gone. */
struct spool_segment_header {
    uint16_t version;
    uint8_t spool_uuid[16];
    uint64_t segment_id; /* from the frame's id */
    uint64_t nonce;      /* tells a segment from another with the same id in a copied or restored
                          * spool */
    uint64_t seed;
};

/* false: memory is out */
bool spool_header_put(struct buf *body, const struct spool_segment_header *header);
bool spool_header_get(const struct spool_frame *frame, struct spool_segment_header *ret);

/* Finds a header frame at p and verifies it with the seed in its own body. */
bool spool_header_find(const uint8_t *p, size_t size_available, struct spool_segment_header *ret);

/* In the first batch of a segment: the segments since the last acknowledged batch, oldest first. */
struct spool_link {
    uint64_t segment_id;
    uint32_t event_count; /* frames at or beyond it were moved on or refused; SPOOL_COUNT_UNKNOWN
                           * after a crash */
};

#define SPOOL_COUNT_UNKNOWN UINT32_MAX

bool spool_links_put(struct buf *body, const struct spool_link *links, size_t count);
/* Decodes at most links_max links into links; returns how many there are, or -1 when malformed. */
int spool_links_get(const struct spool_frame *frame, struct spool_link *links, size_t links_max);

/* A topic in the seal, which stands in the last batch of a segment. */
struct spool_seal_topic {
    struct bytes topic;
    uint32_t event_count;
    uint64_t bytes; /* of its frames; 0 in seals of early versions */
};

bool spool_seal_put(struct buf *body, uint32_t event_count, const struct spool_seal_topic *topics,
                    size_t topic_count);
/* Start: false when malformed. Then spool_seal_next() yields the topics until false. */
struct spool_seal {
    uint32_t event_count;
    uint32_t topic_count;
    struct bytes rest;
    struct bytes sizes; /* after the topics: bytes of each */
};
bool spool_seal_get(const struct spool_frame *frame, struct spool_seal *ret);
bool spool_seal_next(struct spool_seal *seal, struct spool_seal_topic *ret);

/* In a parked segment, in its first batch and once more in its last: the indexes of the events that
 * lie there. */
bool spool_parked_put(struct buf *body, const struct spool_ranges *indexes);
/* ERR_DAMAGED: malformed. ERR_NOMEM. The caller frees *ret_indexes */
enum err spool_parked_get(const struct spool_frame *frame, struct spool_ranges *ret_indexes);

#endif
