/* SPDX-License-Identifier: MIT
 * ingest_json_text.c - JSON tokens as compact text. */
#include "ingest/ingest_json_text.h"

void ingest_json_text_start(struct ingest_json_text *text, struct buf *out)
{
    *text = (struct ingest_json_text){.out = out};
}

static void begin_item(struct ingest_json_text *text)
{
    if (!text->after_key && text->has_item[text->depth])
        buf_append_char(text->out, ',');
    text->has_item[text->depth] = 1;
    text->after_key = false;
}

void ingest_json_text_literal(struct ingest_json_text *text, const char *literal, size_t size)
{
    begin_item(text);
    buf_append(text->out, literal, size);
}

void ingest_json_text_string(struct ingest_json_text *text, const uint8_t *utf8, size_t size)
{
    begin_item(text);
    buf_append_json_string(text->out, (const char *)utf8, size);
}

void ingest_json_text_key(struct ingest_json_text *text, const uint8_t *utf8, size_t size)
{
    begin_item(text);
    buf_append_json_string(text->out, (const char *)utf8, size);
    buf_append_char(text->out, ':');
    text->after_key = true;
}

bool ingest_json_text_open(struct ingest_json_text *text, char bracket)
{
    if (text->depth == INGEST_JSON_DEPTH_MAX)
        return false;
    begin_item(text);
    buf_append_char(text->out, bracket);
    text->has_item[++text->depth] = 0;
    return true;
}

void ingest_json_text_close(struct ingest_json_text *text, char bracket)
{
    text->depth--;
    buf_append_char(text->out, bracket);
}
