/* SPDX-License-Identifier: MIT
 * letter_copy.c - what the copy of a dead letter consists of. */
#include "bridge/forward/letter_copies.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { OWN_HEADERS = 8 };

struct headers {
    struct spool_header *items;
    size_t count;
};

static void add(struct headers *headers, const char *name, const char *value)
{
    headers->items[headers->count++] =
        (struct spool_header){bytes_of_string(name), bytes_of_string(value)};
}

static bool encode(const struct headers *headers, struct buf *out)
{
    buf_clear(out);
    size_t size = spool_headers_size(headers->items, headers->count);
    if (!buf_reserve(out, size))
        return false;
    spool_headers_put(out->data, headers->items, headers->count);
    out->size = size;
    return true;
}

bool bridge_letter_copy_of(const struct spool_event *event,
                           const struct spool_letter_reason *reason, const char *spool_id,
                           enum bridge_letter_copy_size size, struct buf *out,
                           struct spool_event *ret_copy)
{
    static const char *const omitted[] = {"", "value", "value,key,headers"};
    char id[64], topic[SPOOL_TOPIC_SIZE_MAX + 1], partition[16], time[32], bytes[32];
    struct headers headers = {malloc((event->header_count + OWN_HEADERS) * sizeof *headers.items),
                              0};
    struct bytes rest = event->headers;
    if (headers.items == NULL)
        return false;
    while (size != BRIDGE_COPY_BARE && headers.count < event->header_count &&
           spool_headers_next(&rest, &headers.items[headers.count]))
        headers.count++;
    snprintf(topic, sizeof topic, "%.*s", (int)event->topic.size, (const char *)event->topic.data);
    snprintf(partition, sizeof partition, "%" PRId32, event->partition);
    snprintf(id, sizeof id, "%s/%" PRIu64, spool_id != NULL ? spool_id : "",
             event->origin_id != 0 ? event->origin_id : event->id);
    snprintf(time, sizeof time, "%" PRId64, event->time_ms);
    snprintf(bytes, sizeof bytes, "%zu", event->value.size);
    add(&headers, "penstock-topic", topic);
    if (event->partition != SPOOL_PARTITION_ANY)
        add(&headers, "penstock-partition", partition);
    if (spool_id != NULL)
        add(&headers, "penstock-id", id);
    add(&headers, "penstock-time", time);
    add(&headers, "penstock-error", reason->error);
    add(&headers, "penstock-reason", reason->text);
    if (size != BRIDGE_COPY_WHOLE) {
        add(&headers, "penstock-omitted", omitted[size]);
        add(&headers, "penstock-value-size", bytes);
    }
    bool ok = encode(&headers, out);
    *ret_copy = *event;
    ret_copy->partition = SPOOL_PARTITION_ANY;
    ret_copy->time_ms = reason->time_ms; /* the event's own may be at fault */
    ret_copy->headers = buf_bytes(out);
    ret_copy->header_count = (uint32_t)headers.count;
    if (size != BRIDGE_COPY_WHOLE)
        ret_copy->value = bytes_of("", 0);
    if (size == BRIDGE_COPY_BARE)
        ret_copy->key = (struct bytes){NULL, 0};
    free(headers.items);
    return ok;
}
