/* SPDX-License-Identifier: MIT
 * cursor_text.h - the text beside the offset in Kafka: which cluster and segment the offset belongs
 * to, and which lanes lag.
 *
 * Kafka keeps one text of at most 4096 bytes with each committed offset. Ours is
 *
 *     p1;<cluster id>;<nonce>;<topic hash>=<ids behind>,<topic hash>=<ids behind>,…
 *
 * numbers in lower-case hexadecimal; the cluster id as Kafka tells it; "ids behind" is the offset
 * minus the lane's own cursor, at least 1. The text is for this bridge alone, but people may have
 * to read it. Pure. */
#ifndef PENSTOCK_BRIDGE_RULES_CURSOR_TEXT_H
#define PENSTOCK_BRIDGE_RULES_CURSOR_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kafka's default limit (offset.metadata.max.bytes), without the final NUL */
#define BRIDGE_CURSOR_TEXT_SIZE_MAX     4096
#define BRIDGE_CURSOR_TEXT_CLUSTER_SIZE 64
/* Lanes that always fit, whatever their ids: 34 bytes each at most. */
#define BRIDGE_CURSOR_TEXT_LANES_MAX 112

struct bridge_cursor_lane {
    uint64_t topic_hash;
    uint64_t done_id; /* below the offset */
};

struct bridge_cursor_text {
    char cluster[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE]; /* "": not known */
    uint64_t nonce;                                /* of the segment that the offset names; 0: not
                                                    * known */
    size_t lane_count;
    struct bridge_cursor_lane lanes[BRIDGE_CURSOR_TEXT_LANES_MAX];
};

/* FNV-1a, 64 bits: stands in Kafka, so it never changes. */
uint64_t bridge_cursor_text_hash(struct bytes topic);

/* Writes the text, NUL-terminated. Every lane must be below offset_id; a cluster id with bytes
 * other than printable ones or with ';' counts as not known. */
void bridge_cursor_text_encode(const struct bridge_cursor_text *meta, uint64_t offset_id,
                               char ret_text[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1]);

/* False when the text is foreign, or of a later version. */
bool bridge_cursor_text_decode(struct bytes text, uint64_t offset_id,
                               struct bridge_cursor_text *ret_meta);

/* Where the topic's lane stands: its own cursor, or offset_id when the text doesn't name the
 * lane. */
uint64_t bridge_cursor_text_lane(const struct bridge_cursor_text *meta, uint64_t topic_hash,
                                 uint64_t offset_id);

#endif
