/* SPDX-License-Identifier: MIT
 * json_text.c - JSON string literals in one canonical spelling. */
#include "ingest/parse/json_text.h"

#include <stdio.h>

#define INVALID UINT32_MAX

static uint32_t hex4(const uint8_t *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* Reads the digits after "\u": one escape, or two that make a pair. Half a pair is returned as it
 * is. */
static uint32_t take_hex_escape(const uint8_t **p, const uint8_t *end)
{
    if (end - *p < 4)
        return INVALID;
    uint32_t first = hex4(*p);
    *p += 4;
    if (first < 0xd800 || first > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return first;
    uint32_t second = hex4(*p + 2);
    if (second < 0xdc00 || second > 0xdfff)
        return first;
    *p += 6;
    return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

static uint32_t take_escape(const uint8_t **p, const uint8_t *end)
{
    if (*p == end)
        return INVALID;
    switch (*(*p)++) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': return take_hex_escape(p, end);
    default: return (*p)[-1]; /* quote, backslash, slash */
    }
}

/* Reads a character of more than one byte; overlong forms, halves of pairs and numbers beyond
 * Unicode are invalid. */
static uint32_t take_utf8(const uint8_t **p, const uint8_t *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = *(*p)++;
    int size = lead >= 0xf0 && lead < 0xf8   ? 4
               : lead >= 0xe0 && lead < 0xf0 ? 3
               : lead >= 0xc0 && lead < 0xe0 ? 2
                                             : 0;
    if (size == 0 || end - *p < size - 1)
        return INVALID;
    uint32_t value = lead & (0x7fu >> size);
    for (int i = 1; i < size; i++) {
        uint8_t next = *(*p)++;
        if ((next & 0xc0) != 0x80)
            return INVALID;
        value = value << 6 | (next & 0x3f);
    }
    return value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) ? INVALID
                                                                                           : value;
}

static uint32_t take_character(const uint8_t **p, const uint8_t *end)
{
    if (**p >= 0x80)
        return take_utf8(p, end);
    if (*(*p)++ != '\\')
        return (*p)[-1];
    return take_escape(p, end);
}

static void put_utf8(struct buf *out, uint32_t c)
{
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    uint8_t text[4];
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, c >>= 6)
        text[i] = (uint8_t)(0x80 | (c & 0x3f));
    text[0] = (uint8_t)(leads[size] | c);
    buf_append(out, text, size);
}

static void put_escaped(struct buf *out, uint32_t c)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char text[8];
    if (c == '"' || c == '\\')
        snprintf(text, sizeof text, "\\%c", (char)c);
    else if (c < sizeof letters && letters[c] != 0)
        snprintf(text, sizeof text, "\\%c", letters[c]);
    else
        snprintf(text, sizeof text, "\\u%04X", (unsigned)(c & 0xffff));
    buf_append_string(out, text);
}

static bool is_half_pair(uint32_t c)
{
    return c >= 0xd800 && c <= 0xdfff;
}

/* Counts the bytes from p on that stand for themselves. */
static size_t plain_run(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *start = p;
    while (p < end && *p < 0x80 && *p != '\\')
        p++;
    return (size_t)(p - start);
}

static bool walk(struct bytes literal, bool as_literal, struct buf *out)
{
    const uint8_t *p = literal.data + 1, *end = literal.data + literal.size - 1;
    while (p < end) {
        size_t run = plain_run(p, end);
        buf_append(out, p, run);
        p += run;
        if (p == end)
            break;
        uint32_t c = take_character(&p, end);
        if (c == INVALID || (!as_literal && is_half_pair(c)))
            return false;
        if (as_literal && (c < 0x20 || c == '"' || c == '\\' || is_half_pair(c)))
            put_escaped(out, c);
        else
            put_utf8(out, c);
    }
    return !out->failed;
}

bool ingest_json_text_literal(struct bytes literal, struct buf *out)
{
    buf_append_char(out, '"');
    bool ok = walk(literal, true, out);
    buf_append_char(out, '"');
    return ok && !out->failed;
}

bool ingest_json_text_decode(struct bytes literal, struct buf *out)
{
    return walk(literal, false, out);
}
