/* SPDX-License-Identifier: MIT
 * ingest_v2.h - bodies of the Kafka REST API v2 (json and binary): {"records":[{"key","value","partition","timestamp","headers"}]}.
 *
 * JSON keys and values are kept as compact text, their numbers digit for digit. Pure but for memory. */
#ifndef PENSTOCK_INGEST_V2_H
#define PENSTOCK_INGEST_V2_H

#include "ingest/ingest_route.h"
#include "ingest/ingest_sink.h"

/* format: INGEST_JSON_V2 or INGEST_BINARY_V2. partitions (may be NULL) gets an int32_t per event, as the request named it. */
bool ingest_v2_parse(struct bytes body, enum ingest_format format, struct ingest_sink *sink, struct buf *partitions,
                     struct ingest_problem *problem);

/* The answer: one item an event; the partition is echoed where the request named it, the offset isn't known yet. */
void ingest_v2_render(uint64_t count, const struct buf *partitions, struct buf *out);

#endif
