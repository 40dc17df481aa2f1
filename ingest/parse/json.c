/* SPDX-License-Identifier: MIT
 * json.c - JSON in pieces to tokens of source text, around yajl.
 *
 * yajl hands over decoded strings only, and decodes half surrogate pairs to other text. A
 * token's source is found by its place instead: during a callback, yajl_get_bytes_consumed()
 * stands right after the token. Between the end of the token before and that place lie white space,
 * at most one separator, and the token. */
#include "ingest/parse/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

struct ingest_json {
    yajl_handle yajl;
    ingest_json_fn *on_token;
    void *arg;
    struct bytes piece; /* the piece being fed */
    size_t mark;        /* end of the last token in the piece */
    struct buf carried; /* rest of earlier pieces, after their last token */
    size_t fed_bytes;   /* in earlier pieces */
    unsigned depth;
    char error[128]; /* no error: "" */
};

static struct bytes skip_to_token(struct bytes span, char *ret_separator)
{
    *ret_separator = 0;
    for (; span.size > 0; span.data++, span.size--) {
        uint8_t c = span.data[0];
        if (c == ',' || c == ':')
            *ret_separator = (char)c;
        else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            break;
    }
    return span;
}

static int emit(struct ingest_json *json, enum ingest_json_kind kind, const unsigned char *text,
                size_t size)
{
    struct ingest_json_token token = {.kind = kind, .text = bytes_of(text, size)};
    size_t end = yajl_get_bytes_consumed(json->yajl);
    struct bytes span = bytes_of(json->piece.data + json->mark, end - json->mark);
    if (json->carried.size > 0) {
        if (!buf_append(&json->carried, span.data, span.size)) {
            snprintf(json->error, sizeof json->error, "out of memory");
            return 0;
        }
        span = buf_bytes(&json->carried);
    }
    token.source = skip_to_token(span, &token.separator);
    bool go_on = json->on_token(json->arg, &token);
    json->mark = end;
    buf_clear(&json->carried);
    return go_on;
}

static int on_null(void *json)
{
    return emit(json, INGEST_JSON_NULL, NULL, 0);
}

static int on_boolean(void *json, int value)
{
    (void)value;
    return emit(json, INGEST_JSON_BOOL, NULL, 0);
}

static int on_number(void *json, const char *text, size_t size)
{
    return emit(json, INGEST_JSON_NUMBER, (const unsigned char *)text, size);
}

static int on_string(void *json, const unsigned char *text, size_t size)
{
    return emit(json, INGEST_JSON_STRING, text, size);
}

static int on_name(void *json, const unsigned char *text, size_t size)
{
    return emit(json, INGEST_JSON_NAME, text, size);
}

static int open_nested(struct ingest_json *json, enum ingest_json_kind kind)
{
    if (++json->depth > INGEST_JSON_DEPTH_MAX) {
        snprintf(json->error, sizeof json->error, "nested more than %d deep",
                 INGEST_JSON_DEPTH_MAX);
        return 0;
    }
    return emit(json, kind, NULL, 0);
}

static int on_object(void *json)
{
    return open_nested(json, INGEST_JSON_OBJECT);
}

static int on_array(void *json)
{
    return open_nested(json, INGEST_JSON_ARRAY);
}

static int on_object_end(void *json)
{
    ((struct ingest_json *)json)->depth--;
    return emit(json, INGEST_JSON_OBJECT_END, NULL, 0);
}

static int on_array_end(void *json)
{
    ((struct ingest_json *)json)->depth--;
    return emit(json, INGEST_JSON_ARRAY_END, NULL, 0);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_name,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_array_end,
};

struct ingest_json *ingest_json_new(ingest_json_fn *on_token, void *arg)
{
    struct ingest_json *json = calloc(1, sizeof *json);
    if (json == NULL)
        return NULL;
    json->on_token = on_token;
    json->arg = arg;
    json->yajl = yajl_alloc(&callbacks, NULL, json);
    if (json->yajl == NULL) {
        free(json);
        return NULL;
    }
    return json;
}

void ingest_json_free(struct ingest_json *json)
{
    if (json == NULL)
        return;
    yajl_free(json->yajl);
    buf_free(&json->carried);
    free(json);
}

/* "parse error: premature EOF\n" → "premature EOF at byte 12" */
static void keep_error(struct ingest_json *json)
{
    if (json->error[0] != '\0')
        return;
    unsigned char *raw = yajl_get_error(json->yajl, 0, NULL, 0);
    const char *text = raw == NULL ? "not JSON" : (const char *)raw;
    const char *colon = strstr(text, ": ");
    text = colon == NULL ? text : colon + 2;
    snprintf(json->error, sizeof json->error, "%.*s at byte %zu", (int)strcspn(text, "\n"), text,
             json->fed_bytes + yajl_get_bytes_consumed(json->yajl));
    if (raw != NULL)
        yajl_free_error(json->yajl, raw);
}

static bool settle(struct ingest_json *json, yajl_status status)
{
    if (status == yajl_status_error)
        keep_error(json);
    return status == yajl_status_ok;
}

bool ingest_json_feed(struct ingest_json *json, struct bytes piece)
{
    json->piece = piece;
    json->mark = 0;
    if (!settle(json, yajl_parse(json->yajl, piece.data, piece.size)))
        return false;
    json->fed_bytes += piece.size;
    if (buf_append(&json->carried, piece.data + json->mark, piece.size - json->mark))
        return true;
    snprintf(json->error, sizeof json->error, "out of memory");
    return false;
}

bool ingest_json_finish(struct ingest_json *json)
{
    json->piece = bytes_of(" ", 1); /* the byte that yajl feeds itself to end a number */
    json->mark = 0;
    return settle(json, yajl_complete_parse(json->yajl));
}

const char *ingest_json_error(const struct ingest_json *json)
{
    return json->error[0] == '\0' ? NULL : json->error;
}
