/* SPDX-License-Identifier: MIT
 * buf.c - a growable byte buffer. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

bool buf_reserve(struct buf *buf, size_t more_bytes)
{
    if (more_bytes <= buf->capacity - buf->size)
        return true;
    size_t need = buf->size + more_bytes;
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < need && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    uint8_t *data = need < buf->size || capacity < need ? NULL : realloc(buf->data, capacity);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

bool buf_append(struct buf *buf, const void *data, size_t size)
{
    if (!buf_reserve(buf, size))
        return false;
    if (size > 0)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    return true;
}

bool buf_append_string(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

bool buf_append_char(struct buf *buf, char c)
{
    return buf_append(buf, &c, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || !buf_reserve(buf, (size_t)size + 1))
        return false;
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, args);
    va_end(args);
    buf->size += (size_t)size;
    return true;
}

bool buf_append_json_string(struct buf *buf, const char *text, size_t size)
{
    buf_append_char(buf, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            buf_append_char(buf, '\\');
            buf_append_char(buf, (char)c);
        } else if (c < 0x20) {
            buf_printf(buf, "\\u%04x", c);
        } else {
            buf_append_char(buf, (char)c);
        }
    }
    return buf_append_char(buf, '"') && !buf->failed;
}

const char *buf_string(struct buf *buf)
{
    if (!buf_reserve(buf, 1))
        return "";
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}
