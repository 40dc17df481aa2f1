/* SPDX-License-Identifier: MIT
 * v2.h - bodies of the Kafka REST API v2 (json and binary), in pieces as they come:
 * {"records":[{"key","value","partition","timestamp","headers"}]}.
 *
 * JSON keys and values are kept as compact text, their numbers digit for digit, their strings in
 * one canonical spelling. Pure but for memory. */
#ifndef PENSTOCK_INGEST_PARSE_V2_H
#define PENSTOCK_INGEST_PARSE_V2_H

#include "ingest/parse/route.h"
#include "ingest/parse/sink.h"

struct ingest_v2;

/* format: INGEST_JSON_V2 or INGEST_BINARY_V2. sink must outlive it. NULL: out of memory. */
struct ingest_v2 *ingest_v2_new(enum ingest_format format, struct ingest_sink *sink);
void ingest_v2_free(struct ingest_v2 *v2); /* NULL is fine */

/* False: problem says why; no further call may follow then. */
bool ingest_v2_feed(struct ingest_v2 *v2, struct bytes piece, struct ingest_problem *problem);
bool ingest_v2_end(struct ingest_v2 *v2, struct ingest_problem *problem);

/* The answer: one item an event, with the partition where the request named it; the offset isn't
 * known yet. */
void ingest_v2_render(const struct ingest_v2 *v2, struct buf *out);
size_t ingest_v2_render_size(uint64_t count); /* at most */

#endif
