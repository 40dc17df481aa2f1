/* SPDX-License-Identifier: MIT
 * buf.h - a growable byte buffer. Zero-initialised is empty; one thread at a time.
 *
 * Appending returns false when memory is out; the buffer then keeps what it had and remembers the
 * failure in `failed`, so that a long writer may check once at its end. */
#ifndef PENSTOCK_BASE_BUF_H
#define PENSTOCK_BASE_BUF_H

#include "base/bytes.h"

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

void buf_free(struct buf *buf); /* leaves an empty, usable buffer */
void buf_clear(struct buf *buf);
bool buf_reserve(struct buf *buf, size_t more_bytes); /* makes room for more_bytes more */
bool buf_append(struct buf *buf, const void *data, size_t size);
bool buf_append_string(struct buf *buf, const char *text);
bool buf_append_char(struct buf *buf, char c);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_append_json_string(struct buf *buf, const char *text,
                            size_t size); /* quoted and escaped; bytes >= 0x80 unchanged */
const char *buf_string(struct buf *buf);  /* NUL-terminated view, valid until the next append; ""
                                           * when memory is out */

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->size);
}

#endif
