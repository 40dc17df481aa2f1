/* SPDX-License-Identifier: MIT
 * ingest_v2.c - a state machine over libyajl's tokens; the only file that includes it. */
#include "ingest/ingest_v2.h"

#include "ingest/ingest_base64.h"
#include "ingest/ingest_json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <yajl/yajl_parse.h>

/* Where in the body the next token stands. */
enum place { AT_START, IN_BODY, IN_RECORDS, IN_RECORD, IN_HEADERS, IN_HEADER, AT_END };

/* What the value after a name is for. */
enum field {
    FIELD_NONE, FIELD_RECORDS, FIELD_KEY, FIELD_VALUE, FIELD_PARTITION, FIELD_TIMESTAMP, FIELD_HEADERS,
    FIELD_HEADER_NAME, FIELD_HEADER_VALUE, FIELD_IGNORED,
};

struct parser {
    enum ingest_format format;
    struct ingest_sink *sink;
    struct buf *partitions;
    struct ingest_problem *problem;
    enum place place;
    enum field field;
    bool records_seen;
    uint64_t record;             /* number of the one being read, from 0 */
    unsigned fields_seen;        /* bits of enum field, in this record or header */
    unsigned record_fields_seen; /* kept while in a header */
    unsigned nested;             /* depth inside a captured or ignored value */
    bool capturing;
    struct ingest_json_text text;
    struct buf key, value, header_name, header_value, headers;
    bool key_null, value_null, header_value_null;
    uint32_t header_count;
    int64_t time_ms;             /* -1: none named */
    int32_t partition;
};

static int fail(struct parser *parser, const char *what)
{
    ingest_problem_set(parser->problem, 422, INGEST_PAYLOAD, "record %" PRIu64 ": %s", parser->record, what);
    return 0;
}

static int fail_body(struct parser *parser, const char *what)
{
    ingest_problem_set(parser->problem, 422, INGEST_PAYLOAD, "%s", what);
    return 0;
}

/* ---- records and headers ---------------------------------------------------------------------------------------- */

static void begin_record(struct parser *parser)
{
    buf_clear(&parser->key);
    buf_clear(&parser->value);
    buf_clear(&parser->headers);
    parser->key_null = parser->value_null = true;
    parser->header_count = 0;
    parser->fields_seen = 0;
    parser->field = FIELD_NONE;
    parser->time_ms = -1;
    parser->partition = parser->sink->defaults.partition;
    parser->place = IN_RECORD;
}

/* Empty is not null: a view of nothing still needs an address. */
static struct bytes view(const struct buf *buf, bool null)
{
    static const uint8_t nothing[1];
    if (null)
        return BYTES_NULL;
    return buf->size == 0 ? bytes_of(nothing, 0) : buf_bytes(buf);
}

static int end_record(struct parser *parser)
{
    struct spool_event event = parser->sink->defaults;
    if (parser->fields_seen & 1u << FIELD_KEY)
        event.key = view(&parser->key, parser->key_null);
    event.value = view(&parser->value, parser->value_null);
    event.headers = buf_bytes(&parser->headers);
    event.header_count = parser->header_count;
    event.partition = parser->partition;
    if (parser->time_ms >= 0) {
        event.time_ms = parser->time_ms;
        event.client_time = true;
    }
    if (parser->key.failed || parser->value.failed || parser->headers.failed)
        return fail(parser, "out of memory");
    if (!ingest_sink_put(parser->sink, &event, "record", parser->record, parser->problem))
        return 0;
    if (parser->partitions != NULL)
        buf_append(parser->partitions, &parser->partition, sizeof parser->partition);
    parser->record++;
    parser->place = IN_RECORDS;
    return 1;
}

