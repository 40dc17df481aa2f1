/* SPDX-License-Identifier: MIT
 * record.c - one record of a v2 request while it is being put together. */
#include "ingest/parse/record.h"

#include <stdlib.h>

static const struct ingest_record_text null_text = {.null = true};

void ingest_record_begin(struct ingest_record *record, const struct spool_event *defaults)
{
    record->seen = 0;
    record->key = record->value = null_text;
    record->partition = defaults->partition;
    record->time_ms = defaults->time_ms;
    record->client_time = defaults->client_time;
    buf_clear(&record->scratch);
    buf_clear(&record->headers);
    buf_clear(&record->encoded);
}

void ingest_record_done(struct ingest_record *record)
{
    buf_free(&record->scratch);
    buf_free(&record->headers);
    buf_free(&record->encoded);
}

bool ingest_record_add_header(struct ingest_record *record, struct ingest_record_text name,
                              struct ingest_record_text value)
{
    struct ingest_record_header header = {name, value};
    return buf_append(&record->headers, &header, sizeof header);
}

static struct bytes view(const struct ingest_record *record, struct ingest_record_text text)
{
    if (text.null)
        return BYTES_NULL;
    return text.size == 0 ? bytes_of("", 0)
                          : bytes_of(record->scratch.data + text.offset, text.size);
}

static bool encode_headers(struct ingest_record *record, size_t count)
{
    struct spool_header *headers = calloc(count, sizeof *headers);
    if (headers == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct ingest_record_header header;
        memcpy(&header, record->headers.data + i * sizeof header, sizeof header);
        headers[i] = (struct spool_header){view(record, header.name), view(record, header.value)};
    }
    size_t size = spool_headers_size(headers, count);
    bool ok = buf_reserve(&record->encoded, size);
    if (ok) {
        spool_headers_put(record->encoded.data, headers, count);
        record->encoded.size = size;
    }
    free(headers);
    return ok;
}

bool ingest_record_event(struct ingest_record *record, struct spool_event *ret_event)
{
    size_t count = record->headers.size / sizeof(struct ingest_record_header);
    if (count > 0 && !encode_headers(record, count))
        return false;
    *ret_event = (struct spool_event){
        .time_ms = record->time_ms,
        .client_time = record->client_time,
        .partition = record->partition,
        .key = view(record, record->key),
        .value = view(record, record->value),
        .headers = buf_bytes(&record->encoded),
        .header_count = (uint32_t)count,
    };
    return true;
}
