/* SPDX-License-Identifier: MIT
 * route.h - a request line and its content type, parsed into a route and a format. Pure. */
#ifndef PENSTOCK_INGEST_PARSE_ROUTE_H
#define PENSTOCK_INGEST_PARSE_ROUTE_H

#include "ingest/ingest_problem.h"
#include "spool/spool_event.h"

enum ingest_format { INGEST_RAW, INGEST_NDJSON, INGEST_JSON_V2, INGEST_BINARY_V2 };

struct ingest_route {
    bool produce; /* false: a page, or an unknown path */
    uint8_t topic[SPOOL_TOPIC_SIZE_MAX + 1];
    size_t topic_size;
    int32_t partition; /* SPOOL_PARTITION_ANY when the path names none */
};

/* path is raw (still percent-encoded), without the query. */
bool ingest_route_parse(const char *path, struct ingest_route *ret_route,
                        struct ingest_problem *problem);

/* Format for a content type. NULL or any other type: raw. A vnd.kafka type that isn't supported is
 * a problem (415). */
bool ingest_format_parse(const char *content_type, enum ingest_format *ret_format,
                         struct ingest_problem *problem);

#endif
