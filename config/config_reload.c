/* SPDX-License-Identifier: MIT
 * config_reload.c - the differences of two configs, and whether a running agent can change between
 * them. */
#include "config/config_apply.h"

static const void *field(const struct config *config, size_t offset)
{
    return (const char *)config + offset;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_list(const struct config *a, const struct config *b, const struct config_key *key)
{
    size_t count = *(const size_t *)field(a, key->count_offset);
    char *const *items_a = *(char *const *const *)field(a, key->offset),
                *const *items_b = *(char *const *const *)field(b, key->offset);
    bool same = count == *(const size_t *)field(b, key->count_offset);
    for (size_t i = 0; same && i < count; i++)
        same = same_text(items_a[i], items_b[i]);
    return same;
}

static bool same_value(const struct config *a, const struct config *b, const struct config_key *key)
{
    if (key->type == CONFIG_STRING)
        return same_text(*(char *const *)field(a, key->offset),
                         *(char *const *)field(b, key->offset));
    return key->type == CONFIG_LIST ? same_list(a, b, key)
                                    : config_apply_number(a, key) == config_apply_number(b, key);
}

static const struct bridge_property *find_property(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->bridge.property_count; i++)
        if (strcmp(config->bridge.properties[i].name, name) == 0)
            return &config->bridge.properties[i];
    return NULL;
}

static void put_name(struct buf *out, const char *section, const char *name)
{
    buf_printf(out, "%s%s%s", out->size > 0 ? "," : "", section, name);
}

/* Appends the properties of `of` that `other` lacks, and with `values` also those that `other` has
 * with another value. */
static void put_properties(const struct config *of, const struct config *other, bool values,
                           struct buf *out)
{
    for (size_t i = 0; i < of->bridge.property_count; i++) {
        const struct bridge_property *property = &of->bridge.properties[i],
                                     *found = find_property(other, property->name);
        if (found == NULL || (values && strcmp(found->value, property->value) != 0))
            put_name(out, CONFIG_KAFKA ".", property->name);
    }
}

enum err config_reload_check(const struct config *now, const struct config *next,
                             struct buf *ret_changed, struct errmsg *msg)
{
    struct buf stuck = {0};
    for (size_t i = 0; i < config_key_count; i++)
        if (!same_value(now, next, &config_keys[i]))
            put_name(config_keys[i].reloads ? ret_changed : &stuck, "", config_keys[i].name);
    put_properties(next, now, true, ret_changed);
    put_properties(now, next, false, ret_changed);
    enum err rc = ERR_OK;
    if (stuck.failed || ret_changed->failed)
        rc = errmsg_set(msg, ERR_NOMEM, "out of memory");
    else if (stuck.size > 0)
        rc = errmsg_set(msg, ERR_INVALID, "%s: can't be changed while it runs, only by a restart",
                        buf_string(&stuck));
    buf_free(&stuck);
    return rc;
}
