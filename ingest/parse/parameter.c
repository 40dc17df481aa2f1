/* SPDX-License-Identifier: MIT
 * parameter.c - values in paths and queries as text. */
#include "ingest/ingest_parameter.h"

#include <string.h>

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ingest_percent_decode(struct bytes text, uint8_t *out, size_t size_max, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (size == size_max)
            return false;
        out[size++] = c;
    }
    *ret_size = size;
    return true;
}

bool ingest_number_parse(const char *text, int64_t max, int64_t *ret_number)
{
    int64_t number = 0;
    if (text[0] == '\0' || strlen(text) > 18)
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return false;
        number = number * 10 + (*p - '0');
    }
    if (number > max)
        return false;
    *ret_number = number;
    return true;
}
