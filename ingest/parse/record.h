/* SPDX-License-Identifier: MIT
 * record.h - one record of a v2 request while it is being put together. Pure. */
#ifndef PENSTOCK_INGEST_PARSE_RECORD_H
#define PENSTOCK_INGEST_PARSE_RECORD_H

#include "base/buf.h"
#include "base/err.h"
#include "spool/spool_event.h"

/* Place of a text in the record's scratch memory, which moves while it grows. */
struct ingest_record_text {
    size_t offset;
    size_t size;
    bool null;
};

struct ingest_record_header {
    struct ingest_record_text name, value;
};

struct ingest_record {
    unsigned seen; /* bits of the fields that were found */
    struct ingest_record_text key, value;
    int32_t partition;
    int64_t time_ms;
    bool client_time;
    struct buf scratch; /* texts */
    struct buf headers; /* array of struct ingest_record_header */
    struct buf encoded; /* headers as an event holds them */
};

void ingest_record_begin(struct ingest_record *record, const struct spool_event *defaults);
void ingest_record_done(struct ingest_record *record);

/* Adds a header; the texts are in scratch. False: out of memory. */
bool ingest_record_add_header(struct ingest_record *record, struct ingest_record_text name,
                              struct ingest_record_text value);

/* The event that the record stands for; its views live until the next begin. False: out of
 * memory. */
bool ingest_record_event(struct ingest_record *record, struct spool_event *ret_event);

#endif