static int end_header(struct parser *parser)
{
    if (!(parser->fields_seen & 1u << FIELD_HEADER_NAME))
        return fail(parser, "a header has no \"key\"");
    struct spool_header header = {view(&parser->header_name, false), view(&parser->header_value, parser->header_value_null)};
    size_t size = spool_headers_size(&header, 1);
    if (!buf_reserve(&parser->headers, size))
        return fail(parser, "out of memory");
    spool_headers_put(parser->headers.data + parser->headers.size, &header, 1);
    parser->headers.size += size;
    parser->header_count++;
    parser->fields_seen = parser->record_fields_seen;
    parser->place = IN_HEADERS;
    return 1;
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

/* Where a record's key or value goes; NULL when the token stands elsewhere. */
static struct buf *free_form_target(struct parser *parser, bool **ret_null)
{
    if (parser->place != IN_RECORD || (parser->field != FIELD_KEY && parser->field != FIELD_VALUE))
        return NULL;
    *ret_null = parser->field == FIELD_KEY ? &parser->key_null : &parser->value_null;
    return parser->field == FIELD_KEY ? &parser->key : &parser->value;
}

static const struct {
    enum field field;
    const char *what;
} wrong_types[] = {
    {FIELD_PARTITION, "\"partition\" is no whole number from 0 to 2147483647"},
    {FIELD_TIMESTAMP, "\"timestamp\" is no whole number of milliseconds since 1970"},
    {FIELD_HEADERS, "\"headers\" is no array of {\"key\", \"value\"}"},
    {FIELD_HEADER_NAME, "\"key\" of a header is no string"},
    {FIELD_HEADER_VALUE, "\"value\" of a header is no base64 string"},
    {FIELD_KEY, "\"key\" is no base64 string"},
    {FIELD_VALUE, "\"value\" is no base64 string"},
};

static int wrong_type(struct parser *parser)
{
    if (parser->place == IN_BODY && parser->field == FIELD_RECORDS)
        return fail_body(parser, "\"records\" is no array");
    if (parser->place == IN_RECORDS)
        return fail(parser, "is no object");
    if (parser->place == IN_HEADERS)
        return fail(parser, "a header is no object");
    for (size_t i = 0; i < sizeof wrong_types / sizeof wrong_types[0]; i++)
        if (wrong_types[i].field == parser->field)
            return fail(parser, wrong_types[i].what);
    return fail_body(parser, "the body is no object with \"records\"");
}

/* A number, true, false or null. */
static int on_literal(struct parser *parser, const char *literal, size_t size)
{
    bool *null = NULL;
    if (parser->nested > 0) {
        if (parser->capturing)
            ingest_json_text_literal(&parser->text, literal, size);
        return 1;
    }
    struct buf *target = free_form_target(parser, &null);
    if (target != NULL && parser->format == INGEST_JSON_V2) {
        buf_append(target, literal, size);
        *null = false;
        return 1;
    }
    return parser->field == FIELD_IGNORED ? 1 : wrong_type(parser);
}

static int on_null(void *arg)
{
    struct parser *parser = arg;
    bool nullable = parser->nested == 0 && ((parser->place == IN_RECORD && parser->field != FIELD_NONE) ||
                                            (parser->place == IN_HEADER && parser->field == FIELD_HEADER_VALUE));
    return nullable ? 1 : on_literal(parser, "null", 4);
}

static int on_boolean(void *arg, int value)
{
    return on_literal(arg, value ? "true" : "false", value ? 4 : 5);
}

static int on_number(void *arg, const char *text, size_t size)
{
    struct parser *parser = arg;
    bool ours = parser->nested == 0 && parser->place == IN_RECORD &&
                (parser->field == FIELD_PARTITION || parser->field == FIELD_TIMESTAMP);
    if (!ours)
        return on_literal(parser, text, size);
    char copy[24];
    int64_t number, max = parser->field == FIELD_PARTITION ? INT32_MAX : SPOOL_FRAME_TIME_MS_MAX;
    if (size >= sizeof copy)
        return wrong_type(parser);
    snprintf(copy, sizeof copy, "%.*s", (int)size, text);
    if (!ingest_number_parse(copy, max, &number))
        return wrong_type(parser);
    if (parser->field == FIELD_TIMESTAMP)
        parser->time_ms = number;
    else
        parser->partition = (int32_t)number;
    return 1;
}

static int put_base64(struct parser *parser, struct buf *target, bool *null, const unsigned char *text, size_t size)
{
    buf_clear(target);
    *null = false;
    return ingest_base64_decode(bytes_of(text, size), target) ? 1 : wrong_type(parser);
}

static int on_string(void *arg, const unsigned char *text, size_t size)
{
    struct parser *parser = arg;
    bool *null = NULL;
    if (parser->nested > 0) {
        if (parser->capturing)
            ingest_json_text_string(&parser->text, text, size);
        return 1;
    }
    struct buf *target = free_form_target(parser, &null);
    if (target != NULL && parser->format == INGEST_BINARY_V2)
        return put_base64(parser, target, null, text, size);
    if (target != NULL) {
        *null = false;
        buf_append_json_string(target, (const char *)text, size);
        return 1;
    }
    if (parser->place == IN_HEADER && parser->field == FIELD_HEADER_NAME) {
        buf_clear(&parser->header_name);
        buf_append(&parser->header_name, text, size);
        return 1;
    }
    if (parser->place == IN_HEADER && parser->field == FIELD_HEADER_VALUE)
        return put_base64(parser, &parser->header_value, &parser->header_value_null, text, size);
    return parser->field == FIELD_IGNORED ? 1 : wrong_type(parser);
}

/* ---- structure ------------------------------------------------------------------------------------------------------ */

/* Goes into a value that is captured as text, or ignored. */
static int open_nested(struct parser *parser, char bracket)
{
    if (parser->nested == 0) {
        bool *null = NULL;
        struct buf *target = free_form_target(parser, &null);
        parser->capturing = target != NULL && parser->format == INGEST_JSON_V2;
        if (!parser->capturing && parser->field != FIELD_IGNORED)
            return wrong_type(parser);
        if (parser->capturing) {
            *null = false;
            ingest_json_text_start(&parser->text, target);
        }
    }
    if (++parser->nested > INGEST_JSON_DEPTH_MAX)
        return fail(parser, "nested too deep (128 levels)");
    if (parser->capturing)
        ingest_json_text_open(&parser->text, bracket);
    return 1;
}

static int close_nested(struct parser *parser, char bracket)
{
    if (parser->capturing)
        ingest_json_text_close(&parser->text, bracket);
    parser->nested--;
    return 1;
}

static int on_start_map(void *arg)
{
    struct parser *parser = arg;
    if (parser->nested > 0)
        return open_nested(parser, '{');
    switch (parser->place) {
    case AT_START:
        parser->place = IN_BODY;
        return 1;
    case IN_RECORDS:
        begin_record(parser);
        return 1;
    case IN_HEADERS:
        parser->record_fields_seen = parser->fields_seen;
        parser->fields_seen = 0;
        parser->header_value_null = true;
        parser->place = IN_HEADER;
        return 1;
    default:
        return open_nested(parser, '{');
    }
}

static int on_end_map(void *arg)
{
    struct parser *parser = arg;
    if (parser->nested > 0)
        return close_nested(parser, '}');
    if (parser->place == IN_RECORD)
        return end_record(parser);
    if (parser->place == IN_HEADER)
        return end_header(parser);
    parser->place = AT_END;
    return 1;
}

static int on_start_array(void *arg)
{
    struct parser *parser = arg;
    if (parser->nested == 0 && parser->place == IN_BODY && parser->field == FIELD_RECORDS) {
        parser->records_seen = true;
        parser->place = IN_RECORDS;
        return 1;
    }
    if (parser->nested == 0 && parser->place == IN_RECORD && parser->field == FIELD_HEADERS) {
        parser->place = IN_HEADERS;
        return 1;
    }
    if (parser->nested == 0 && (parser->place == IN_RECORDS || parser->place == IN_HEADERS))
        return wrong_type(parser);
    return open_nested(parser, '[');
}

static int on_end_array(void *arg)
{
    struct parser *parser = arg;
    if (parser->nested > 0)
        return close_nested(parser, ']');
    parser->place = parser->place == IN_HEADERS ? IN_RECORD : IN_BODY;
    parser->field = FIELD_NONE;
    return 1;
}

static const struct {
    enum place place;
    const char *name;
    enum field field;
} names[] = {
    {IN_BODY, "records", FIELD_RECORDS},       {IN_RECORD, "key", FIELD_KEY},
    {IN_RECORD, "value", FIELD_VALUE},         {IN_RECORD, "partition", FIELD_PARTITION},
    {IN_RECORD, "timestamp", FIELD_TIMESTAMP}, {IN_RECORD, "headers", FIELD_HEADERS},
    {IN_HEADER, "key", FIELD_HEADER_NAME},     {IN_HEADER, "value", FIELD_HEADER_VALUE},
};

static int on_name(void *arg, const unsigned char *name, size_t size)
{
    struct parser *parser = arg;
    if (parser->nested > 0) {
        if (parser->capturing)
            ingest_json_text_key(&parser->text, name, size);
        return 1;
    }
    parser->field = FIELD_IGNORED; /* key_schema_id and the like mean nothing for these formats */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].place == parser->place && size == strlen(names[i].name) && memcmp(name, names[i].name, size) == 0)
            parser->field = names[i].field;
    if (parser->field == FIELD_IGNORED)
        return 1;
    if (parser->field == FIELD_RECORDS)
        return parser->records_seen ? fail_body(parser, "\"records\" stands twice") : 1;
    if (parser->fields_seen & 1u << parser->field) {
        char what[64];
        snprintf(what, sizeof what, "\"%.*s\" stands twice", (int)size, (const char *)name);
        return fail(parser, what);
    }
    parser->fields_seen |= 1u << parser->field;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null, .yajl_boolean = on_boolean, .yajl_number = on_number, .yajl_string = on_string,
    .yajl_start_map = on_start_map, .yajl_map_key = on_name, .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array, .yajl_end_array = on_end_array,
};

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

