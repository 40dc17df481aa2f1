/* SPDX-License-Identifier: MIT
 * v2.c - the v2 produce request: a small machine over JSON tokens, one handler for each
 * place in the document. */
#include "ingest/parse/v2.h"

#include "base/base64.h"
#include "ingest/ingest_parameter.h"
#include "ingest/parse/json.h"
#include "ingest/parse/json_text.h"
#include "ingest/parse/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum place {
    AT_START,
    AT_TOP,     /* between the members of the outermost object */
    AT_SKIPPED, /* in a member of that object that doesn't matter */
    AT_RECORDS_START,
    AT_RECORDS, /* between records */
    AT_RECORD,  /* between a record's members */
    AT_KEY,
    AT_VALUE,
    AT_PARTITION,
    AT_TIMESTAMP,
    AT_HEADERS_START,
    AT_HEADERS,
    AT_HEADER, /* between a header's members */
    AT_HEADER_NAME,
    AT_HEADER_VALUE,
    AT_END,
    AT_COUNT
};

struct ingest_v2 {
    struct ingest_sink *sink;
    struct ingest_json *json;
    bool binary;
    bool records_seen;
    enum place place;
    unsigned nested; /* objects and arrays open within the value that is kept or skipped */
    struct ingest_record record;
    struct ingest_record_header header;
    unsigned header_seen;
    struct buf partitions;          /* int32_t of each record, once one has named its own */
    struct ingest_problem *problem; /* of the feed that runs */
};

/* The members of a record and of a header; duplicates and unknown ones are refused, since a
 * misspelt "value" would silently become a tombstone. */
struct member {
    const char *name;
    enum place place;
};

static const struct member record_members[] = {
    {"key", AT_KEY},
    {"value", AT_VALUE},
    {"partition", AT_PARTITION},
    {"timestamp", AT_TIMESTAMP},
    {"headers", AT_HEADERS_START},
};

static const struct member header_members[] = {
    {"key", AT_HEADER_NAME},
    {"value", AT_HEADER_VALUE},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool refuse(struct ingest_v2 *v2, const char *field, const char *what)
{
    return ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD,
                              "record %" PRIu64 ": field \"%s\" %s", v2->sink->count, field, what);
}

static bool out_of_memory(struct ingest_v2 *v2)
{
    ingest_problem_of_err(v2->problem, ERR_NOMEM, NULL);
    return false;
}

static bool enter_member(struct ingest_v2 *v2, const struct member *members, size_t count,
                         unsigned *seen, struct bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (!bytes_equal(name, bytes_of_string(members[i].name)))
            continue;
        if ((*seen & 1u << i) != 0)
            return refuse(v2, members[i].name, "stands there twice");
        *seen |= 1u << i;
        v2->place = members[i].place;
        v2->nested = 0;
        return true;
    }
    return ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD,
                              "record %" PRIu64 ": unknown field \"%.*s\"", v2->sink->count,
                              name.size > 40 ? 40 : (int)name.size, (const char *)name.data);
}

/* Counts open objects and arrays; true when the token ends the value that began at depth 0. */
static bool value_ends(struct ingest_v2 *v2, enum ingest_json_kind kind)
{
    if (kind == INGEST_JSON_OBJECT || kind == INGEST_JSON_ARRAY)
        v2->nested++;
    else if (kind == INGEST_JSON_OBJECT_END || kind == INGEST_JSON_ARRAY_END)
        v2->nested--;
    return v2->nested == 0;
}

static bool at_start(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (token->kind != INGEST_JSON_OBJECT)
        return ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD,
                                  "the body must be an object with \"records\"");
    v2->place = AT_TOP;
    return true;
}

static bool at_top(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (token->kind == INGEST_JSON_OBJECT_END) {
        v2->place = AT_END;
        return true;
    }
    v2->nested = 0;
    v2->place = AT_SKIPPED;
    if (!bytes_equal(token->text, bytes_of_string("records")))
        return true;
    if (v2->records_seen)
        return ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD,
                                  "\"records\" stands there twice");
    v2->records_seen = true;
    v2->place = AT_RECORDS_START;
    return true;
}

