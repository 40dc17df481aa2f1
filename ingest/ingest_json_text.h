/* SPDX-License-Identifier: MIT
 * ingest_json_text.h - writes JSON tokens as compact text. Pure but for memory; failures show in the buf. */
#ifndef PENSTOCK_INGEST_JSON_TEXT_H
#define PENSTOCK_INGEST_JSON_TEXT_H

#include "base/buf.h"

#define INGEST_JSON_DEPTH_MAX 128

struct ingest_json_text {
    struct buf *out;
    unsigned depth;
    uint8_t has_item[INGEST_JSON_DEPTH_MAX + 1]; /* a comma is due before the next item of this level */
    bool after_key;
};

void ingest_json_text_start(struct ingest_json_text *text, struct buf *out);
void ingest_json_text_literal(struct ingest_json_text *text, const char *literal, size_t size); /* number, true, false, null */
void ingest_json_text_string(struct ingest_json_text *text, const uint8_t *utf8, size_t size);
void ingest_json_text_key(struct ingest_json_text *text, const uint8_t *utf8, size_t size);
bool ingest_json_text_open(struct ingest_json_text *text, char bracket); /* false: too deep */
void ingest_json_text_close(struct ingest_json_text *text, char bracket);

#endif
