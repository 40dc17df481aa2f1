/* SPDX-License-Identifier: MIT
 * event.c - the headers of an event as bytes (docs/spool-format.md §3), and back. */
#include "spool/spool_event.h"

#include "base/codec.h"

#include <string.h>

size_t spool_headers_size(const struct spool_header *headers, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += codec_varint_size(headers[i].name.size) + headers[i].name.size;
        size += headers[i].value.data == NULL
                    ? 1
                    : codec_varint_size(headers[i].value.size + 1) + headers[i].value.size;
    }
    return size;
}

uint8_t *spool_headers_put(uint8_t *p, const struct spool_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        p = codec_put_bytes(codec_put_varint(p, headers[i].name.size), headers[i].name);
        if (headers[i].value.data == NULL)
            p = codec_put_varint(p, 0);
        else
            p = codec_put_bytes(codec_put_varint(p, headers[i].value.size + 1), headers[i].value);
    }
    return p;
}

bool spool_headers_next(struct bytes *rest, struct spool_header *ret)
{
    if (rest->size == 0)
        return false;
    struct codec_in in = codec_in_of(rest->data, rest->size);
    struct spool_header header = {.name = codec_in_bytes(&in, codec_in_varint(&in))};
    uint64_t value_size_plus_1 = codec_in_varint(&in);
    if (value_size_plus_1 > 0)
        header.value = codec_in_bytes(&in, value_size_plus_1 - 1);
    if (!in.ok)
        return false;
    *rest = bytes_of(in.p, codec_in_left(&in));
    *ret = header;
    return true;
}