static bool at_skipped(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (value_ends(v2, token->kind))
        v2->place = AT_TOP;
    return true;
}

static bool at_records_start(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (token->kind != INGEST_JSON_ARRAY)
        return ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD, "\"records\" must be an array");
    v2->place = AT_RECORDS;
    return true;
}

static bool at_records(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (token->kind == INGEST_JSON_ARRAY_END) {
        v2->place = AT_TOP;
        return true;
    }
    if (token->kind != INGEST_JSON_OBJECT)
        return ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD,
                                  "record %" PRIu64 " must be an object", v2->sink->count);
    ingest_record_begin(&v2->record, &v2->sink->defaults);
    v2->place = AT_RECORD;
    return true;
}

/* The answer repeats partitions that were asked for; most requests ask for none, or for one in
 * their path. */
static bool keep_partition(struct ingest_v2 *v2)
{
    int32_t usual = v2->sink->defaults.partition;
    if (v2->partitions.size == 0 && v2->record.partition == usual)
        return true;
    while (v2->partitions.size < v2->sink->count * sizeof usual)
        if (!buf_append(&v2->partitions, &usual, sizeof usual))
            return false;
    return buf_append(&v2->partitions, &v2->record.partition, sizeof usual);
}

static bool end_record(struct ingest_v2 *v2)
{
    struct spool_event event;
    if (!ingest_record_event(&v2->record, &event) || !keep_partition(v2))
        return out_of_memory(v2);
    if (!ingest_sink_put(v2->sink, &event, "record", v2->sink->count, v2->problem))
        return false;
    v2->place = AT_RECORDS;
    return true;
}

static bool at_record(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (token->kind == INGEST_JSON_OBJECT_END)
        return end_record(v2);
    return enter_member(v2, record_members, COUNT_OF(record_members), &v2->record.seen,
                        token->text);
}

static bool decode_base64(struct ingest_v2 *v2, const struct ingest_json_token *token,
                          const char *field, struct ingest_record_text *text)
{
    struct buf *scratch = &v2->record.scratch;
    text->null = token->kind == INGEST_JSON_NULL;
    if (text->null)
        return true;
    text->offset = scratch->size;
    if (token->kind == INGEST_JSON_STRING && base64_decode(token->text, scratch)) {
        text->size = scratch->size - text->offset;
        return true;
    }
    if (scratch->failed)
        return out_of_memory(v2);
    return refuse(v2, field, "must be a base64 string (standard alphabet, padded) or null");
}

/* Appends one token of a key or value to its compact text. */
static bool keep_token(struct ingest_v2 *v2, const struct ingest_json_token *token,
                       const char *field)
{
    struct buf *scratch = &v2->record.scratch;
    bool ok = true;
    if (token->separator != 0 && v2->nested > 0)
        buf_append_char(scratch, token->separator);
    if (token->kind == INGEST_JSON_STRING || token->kind == INGEST_JSON_NAME)
        ok = ingest_json_text_literal(token->source, scratch);
    else
        buf_append(scratch, token->source.data, token->source.size);
    if (scratch->failed)
        return out_of_memory(v2);
    return ok || refuse(v2, field, "holds text that is not UTF-8");
}

static bool at_datum(struct ingest_v2 *v2, const struct ingest_json_token *token, const char *field,
                     struct ingest_record_text *text)
{
    if (v2->binary) {
        v2->place = AT_RECORD;
        return decode_base64(v2, token, field, text);
    }
    if (text->null) {
        if (token->kind == INGEST_JSON_NULL) {
            v2->place = AT_RECORD;
            return true;
        }
        *text = (struct ingest_record_text){.offset = v2->record.scratch.size};
    }
    if (!keep_token(v2, token, field))
        return false;
    text->size = v2->record.scratch.size - text->offset;
    if (value_ends(v2, token->kind))
        v2->place = AT_RECORD;
    return true;
}

static bool at_key(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    return at_datum(v2, token, "key", &v2->record.key);
}

