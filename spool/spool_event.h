/* SPDX-License-Identifier: MIT
 * spool_event.h - one event as programs see it, and Kafka's rule for topic names. Pure; any
 * thread may call. */
#ifndef PENSTOCK_SPOOL_EVENT_H
#define PENSTOCK_SPOOL_EVENT_H

#include "base/bytes.h"

#define SPOOL_EVENT_TIME_MS_MAX ((1ll << 48) - 1) /* of time_ms; no event can hold a later one */
#define SPOOL_TOPIC_SIZE_MAX    249               /* Kafka's own limit */
#define SPOOL_PARTITION_ANY     (-1)

/* An event as programs see it: views into memory that it doesn't own. */
struct spool_event {
    uint64_t id;
    int64_t time_ms; /* since 1970-01-01 UTC */
    struct bytes topic;
    struct bytes key;     /* data NULL: null */
    struct bytes value;   /* data NULL: null */
    struct bytes headers; /* encoded, see spool_headers_next(); size 0: none */
    uint32_t header_count;
    int32_t partition; /* SPOOL_PARTITION_ANY or >= 0 */
    bool client_time;
    uint64_t origin_id; /* moved from another segment: the id it was accepted under; else 0 */
    bool salvaged;      /* not stored: set by the reader for events found among damage */
    struct bytes frame; /* not stored: set by spool_chunk_next(): the whole frame that it comes
                         * from */
};

struct spool_header {
    struct bytes name;  /* UTF-8, not checked */
    struct bytes value; /* data NULL: null */
};

/* Encoded size of the headers, and the encoding. A NULL value is kept apart from an empty one. */
size_t spool_headers_size(const struct spool_header *headers, size_t count);
uint8_t *spool_headers_put(uint8_t *p, const struct spool_header *headers, size_t count);
/* Takes the next header off *rest (start with event.headers); false at the end or when
 * malformed. */
bool spool_headers_next(struct bytes *rest, struct spool_header *ret);

/* Kafka's rule (org.apache.kafka.common.internals.Topic): 1 to 249 of [a-zA-Z0-9._-], and neither
 * "." nor "..". */
bool spool_topic_name_valid(struct bytes name);

#endif
