/* SPDX-License-Identifier: MIT
 * batch.c - events to request bodies. */
#include "agent/client/batch.h"

#include "base/base64.h"

#include <assert.h>

bool agent_batch_add(struct agent_batch *batch, uint64_t line, struct bytes key, struct bytes value)
{
    struct agent_batch_entry entry = {
        .line = line,
        .key_at = batch->bytes.size,
        .key_size = key.size,
        .value_at = batch->bytes.size + key.size,
        .value_size = value.size,
        .has_key = key.data != NULL,
        .has_value = value.data != NULL,
    };
    return buf_append(&batch->bytes, key.data, key.size) &&
           buf_append(&batch->bytes, value.data, value.size) &&
           buf_append(&batch->entries, &entry, sizeof entry);
}

size_t agent_batch_count(const struct agent_batch *batch)
{
    return batch->entries.size / sizeof(struct agent_batch_entry);
}

size_t agent_batch_bytes(const struct agent_batch *batch)
{
    return batch->bytes.size;
}

const struct agent_batch_entry *agent_batch_entry(const struct agent_batch *batch, size_t index)
{
    assert(index < agent_batch_count(batch));
    return (const struct agent_batch_entry *)(const void *)batch->entries.data + index;
}

void agent_batch_clear(struct agent_batch *batch)
{
    buf_clear(&batch->bytes);
    buf_clear(&batch->entries);
}

void agent_batch_done(struct agent_batch *batch)
{
    buf_free(&batch->bytes);
    buf_free(&batch->entries);
}

/* Stored bytes: empty is not null, even before the buffer has any memory. */
static struct bytes stored(const struct agent_batch *batch, bool has, size_t at, size_t size)
{
    if (!has)
        return BYTES_NULL;
    return size == 0 ? bytes_of("", 0) : bytes_of(batch->bytes.data + at, size);
}

static struct bytes key_of(const struct agent_batch *batch, const struct agent_batch_entry *entry)
{
    return stored(batch, entry->has_key, entry->key_at, entry->key_size);
}

static struct bytes value_of(const struct agent_batch *batch, const struct agent_batch_entry *entry)
{
    return stored(batch, entry->has_value, entry->value_at, entry->value_size);
}

/* Lines can't be empty, and the agent takes a CR at their end away. */
static bool is_line(const struct agent_batch *batch, const struct agent_batch_entry *entry)
{
    struct bytes value = value_of(batch, entry);
    return !entry->has_key && value.size > 0 && value.data[value.size - 1] != '\r' &&
           memchr(value.data, '\n', value.size) == NULL;
}

static bool all_lines(const struct agent_batch *batch, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (!is_line(batch, agent_batch_entry(batch, i)))
            return false;
    return batch->headers == NULL;
}

static void put_base64(struct buf *out, struct bytes bytes)
{
    if (bytes.data == NULL) {
        buf_append_string(out, "null");
        return;
    }
    buf_append_char(out, '"');
    base64_encode(bytes, out);
    buf_append_char(out, '"');
}

static void put_record(const struct agent_batch *batch, const struct agent_batch_entry *entry,
                       struct buf *out)
{
    buf_append_string(out, "{\"key\":");
    put_base64(out, key_of(batch, entry));
    buf_append_string(out, ",\"value\":");
    put_base64(out, value_of(batch, entry));
    if (batch->headers != NULL) {
        buf_append_string(out, ",\"headers\":");
        buf_append_string(out, batch->headers);
    }
    buf_append_char(out, '}');
}

bool agent_batch_render(const struct agent_batch *batch, size_t from, size_t to, struct buf *out,
                        const char **ret_content_type)
{
    bool lines = all_lines(batch, from, to);
    buf_append_string(out, lines ? "" : "{\"records\":[");
    for (size_t i = from; i < to; i++) {
        const struct agent_batch_entry *entry = agent_batch_entry(batch, i);
        struct bytes value = value_of(batch, entry);
        if (lines) {
            buf_append(out, value.data, value.size);
            buf_append_char(out, '\n');
            continue;
        }
        buf_append_string(out, i == from ? "" : ",");
        put_record(batch, entry, out);
    }
    buf_append_string(out, lines ? "" : "]}");
    *ret_content_type = lines ? "application/x-ndjson" : "application/vnd.kafka.binary.v2+json";
    return !out->failed;
}

bool agent_batch_header(struct buf *json, const char *text)
{
    size_t name_size = strcspn(text, "=");
    buf_append_string(json, json->size == 0 ? "[{\"key\":" : ",{\"key\":");
    buf_append_json_string(json, text, name_size);
    buf_append_string(json, ",\"value\":");
    put_base64(json, text[name_size] == '\0' ? BYTES_NULL : bytes_of_string(text + name_size + 1));
    return buf_append_char(json, '}');
}

bool agent_batch_headers_end(struct buf *json)
{
    return buf_append_char(json, ']') && buf_append_char(json, '\0') && !json->failed;
}