static bool at_value(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    return at_datum(v2, token, "value", &v2->record.value);
}

static bool take_integer(const struct ingest_json_token *token, int64_t max, int64_t *ret_value)
{
    char digits[24];
    if (token->kind != INGEST_JSON_NUMBER || token->text.size >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)token->text.size, (const char *)token->text.data);
    return ingest_number_parse(digits, max, ret_value);
}

static bool at_partition(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    int64_t partition;
    int32_t of_path = v2->sink->defaults.partition;
    v2->place = AT_RECORD;
    if (token->kind == INGEST_JSON_NULL)
        return true;
    if (!take_integer(token, INT32_MAX, &partition))
        return refuse(v2, "partition", "must be an integer from 0 to 2147483647, or null");
    if (of_path != SPOOL_PARTITION_ANY && of_path != partition)
        return refuse(v2, "partition", "contradicts the partition in the path");
    v2->record.partition = (int32_t)partition;
    return true;
}

static bool at_timestamp(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    int64_t time_ms;
    v2->place = AT_RECORD;
    if (token->kind == INGEST_JSON_NULL)
        return true;
    if (!take_integer(token, SPOOL_EVENT_TIME_MS_MAX, &time_ms))
        return refuse(v2, "timestamp", "must be an integer, milliseconds since 1970, or null");
    v2->record.time_ms = time_ms;
    v2->record.client_time = true;
    return true;
}

static bool at_headers_start(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    v2->place = token->kind == INGEST_JSON_ARRAY ? AT_HEADERS : AT_RECORD;
    return token->kind == INGEST_JSON_ARRAY || token->kind == INGEST_JSON_NULL ||
           refuse(v2, "headers", "must be an array or null");
}

static bool at_headers(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (token->kind == INGEST_JSON_ARRAY_END) {
        v2->place = AT_RECORD;
        return true;
    }
    if (token->kind != INGEST_JSON_OBJECT)
        return refuse(v2, "headers", "must hold objects with \"key\" and \"value\"");
    v2->header_seen = 0;
    v2->header.name.null = v2->header.value.null = true;
    v2->place = AT_HEADER;
    return true;
}

static bool at_header(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    if (token->kind != INGEST_JSON_OBJECT_END)
        return enter_member(v2, header_members, COUNT_OF(header_members), &v2->header_seen,
                            token->text);
    if (v2->header.name.null)
        return refuse(v2, "headers", "holds an object without \"key\"");
    v2->place = AT_HEADERS;
    return ingest_record_add_header(&v2->record, v2->header.name, v2->header.value) ||
           out_of_memory(v2);
}

static bool at_header_name(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    struct buf *scratch = &v2->record.scratch;
    struct ingest_record_text name = {.offset = scratch->size};
    if (token->kind != INGEST_JSON_STRING || !ingest_json_text_decode(token->source, scratch))
        return scratch->failed
                   ? out_of_memory(v2)
                   : refuse(v2, "headers", "holds a \"key\" that is not a UTF-8 string");
    name.size = scratch->size - name.offset;
    v2->header.name = name;
    v2->place = AT_HEADER;
    return true;
}

static bool at_header_value(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    v2->place = AT_HEADER;
    return decode_base64(v2, token, "headers", &v2->header.value);
}

static bool at_end(struct ingest_v2 *v2, const struct ingest_json_token *token)
{
    (void)token; /* the JSON layer lets nothing follow */
    return ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD, "something follows the object");
}

static bool (*const handlers[AT_COUNT])(struct ingest_v2 *v2,
                                        const struct ingest_json_token *token) = {
    [AT_START] = at_start,
    [AT_TOP] = at_top,
    [AT_SKIPPED] = at_skipped,
    [AT_RECORDS_START] = at_records_start,
    [AT_RECORDS] = at_records,
    [AT_RECORD] = at_record,
    [AT_KEY] = at_key,
    [AT_VALUE] = at_value,
    [AT_PARTITION] = at_partition,
    [AT_TIMESTAMP] = at_timestamp,
    [AT_HEADERS_START] = at_headers_start,
    [AT_HEADERS] = at_headers,
    [AT_HEADER] = at_header,
    [AT_HEADER_NAME] = at_header_name,
    [AT_HEADER_VALUE] = at_header_value,
    [AT_END] = at_end,
};

