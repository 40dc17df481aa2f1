/* SPDX-License-Identifier: MIT
 * confirmed.c - partitions and offsets, in the shape of the Kafka REST API v2. */
#include "ingest/request/confirmed.h"

#include <inttypes.h>

void ingest_confirmed_render(const struct spool_delivery_wait *confirm, bool v2, struct buf *out)
{
    uint32_t count;
    const struct spool_kafka_place *places = spool_delivery_wait_places(confirm, &count);
    if (v2)
        buf_append_char(out, '{');
    else
        buf_printf(out, "{\"accepted\":%" PRIu32 ",\"confirmed\":true,", count);
    buf_append_string(out, "\"offsets\":[");
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(out, "%s{\"partition\":%" PRId32 ",\"offset\":", i == 0 ? "" : ",",
                   places[i].partition);
        if (places[i].offset >= 0)
            buf_printf(out, "%" PRId64, places[i].offset);
        else
            buf_append_string(out, "null");
        buf_append_string(out, ",\"error_code\":null,\"error\":null}");
    }
    buf_append_string(out, v2 ? "],\"key_schema_id\":null,\"value_schema_id\":null}" : "]}");
}