static bool run(struct parser *parser, struct bytes body)
{
    yajl_handle yajl = yajl_alloc(&callbacks, NULL, parser);
    if (yajl == NULL)
        return ingest_problem_set(parser->problem, 503, INGEST_RETRY, "out of memory, nothing stored, retry");
    yajl_status status = yajl_parse(yajl, body.data, body.size);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(yajl);
    if (status != yajl_status_ok && parser->problem->status == 0) {
        unsigned char *text = yajl_get_error(yajl, 0, body.data, body.size);
        ingest_problem_set(parser->problem, 422, INGEST_PAYLOAD, "malformed JSON near byte %zu: %.*s", yajl_get_bytes_consumed(yajl),
                           (int)strcspn((const char *)text, "\n"), (const char *)text);
        yajl_free_error(yajl, text);
    }
    yajl_free(yajl);
    return parser->problem->status == 0;
}

bool ingest_v2_parse(struct bytes body, enum ingest_format format, struct ingest_sink *sink, struct buf *partitions,
                     struct ingest_problem *problem)
{
    if (body.size == 0)
        return ingest_problem_set(problem, 422, INGEST_PAYLOAD, "Request body is empty. Data is required.");
    struct parser parser = {.format = format, .sink = sink, .partitions = partitions, .problem = problem};
    bool ok = run(&parser, body);
    if (ok && !parser.records_seen)
        ok = ingest_problem_set(problem, 422, INGEST_PAYLOAD, "the body has no \"records\"");
    if (ok && sink->count == 0)
        ok = ingest_problem_set(problem, 422, INGEST_PAYLOAD, "\"records\" is empty");
    buf_free(&parser.key);
    buf_free(&parser.value);
    buf_free(&parser.headers);
    buf_free(&parser.header_name);
    buf_free(&parser.header_value);
    return ok;
}

void ingest_v2_render(uint64_t count, const struct buf *partitions, struct buf *out)
{
    buf_append_string(out, "{\"offsets\":[");
    for (uint64_t i = 0; i < count; i++) {
        int32_t partition = SPOOL_PARTITION_ANY;
        if ((i + 1) * sizeof partition <= partitions->size)
            memcpy(&partition, partitions->data + i * sizeof partition, sizeof partition);
        buf_append_string(out, i == 0 ? "" : ",");
        if (partition >= 0)
            buf_printf(out, "{\"partition\":%" PRId32 ",\"offset\":null,\"error_code\":null,\"error\":null}", partition);
        else
            buf_append_string(out, "{\"partition\":null,\"offset\":null,\"error_code\":null,\"error\":null}");
    }
    buf_append_string(out, "],\"key_schema_id\":null,\"value_schema_id\":null}");
}
