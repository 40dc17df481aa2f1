/* SPDX-License-Identifier: MIT
 * load_value.h - the events of the load generator: unique, self-describing, and no easy prey for a
 * compressor.
 *
 * A value is "<sender>-<connection>-<number>-" and padding of hex digits that don't repeat within
 * any window that lz4 looks at. */
#ifndef PENSTOCK_TESTS_LOAD_VALUE_H
#define PENSTOCK_TESTS_LOAD_VALUE_H

#include "base/buf.h"

#include <inttypes.h>

enum { LOAD_PADDING_SIZE = 1 << 20 };

static inline const char *load_padding(void)
{
    static char padding[LOAD_PADDING_SIZE];
    uint64_t x = 88172645463325252ull; /* xorshift64 */
    for (size_t i = 0; padding[LOAD_PADDING_SIZE - 1] == 0 && i < LOAD_PADDING_SIZE; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        padding[i] = "0123456789abcdef"[x & 15];
    }
    return padding;
}

static inline char *load_number(char *end, uint64_t number)
{
    do
        *--end = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    return end;
}

/* Appends one value of `size` bytes (longer only if its name is). */
static inline void load_value_put(struct buf *out, const char *sender, int connection,
                                  uint64_t number, size_t size)
{
    char text[64], *end = text + sizeof text, *at = end;
    const char *padding = load_padding();
    size_t start = out->size;
    *--at = '-';
    at = load_number(at, number);
    *--at = '-';
    at = load_number(at, (uint64_t)connection);
    *--at = '-';
    buf_append(out, sender, strlen(sender));
    buf_append(out, at, (size_t)(end - at));
    for (size_t from = (size_t)(number * 208 + (uint64_t)connection * 65521) % LOAD_PADDING_SIZE;
         out->size - start < size; from = 0) {
        size_t piece = size - (out->size - start);
        buf_append(out, padding + from,
                   piece < LOAD_PADDING_SIZE - from ? piece : LOAD_PADDING_SIZE - from);
    }
}

#endif
