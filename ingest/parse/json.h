/* SPDX-License-Identifier: MIT
 * json.h - the seam to the JSON library: a body comes in pieces of any size, tokens go out.
 * Pure.
 *
 * Tokens are source text, so numbers keep their digits and strings their escapes. Well-formedness
 * is checked here: JSON of RFC 8259, one value, nested at most INGEST_JSON_DEPTH_MAX deep, no
 * comments, nothing after it. Whether strings are proper UTF-8 is ingest_json_text's to say. */
#ifndef PENSTOCK_INGEST_PARSE_JSON_H
#define PENSTOCK_INGEST_PARSE_JSON_H

#include "base/buf.h"

#define INGEST_JSON_DEPTH_MAX 128

enum ingest_json_kind {
    INGEST_JSON_NULL,
    INGEST_JSON_BOOL,
    INGEST_JSON_NUMBER,
    INGEST_JSON_STRING,
    INGEST_JSON_NAME, /* of a member; the tokens of its value follow */
    INGEST_JSON_OBJECT,
    INGEST_JSON_OBJECT_END,
    INGEST_JSON_ARRAY,
    INGEST_JSON_ARRAY_END,
};

/* The views live until the callback returns. */
struct ingest_json_token {
    enum ingest_json_kind kind;
    char separator;      /* the ',' or ':' in front of it, or 0 */
    struct bytes source; /* as it stands in the body: "\"a\\n\"", "1.0e2", "{" */
    struct bytes text;   /* STRING and NAME: without quotes and escapes, but see
                          * ingest_json_text_decode() */
};

/* False ends the parsing; the callback has kept the reason. */
typedef bool ingest_json_fn(void *arg, const struct ingest_json_token *token);

struct ingest_json;

struct ingest_json *ingest_json_new(ingest_json_fn *on_token, void *arg); /* NULL: out of memory */
void ingest_json_free(struct ingest_json *json);                          /* NULL is fine */

/* Feeding and finishing return false after the callback did, or when the text is not JSON or memory
 * is out; no further call may follow then. */
bool ingest_json_feed(struct ingest_json *json, struct bytes piece);
bool ingest_json_finish(struct ingest_json *json);

/* Error in the text; NULL when there was none (so the callback has the reason). */
const char *ingest_json_error(const struct ingest_json *json);

#endif
