/* SPDX-License-Identifier: MIT
 * ndjson.h - lines to events, byte for byte, in pieces as they come. Pure but for memory.
 *
 * Empty lines are skipped, a CR before the LF is dropped, the last line may lack its LF. */
#ifndef PENSTOCK_INGEST_PARSE_NDJSON_H
#define PENSTOCK_INGEST_PARSE_NDJSON_H

#include "ingest/parse/sink.h"

struct ingest_ndjson {
    struct buf partial; /* the beginning of a line */
    uint64_t line;
};

bool ingest_ndjson_feed(struct ingest_ndjson *lines, struct bytes piece, struct ingest_sink *sink,
                        struct ingest_problem *problem);
/* The body has ended; no event at all is a problem. */
bool ingest_ndjson_end(struct ingest_ndjson *lines, struct ingest_sink *sink,
                       struct ingest_problem *problem);
void ingest_ndjson_done(struct ingest_ndjson *lines);

#endif
