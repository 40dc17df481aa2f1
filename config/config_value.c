/* SPDX-License-Identifier: MIT
 * config_value.c - sizes, durations and the like: texts to numbers and back. */
#include "config/config_value.h"

#include <inttypes.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", 1000000000000},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
};

static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* Reads digits and moves *text to after them. */
static bool digits(const char **text, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    const char *p = *text;
    for (; *p >= '0' && *p < (char)('0' + base); p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    if (p == *text)
        return false;
    *text = p;
    *ret = value;
    return true;
}

static bool with_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
    uint64_t value;
    if (!digits(&text, 10, &value))
        return false;
    if (*text == ' ' && text[1] != '\0')
        text++;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i].name, text) != 0)
            continue;
        if (value > UINT64_MAX / units[i].factor)
            return false;
        *ret = value * units[i].factor;
        return true;
    }
    return false;
}

bool config_value_count(const char *text, uint64_t *ret_count)
{
    uint64_t value;
    if (!digits(&text, 10, &value) || *text != '\0')
        return false;
    *ret_count = value;
    return true;
}

bool config_value_size(const char *text, uint64_t *ret_bytes)
{
    return with_unit(text, size_units, LENGTH(size_units), ret_bytes);
}

bool config_value_duration(const char *text, uint64_t *ret_ms)
{
    return with_unit(text, duration_units, LENGTH(duration_units), ret_ms);
}

bool config_value_mode(const char *text, uint64_t *ret_mode)
{
    uint64_t value;
    if (strncmp(text, "0o", 2) == 0)
        text += 2;
    if (!digits(&text, 8, &value) || *text != '\0')
        return false;
    *ret_mode = value;
    return true;
}

bool config_value_bool(const char *text, uint64_t *ret_bool)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return false;
    *ret_bool = yes;
    return true;
}

static void format_largest(uint64_t value, const struct unit *units, size_t count, struct buf *out)
{
    const struct unit *best = &units[0];
    for (size_t i = 1; value != 0 && i < count; i++)
        if (units[i].factor > best->factor && value % units[i].factor == 0)
            best = &units[i];
    buf_printf(out, "%" PRIu64 "%s", value / best->factor, best->name);
}

void config_value_format_size(uint64_t bytes, struct buf *out)
{
    /* Binary units only: 1000000 stays as it is, which is how Kafka writes its own limits. */
    static const struct unit units[] = {{"", 1},
                                        {"KiB", 1ull << 10},
                                        {"MiB", 1ull << 20},
                                        {"GiB", 1ull << 30},
                                        {"TiB", 1ull << 40}};
    format_largest(bytes, units, LENGTH(units), out);
}

void config_value_format_duration(uint64_t ms, struct buf *out)
{
    format_largest(ms, duration_units, LENGTH(duration_units), out);
}