static bool on_token(void *arg, const struct ingest_json_token *token)
{
    struct ingest_v2 *v2 = arg;
    return handlers[v2->place](v2, token);
}

struct ingest_v2 *ingest_v2_new(enum ingest_format format, struct ingest_sink *sink)
{
    struct ingest_v2 *v2 = calloc(1, sizeof *v2);
    if (v2 == NULL)
        return NULL;
    v2->sink = sink;
    v2->binary = format == INGEST_BINARY_V2;
    v2->json = ingest_json_new(on_token, v2);
    if (v2->json == NULL) {
        free(v2);
        return NULL;
    }
    return v2;
}

void ingest_v2_free(struct ingest_v2 *v2)
{
    if (v2 == NULL)
        return;
    ingest_json_free(v2->json);
    ingest_record_done(&v2->record);
    buf_free(&v2->partitions);
    free(v2);
}

static bool settle(struct ingest_v2 *v2, bool ok)
{
    const char *error = ok ? NULL : ingest_json_error(v2->json);
    if (error != NULL)
        ingest_problem_set(v2->problem, 422, INGEST_PAYLOAD, "malformed JSON: %s", error);
    return ok;
}

bool ingest_v2_feed(struct ingest_v2 *v2, struct bytes piece, struct ingest_problem *problem)
{
    v2->problem = problem;
    return settle(v2, ingest_json_feed(v2->json, piece));
}

bool ingest_v2_end(struct ingest_v2 *v2, struct ingest_problem *problem)
{
    v2->problem = problem;
    if (!settle(v2, ingest_json_finish(v2->json)))
        return false;
    if (!v2->records_seen)
        return ingest_problem_set(problem, 422, INGEST_PAYLOAD, "the body has no \"records\"");
    return v2->sink->count > 0 ||
           ingest_problem_set(problem, 422, INGEST_PAYLOAD, "\"records\" is empty");
}

/* ---- the answer ------------------------------------------------------------------------------ */

#define OFFSETS_HEAD       "{\"offsets\":["
#define OFFSETS_TAIL       "],\"key_schema_id\":null,\"value_schema_id\":null}"
#define OFFSET_HEAD        "{\"partition\":"
#define OFFSET_TAIL        ",\"offset\":null,\"error_code\":null,\"error\":null},"
#define PARTITION_SIZE_MAX 10

size_t ingest_v2_render_size(uint64_t count)
{
    size_t item = sizeof OFFSET_HEAD + PARTITION_SIZE_MAX + sizeof OFFSET_TAIL;
    return sizeof OFFSETS_HEAD + sizeof OFFSETS_TAIL + (size_t)count * item;
}

static int32_t partition_of(const struct ingest_v2 *v2, uint64_t record)
{
    int32_t partition = v2->sink->defaults.partition;
    if (record < v2->partitions.size / sizeof partition)
        memcpy(&partition, v2->partitions.data + record * sizeof partition, sizeof partition);
    return partition;
}

void ingest_v2_render(const struct ingest_v2 *v2, struct buf *out)
{
    if (!buf_reserve(out, ingest_v2_render_size(v2->sink->count)))
        return;
    buf_append_string(out, OFFSETS_HEAD);
    for (uint64_t i = 0; i < v2->sink->count; i++) {
        int32_t partition = partition_of(v2, i);
        buf_append(out, OFFSET_HEAD, sizeof OFFSET_HEAD - 1);
        if (partition == SPOOL_PARTITION_ANY)
            buf_append(out, "null", 4);
        else
            buf_printf(out, "%" PRId32, partition);
        buf_append(out, OFFSET_TAIL, sizeof OFFSET_TAIL - 1);
    }
    out->size--; /* the last comma */
    buf_append_string(out, OFFSETS_TAIL);
}
