/* SPDX-License-Identifier: MIT
 * json_text.h - JSON string literals in one canonical spelling. Pure.
 *
 * The same key must give the same bytes however a client spells it, since the bytes choose the
 * partition: escapes that are not needed are taken out, the others are written as most JSON writers
 * do. */
#ifndef PENSTOCK_INGEST_PARSE_JSON_TEXT_H
#define PENSTOCK_INGEST_PARSE_JSON_TEXT_H

#include "base/buf.h"

/* literal is a string literal of well-formed JSON, in its quotes; its escapes are known to be
 * complete. Both return false when it isn't UTF-8, or memory is out (then out->failed). */

/* Appends the literal in its canonical spelling, in quotes. Half a surrogate pair stays the escape
 * it was. */
bool ingest_json_text_literal(struct bytes literal, struct buf *out);

/* Appends the text that the literal stands for, as UTF-8; half a surrogate pair is no text:
 * false. */
bool ingest_json_text_decode(struct bytes literal, struct buf *out);

#endif
