/* SPDX-License-Identifier: MIT
 * ingest_route.c - paths, content types, numbers. */
#include "ingest/ingest_route.h"

#include "spool/spool_event.h"

#include <stdio.h>
#include <strings.h>

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ingest_percent_decode(struct bytes text, uint8_t *out, size_t size_max, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (size == size_max)
            return false;
        out[size++] = c;
    }
    *ret_size = size;
    return true;
}

bool ingest_number_parse(const char *text, int64_t max, int64_t *ret_number)
{
    int64_t number = 0;
    if (text[0] == '\0' || strlen(text) > 18)
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return false;
        number = number * 10 + (*p - '0');
    }
    if (number > max)
        return false;
    *ret_number = number;
    return true;
}

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
