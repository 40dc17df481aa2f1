/* SPDX-License-Identifier: MIT
 * config_apply.c - one setting into the struct. */
#include "config/config_apply.h"

#include "config/config_secret.h"

#include <assert.h>
#include <stdlib.h>

/* ---- fields ---------------------------------------------------------------------------------- */

static void *field(const struct config *config, size_t offset)
{
    return (char *)config + offset;
}

static void store_number(void *to, size_t width, uint64_t number)
{
    switch (width) {
    case sizeof(bool): *(bool *)to = number != 0; break;
    case sizeof(uint32_t): { /* enums too */
        uint32_t narrow = (uint32_t)number;
        memcpy(to, &narrow, sizeof narrow);
        break;
    }
    default: assert(width == sizeof(uint64_t)); memcpy(to, &number, sizeof number);
    }
}

uint64_t config_apply_number(const struct config *config, const struct config_key *key)
{
    const void *from = field(config, key->offset);
    uint32_t narrow;
    uint64_t number;
    switch (key->width) {
    case sizeof(bool): return *(const bool *)from;
    case sizeof(uint32_t): memcpy(&narrow, from, sizeof narrow); return narrow;
    default: memcpy(&number, from, sizeof number); return number;
    }
}

void config_apply_free(struct config *config, const struct config_key *key)
{
    if (key->type == CONFIG_STRING) {
        char **text = field(config, key->offset);
        free(*text);
        *text = NULL;
    }
    if (key->type == CONFIG_LIST) {
        char ***items = field(config, key->offset);
        size_t *count = field(config, key->count_offset);
        for (size_t i = 0; i < *count; i++)
            free((*items)[i]);
        free(*items);
        *items = NULL;
        *count = 0;
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

struct apply {
    struct config *config;
    const struct config_source *source;
    const struct config_key *key; /* NULL: a property */
    const char *name;             /* of the setting, for messages */
    bool secret;                  /* no text in messages */
    struct errmsg *msg;
};

static enum err wrong(const struct apply *apply, const struct config_yaml_scalar *item,
                      struct config_place place, const char *why)
{
    char shown[CONFIG_SHOWN_SIZE];
    if (apply->secret || item == NULL)
        return config_fail(apply->source, place, apply->msg, "value of %s: %s", apply->name, why);
    return config_fail(apply->source, place, apply->msg, "%s: %s", config_shown(item->text, shown),
                       why);
}

/* The item's text with ${ENV} filled in, malloc'ed. */
static enum err expand(const struct apply *apply, const struct config_yaml_scalar *item,
                       char **ret_text, bool *ret_replaced)
{
    if (item->empty)
        return wrong(apply, NULL, item->place, "nothing stands there");
    struct buf text = {0};
    struct errmsg why = {""};
    enum err rc = config_secret_expand(item->text, &text, ret_replaced, &why);
    if (rc == ERR_OK && !buf_append_char(&text, '\0'))
        rc = ERR_NOMEM;
    if (rc == ERR_OK) {
        *ret_text = (char *)text.data;
        return ERR_OK;
    }
    buf_free(&text);
    return rc == ERR_NOMEM ? rc : wrong(apply, item, item->place, why.text);
}

static enum err apply_number(const struct apply *apply, const struct config_yaml_scalar *item)
{
    char *text, why[256];
    bool replaced;
    enum err rc = expand(apply, item, &text, &replaced);
    if (rc != ERR_OK)
        return rc;
    uint64_t number;
    /* The message shows the text of the file, so what a variable holds stays out of it. */
    if (!config_key_parse(apply->key, text, &number, why, sizeof why))
        rc = wrong(apply, item, item->place, why);
    free(text);
    if (rc != ERR_OK)
        return rc;
    store_number(field(apply->config, apply->key->offset), apply->key->width, number);
    if (apply->key->also_offset != 0)
        store_number(field(apply->config, apply->key->also_offset), apply->key->width, number);
    return ERR_OK;
}

static enum err item_check(const struct apply *apply, const struct config_yaml_scalar *item,
                           const char *text)
{
    if (text[0] == '\0')
        return wrong(apply, item, item->place, "an empty text");
    const char *why = apply->key->item_wrong == NULL ? NULL : apply->key->item_wrong(text);
    return why == NULL ? ERR_OK : wrong(apply, item, item->place, why);
}

static enum err apply_string(const struct apply *apply, const struct config_yaml_scalar *item)
{
    char *text;
    bool replaced;
    enum err rc = expand(apply, item, &text, &replaced);
    if (rc != ERR_OK)
        return rc;
    rc = item_check(apply, item, text);
    if (rc != ERR_OK) {
        free(text);
        return rc;
    }
    config_apply_free(apply->config, apply->key);
    *(char **)field(apply->config, apply->key->offset) = text;
    return ERR_OK;
}

static enum err apply_list(const struct apply *apply, const struct config_yaml_setting *setting)
{
    char **items = calloc(setting->count == 0 ? 1 : setting->count, sizeof *items);
    if (items == NULL)
        return ERR_NOMEM;
    enum err rc = ERR_OK;
    size_t count = 0;
    for (bool replaced; rc == ERR_OK && count < setting->count;) {
        const struct config_yaml_scalar *item = &setting->items[count];
        rc = expand(apply, item, &items[count], &replaced);
        if (rc != ERR_OK)
            break;
        rc = item_check(apply, item, items[count]);
        count++;
    }
    if (rc != ERR_OK) {
        while (count > 0)
            free(items[--count]);
        free(items);
        return rc;
    }
    config_apply_free(apply->config, apply->key);
    *(char ***)field(apply->config, apply->key->offset) = items;
    *(size_t *)field(apply->config, apply->key->count_offset) = count;
    return ERR_OK;
}

enum err config_apply_key(struct config *config, const struct config_source *source, int key,
                          const struct config_yaml_setting *setting, struct errmsg *msg)
{
    const struct config_key *row = &config_keys[key];
    struct apply apply = {config, source, row, row->name, row->secret, msg};
    if (row->type == CONFIG_LIST && !setting->list)
        return wrong(&apply, setting->items, setting->place,
                     "a list is needed, like [\"first\", \"second\"]");
    if (row->type != CONFIG_LIST && setting->list)
        return config_fail(source, setting->place, msg, "%s takes one value, not a list",
                           row->name);
    if (row->type == CONFIG_LIST)
        return apply_list(&apply, setting);
    return row->type == CONFIG_STRING ? apply_string(&apply, setting->items)
                                      : apply_number(&apply, setting->items);
}

/* Sets the default. Defaults are in our own table: a wrong one is our bug. */
enum err config_apply_default(struct config *config, int key)
{
    const struct config_key *row = &config_keys[key];
    struct config_yaml_scalar item = {.text = row->fallback};
    struct config_yaml_setting setting = {
        .name = row->name, .list = row->type == CONFIG_LIST, .items = &item, .count = 1};
    if (row->fallback == NULL) {
        config_apply_free(config, row);
        return ERR_OK;
    }
    enum err rc = config_apply_key(config, NULL, key, &setting, NULL);
    assert(rc == ERR_OK || rc == ERR_NOMEM);
    return rc;
}

/* ---- librdkafka's properties ----------------------------------------------------------------- */

/* Replaces a text "file:/path" by the content of the file. */
static enum err read_file(const struct apply *apply, const struct config_yaml_scalar *item,
                          char **text)
{
    struct buf content = {0};
    struct errmsg why = {""};
    enum err rc = config_secret_read(*text + 5, &content, &why);
    if (rc == ERR_OK && !buf_append_char(&content, '\0'))
        rc = ERR_NOMEM;
    if (rc == ERR_OK) {
        free(*text);
        *text = (char *)content.data;
        return ERR_OK;
    }
    buf_free(&content);
    if (rc == ERR_NOMEM)
        return rc;
    return config_fail(apply->source, item->place, apply->msg, "value of %s: %s", apply->name,
                       why.text);
}

static enum err property_add(struct bridge_options *options, const char *name, char *value,
                             bool secret)
{
    struct bridge_property *more =
        realloc(options->properties, (options->property_count + 1) * sizeof *more);
    char *copy = strdup(name);
    if (more != NULL)
        options->properties = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        return ERR_NOMEM;
    }
    options->properties[options->property_count++] = (struct bridge_property){copy, value, secret};
    return ERR_OK;
}

enum err config_apply_property(struct config *config, const struct config_source *source,
                               const char *name, const struct config_yaml_setting *setting,
                               struct errmsg *msg)
{
    struct apply apply = {config, source, NULL, setting->name, config_secret_property(name), msg};
    if (setting->list)
        return config_fail(source, setting->place, msg, "%s takes one value, not a list",
                           setting->name);
    char *value = NULL;
    bool elsewhere = false; /* a value from elsewhere is not shown either */
    enum err rc = expand(&apply, setting->items, &value, &elsewhere);
    if (rc == ERR_OK && strncmp(value, "file:", 5) == 0) {
        elsewhere = true;
        rc = read_file(&apply, setting->items, &value);
    }
    if (rc == ERR_OK)
        rc = property_add(&config->bridge, name, value, apply.secret || elsewhere);
    if (rc != ERR_OK)
        free(value);
    return rc;
}
