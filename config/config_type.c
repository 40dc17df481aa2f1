/* SPDX-License-Identifier: MIT
 * config_type.c - the types of numbers that settings have: a row each. */
#include "config/config_keys.h"

#include "config/config_value.h"

#include <inttypes.h>
#include <stdio.h>

static void format_count(uint64_t number, struct buf *out)
{
    buf_printf(out, "%" PRIu64, number);
}

static void format_mode(uint64_t number, struct buf *out)
{
    buf_printf(out, "%04" PRIo64, number);
}

static void format_bool(uint64_t number, struct buf *out)
{
    buf_append_string(out, number ? "true" : "false");
}

static const struct {
    const char *takes;
    bool (*parse)(const char *text, uint64_t *ret_number);
    void (*format)(uint64_t number, struct buf *out);
} rows[] = {
    [CONFIG_BOOL] = {"true or false", config_value_bool, format_bool},
    [CONFIG_SIZE] = {"a size like 64KiB, 32MiB, 10GiB, 64MB or 1000000", config_value_size,
                     config_value_format_size},
    [CONFIG_DURATION] = {"a duration like 500ms, 10s, 5m, 2h or 1d", config_value_duration,
                         config_value_format_duration},
    [CONFIG_COUNT] = {"a whole number", config_value_count, format_count},
    [CONFIG_MODE] = {"an octal mode like 0660", config_value_mode, format_mode},
};

static bool parse_choice(const struct config_key *key, const char *text, uint64_t *ret_number,
                         char *why, size_t why_size)
{
    int n = snprintf(why, why_size, "%s takes", key->name);
    for (const struct config_choice *choice = key->choices; choice->name != NULL; choice++) {
        if (strcmp(choice->name, text) == 0 && choice->unavailable == NULL) {
            *ret_number = (uint64_t)choice->value;
            return true;
        }
        if (strcmp(choice->name, text) == 0) {
            snprintf(why, why_size, "%s: %s", key->name, choice->unavailable);
            return false;
        }
        if (n > 0 && (size_t)n < why_size && choice->unavailable == NULL)
            n += snprintf(why + n, why_size - (size_t)n, "%s%s",
                          choice == key->choices ? " " : ", ", choice->name);
    }
    return false;
}

bool config_key_parse(const struct config_key *key, const char *text, uint64_t *ret_number,
                      char *why, size_t why_size)
{
    if (key->type == CONFIG_ENUM)
        return parse_choice(key, text, ret_number, why, why_size);
    uint64_t number;
    if (!rows[key->type].parse(text, &number)) {
        snprintf(why, why_size, "%s takes %s", key->name, rows[key->type].takes);
        return false;
    }
    if (key->max != 0 && (number < key->min || number > key->max)) {
        struct buf min = {0}, max = {0};
        rows[key->type].format(key->min, &min);
        rows[key->type].format(key->max, &max);
        snprintf(why, why_size, "%s must be from %s to %s", key->name, buf_string(&min),
                 buf_string(&max));
        buf_free(&min);
        buf_free(&max);
        return false;
    }
    *ret_number = number;
    return true;
}

void config_key_format(const struct config_key *key, uint64_t number, struct buf *out)
{
    rows[key->type].format(number, out);
}
