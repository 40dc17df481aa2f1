/* SPDX-License-Identifier: MIT
 * batch.h - events of one topic that are sent in one request, and requests made of them. Pure
 * but for memory. */
#ifndef PENSTOCK_AGENT_CLIENT_BATCH_H
#define PENSTOCK_AGENT_CLIENT_BATCH_H

#include "base/buf.h"

/* Zero-initialised is empty. */
struct agent_batch {
    struct buf bytes;    /* keys and values */
    struct buf entries;  /* of struct agent_batch_entry */
    const char *headers; /* of every event, as JSON (an array), or NULL; borrowed */
};

struct agent_batch_entry {
    uint64_t line; /* number of the line that it came from */
    size_t key_at, key_size;
    size_t value_at, value_size;
    bool has_key, has_value;
};

bool agent_batch_add(struct agent_batch *batch, uint64_t line, struct bytes key,
                     struct bytes value); /* copies; false: no memory */
size_t agent_batch_count(const struct agent_batch *batch);
size_t agent_batch_bytes(const struct agent_batch *batch); /* of keys and values */
const struct agent_batch_entry *agent_batch_entry(const struct agent_batch *batch, size_t index);
void agent_batch_clear(struct agent_batch *batch);
void agent_batch_done(struct agent_batch *batch);

/* Body of a request for the events from … to - 1: lines when they can stand as such (no keys, no
 * headers, no bytes that lines would change), else JSON with base64. *ret_content_type is constant.
 * False: no memory. */
bool agent_batch_render(const struct agent_batch *batch, size_t from, size_t to, struct buf *out,
                        const char **ret_content_type);

/* Appends one more header to a JSON array being built: text is NAME=VALUE, or NAME for a null
 * value. The array is ended by agent_batch_headers_end(). */
bool agent_batch_header(struct buf *json, const char *text);
bool agent_batch_headers_end(struct buf *json);

#endif
