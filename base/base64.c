/* SPDX-License-Identifier: MIT
 * base64.c - strict standard base64. */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes a group of four; returns how many bytes it holds, 0 when malformed. */
static unsigned decode_group(const uint8_t *p, bool last, uint8_t out[3])
{
    unsigned padding = last && p[3] == '=' ? (p[2] == '=' ? 2 : 1) : 0;
    uint32_t bits = 0;
    for (unsigned i = 0; i < 4; i++) {
        int value = i < 4 - padding ? value_of(p[i]) : 0;
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
    }
    if (bits & ((1u << (8 * padding)) - 1))
        return 0; /* bits beyond the data must be zero */
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    return 3 - padding;
}

bool base64_decode(struct bytes text, struct buf *out)
{
    size_t size_before = out->size;
    if (text.size % 4 != 0 || !buf_reserve(out, text.size / 4 * 3 + 1))
        return false;
    for (size_t at = 0; at < text.size; at += 4) {
        unsigned size = decode_group(text.data + at, at + 4 == text.size, out->data + out->size);
        if (size == 0) {
            out->size = size_before;
            return false;
        }
        out->size += size;
    }
    return true;
}

bool base64_encode(struct bytes data, struct buf *out)
{
    for (size_t at = 0; at < data.size; at += 3) {
        uint32_t bits = (uint32_t)data.data[at] << 16;
        bits |= at + 1 < data.size ? (uint32_t)data.data[at + 1] << 8 : 0;
        bits |= at + 2 < data.size ? data.data[at + 2] : 0;
        char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                         (char)(at + 1 < data.size ? alphabet[bits >> 6 & 63] : '='),
                         (char)(at + 2 < data.size ? alphabet[bits & 63] : '=')};
        buf_append(out, group, 4);
    }
    return !out->failed;
}
