/* SPDX-License-Identifier: MIT
 * route.c - paths, content types, numbers. */
#include "ingest/parse/route.h"

#include "ingest/ingest_parameter.h"
#include "spool/spool_event.h"

#include <stdio.h>
#include <strings.h>

bool ingest_route_parse(const char *path, struct ingest_route *ret_route,
                        struct ingest_problem *problem)
{
    static const char prefix[] = "/topics/", partitions[] = "/partitions/";
    struct ingest_route route = {.partition = SPOOL_PARTITION_ANY};
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return ingest_problem_set(problem, 404, INGEST_NOT_FOUND,
                                  "no such path: events go to POST /topics/{topic}");
    const char *topic = path + sizeof prefix - 1, *slash = strchr(topic, '/');
    size_t topic_size = slash == NULL ? strlen(topic) : (size_t)(slash - topic);
    if (slash != NULL) {
        int64_t partition;
        if (strncmp(slash, partitions, sizeof partitions - 1) != 0)
            return ingest_problem_set(
                problem, 404, INGEST_NOT_FOUND,
                "no such path: events go to POST /topics/{topic}[/partitions/{partition}]");
        if (!ingest_number_parse(slash + sizeof partitions - 1, INT32_MAX, &partition))
            return ingest_problem_set(problem, 404, INGEST_NOT_FOUND,
                                      "the partition is no number from 0 to 2147483647");
        route.partition = (int32_t)partition;
    }
    if (!ingest_percent_decode(bytes_of(topic, topic_size), route.topic, SPOOL_TOPIC_SIZE_MAX,
                               &route.topic_size) ||
        !spool_topic_name_valid(bytes_of(route.topic, route.topic_size)))
        return ingest_problem_set(problem, 422, INGEST_TOPIC_NAME,
                                  "no topic name: 1 to 249 of [a-zA-Z0-9._-], not \".\" or \"..\"");
    route.produce = true;
    *ret_route = route;
    return true;
}

bool ingest_format_parse(const char *content_type, enum ingest_format *ret_format,
                         struct ingest_problem *problem)
{
    static const struct {
        const char *type;
        enum ingest_format format;
    } rows[] = {
        {"application/vnd.kafka.json.v2+json", INGEST_JSON_V2},
        {"application/vnd.kafka.binary.v2+json", INGEST_BINARY_V2},
        {"application/x-ndjson", INGEST_NDJSON},
        {"application/ndjson", INGEST_NDJSON},
    };
    *ret_format = INGEST_RAW;
    if (content_type == NULL)
        return true;
    while (*content_type == ' ')
        content_type++;
    size_t size = strcspn(content_type, "; \t");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (size == strlen(rows[i].type) && strncasecmp(content_type, rows[i].type, size) == 0) {
            *ret_format = rows[i].format;
            return true;
        }
    if (strncasecmp(content_type, "application/vnd.kafka.", 22) == 0)
        return ingest_problem_set(problem, 415, INGEST_MEDIA_TYPE,
                                  "of the vnd.kafka types only json.v2 and binary.v2 are taken; "
                                  "application/x-ndjson and raw bodies too");
    return true;
}
