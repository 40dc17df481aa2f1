/* SPDX-License-Identifier: MIT
 * config.c - defaults, files, and settings from the command line. */
#include "config/config.h"

#include "config/config_apply.h"
#include "config/config_near.h"
#include "config/config_secret.h"

#include <stdlib.h>

#define PROPERTIES_MAX 1000

static void source_free(struct config_source *source)
{
    if (source == NULL)
        return;
    free(source->file);
    free(source->properties);
    free(source);
}

static void properties_free(struct bridge_options *options)
{
    for (size_t i = 0; i < options->property_count; i++) {
        free(options->properties[i].name);
        free(options->properties[i].value);
    }
    free(options->properties);
    options->properties = NULL;
    options->property_count = 0;
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config_key_count; i++)
        config_apply_free(config, &config_keys[i]);
    properties_free(&config->bridge);
    source_free(config->source);
    config->source = NULL;
}

enum err config_init_defaults(struct config *config)
{
    /* The modules' own defaults come first: some of their options are no settings. */
    *config = (struct config){
        .spool = SPOOL_OPTIONS_DEFAULT,
        .ingest = INGEST_OPTIONS_DEFAULT,
        .bridge = BRIDGE_OPTIONS_DEFAULT,
        .log_level = LOG_LEVEL_INFO,
    };
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < config_key_count; i++)
        rc = config_apply_default(config, (int)i);
    return rc;
}

/* ---- reading a file -------------------------------------------------------------------------- */

struct loader {
    struct config *config;
    struct config_source *source;
};

static enum err unknown(const struct loader *loader, const char *name, struct config_place place,
                        const char *near, struct errmsg *msg)
{
    char shown[CONFIG_SHOWN_SIZE];
    config_shown(name, shown);
    if (near == NULL)
        return config_fail(loader->source, place, msg, "%s: no such setting", shown);
    return config_fail(loader->source, place, msg, "%s: no such setting; did you mean '%s'?", shown,
                       near);
}

/* Remembers where a name stood; the second place is an error. */
static enum err mark(const struct loader *loader, struct config_place *first,
                     struct config_place place, const char *name, struct config_place shown_at,
                     struct errmsg *msg)
{
    char shown[CONFIG_SHOWN_SIZE];
    if (first->line != 0)
        return config_fail(loader->source, shown_at, msg, "%s: given twice, first in line %zu",
                           config_shown(name, shown), first->line);
    *first = place;
    return ERR_OK;
}

static bool below_kafka(const char *name)
{
    return strncmp(name, CONFIG_KAFKA ".", sizeof CONFIG_KAFKA) == 0;
}

static enum err on_section(void *arg, const char *name, struct config_place place,
                           struct errmsg *msg)
{
    struct loader *loader = arg;
    for (size_t i = 0; i < config_section_count; i++)
        if (strcmp(config_sections[i].name, name) == 0)
            return mark(loader, &loader->source->sections[i], place, name, place, msg);
    if (config_key_find(name) >= 0 || below_kafka(name)) {
        char shown[CONFIG_SHOWN_SIZE];
        return config_fail(loader->source, place, msg, "%s: takes a value, not settings below it",
                           config_shown(name, shown));
    }
    const char *near = config_near_section(name);
    return unknown(loader, name, place, near == NULL ? config_near_key(name) : near, msg);
}

static enum err on_property(struct loader *loader, const struct config_yaml_setting *setting,
                            struct errmsg *msg)
{
    const char *name = setting->name + sizeof CONFIG_KAFKA;
    struct config_source *source = loader->source;
    struct bridge_options *options = &loader->config->bridge;
    char shown[CONFIG_SHOWN_SIZE];
    const char *why = bridge_property_refused(name);
    if (why != NULL)
        return config_fail(source, setting->name_place, msg, "%s: can't be set: %s",
                           config_shown(setting->name, shown), why);
    for (size_t i = 0; i < options->property_count; i++)
        if (strcmp(options->properties[i].name, name) == 0)
            return mark(loader, &source->properties[i], setting->name_place, setting->name,
                        setting->name_place, msg);
    if (options->property_count == PROPERTIES_MAX)
        return config_fail(source, setting->name_place, msg, "more than %d kafka properties",
                           PROPERTIES_MAX);
    struct config_place *more =
        realloc(source->properties, (options->property_count + 1) * sizeof *more);
    if (more == NULL)
        return ERR_NOMEM;
    source->properties = more;
    enum err rc = config_apply_property(loader->config, source, name, setting, msg);
    if (rc == ERR_OK) {
        source->properties[options->property_count - 1] = setting->name_place;
        source->property_count = options->property_count;
    }
    return rc;
}

static enum err on_setting(void *arg, const struct config_yaml_setting *setting, struct errmsg *msg)
{
    struct loader *loader = arg;
    if (config_section_is(setting->name)) {
        if (!setting->list && setting->items[0].empty) /* "spool:" with nothing below */
            return on_section(arg, setting->name, setting->name_place, msg);
        return config_fail(loader->source, setting->place, msg,
                           "'%s' is a section: settings go below it", setting->name);
    }
    if (below_kafka(setting->name) && setting->name[sizeof CONFIG_KAFKA] != '\0')
        return on_property(loader, setting, msg);
    int key = config_key_find(setting->name);
    if (key < 0)
        return unknown(loader, setting->name, setting->name_place, config_near_key(setting->name),
                       msg);
    enum err rc = mark(loader, &loader->source->keys[key], setting->place, setting->name,
                       setting->name_place, msg);
    return rc == ERR_OK ? config_apply_key(loader->config, loader->source, key, setting, msg) : rc;
}

static struct config_source *source_new(const char *name)
{
    struct config_source *source = calloc(1, sizeof *source);
    if (source != NULL)
        source->file = strdup(name);
    if (source == NULL || source->file == NULL) {
        source_free(source);
        return NULL;
    }
    return source;
}

enum err config_load_text(const char *name, struct bytes text, struct config *config,
                          struct errmsg *msg)
{
    struct config_source *source = source_new(name);
    if (source == NULL)
        return errmsg_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    source_free(config->source);
    config->source = source;
    properties_free(&config->bridge);
    struct loader loader = {config, source};
    struct config_yaml_handler handler = {&loader, on_section, on_setting};
    enum err rc = config_yaml_read(source, text, &handler, msg);
    return rc == ERR_NOMEM ? errmsg_set(msg, rc, "%s: %s", name, err_text(rc)) : rc;
}

enum err config_load(const char *path, struct config *config, struct errmsg *msg)
{
    struct buf text = {0};
    enum err rc = config_file_read(path, CONFIG_YAML_BYTES_MAX, &text, msg);
    if (rc == ERR_OK)
        rc = config_load_text(path, buf_bytes(&text), config, msg);
    buf_free(&text);
    return rc;
}

enum err config_set(struct config *config, const char *name, const char *const *values,
                    size_t count, struct errmsg *msg)
{
    int key = config_key_find(name);
    if (key < 0)
        return errmsg_set(msg, ERR_INVALID, "'%s': no such setting", name);
    struct config_yaml_scalar *items = calloc(count == 0 ? 1 : count, sizeof *items);
    if (items == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        items[i].text = values[i];
    struct config_yaml_setting setting = {
        .name = name, .list = config_keys[key].type == CONFIG_LIST, .items = items, .count = count};
    enum err rc = config_apply_key(config, NULL, key, &setting, msg);
    free(items);
    return rc;
}
