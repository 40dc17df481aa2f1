/* SPDX-License-Identifier: MIT
 * config_check.c - settings against each other, addresses, and the kafka properties. */
#include "bridge/bridge.h"
#include "config/config_apply.h"
#include "ingest/ingest.h"

/* Ratios: a large setting must be at least so many times a small one. */
static const struct {
    const char *large;
    unsigned numerator, denominator; /* large * denominator >= small * numerator */
    const char *small;
    const char *words;
} limits[] = {
    {"spool.max_size", 4, 1, "spool.segment_size", "at least four times"},
    {"spool.segment_size", 2, 1, "spool.max_event_size", "at least twice"},
    {"spool.max_queued", 1, 1, "listen.max_body", "at least"},
    {"listen.max_in_flight", 1, 1, "listen.max_body", "at least"},
    {"bridge.backoff_max", 1, 1, "bridge.backoff_min", "at least"},
};

static struct config_place place_of_key(const struct config *config, int key)
{
    struct config_place nowhere = {0, 0};
    return config->source == NULL ? nowhere : config->source->keys[key];
}

/* Place of the section in the file, or nowhere. */
static struct config_place place_of_section(const struct config *config, const char *name)
{
    for (size_t i = 0; config->source != NULL && i < config_section_count; i++)
        if (strcmp(config_sections[i].name, name) == 0)
            return config->source->sections[i];
    return (struct config_place){0, 0};
}

static enum err check_limit(const struct config *config, size_t i, struct errmsg *msg)
{
    int large = config_key_find(limits[i].large), small = config_key_find(limits[i].small);
    uint64_t large_is = config_apply_number(config, &config_keys[large]);
    uint64_t small_is = config_apply_number(config, &config_keys[small]);
    if (large_is * limits[i].denominator >= small_is * limits[i].numerator)
        return ERR_OK;
    struct buf large_text = {0}, small_text = {0};
    config_key_format(&config_keys[large], large_is, &large_text);
    config_key_format(&config_keys[small], small_is, &small_text);
    struct config_place place = place_of_key(config, large);
    if (place.line == 0)
        place = place_of_key(config, small);
    enum err rc = config_fail(config->source, place, msg, "%s is %s; it must be %s %s (%s)",
                              limits[i].large, buf_string(&large_text), limits[i].words,
                              limits[i].small, buf_string(&small_text));
    buf_free(&large_text);
    buf_free(&small_text);
    return rc;
}

static enum err check_required(const struct config *config, struct errmsg *msg)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char *const *text = (char *const *)(const void *)((const char *)config + key->offset);
        if (key->required && key->type == CONFIG_STRING && *text == NULL)
            return config_fail(config->source, (struct config_place){0, 0}, msg, "%s must be set",
                               key->name);
    }
    return ERR_OK;
}

static enum err check_addresses(const struct config *config, struct errmsg *msg)
{
    struct config_place place = place_of_key(config, config_key_find("listen.http"));
    if (config->ingest.http_count == 0)
        return config_fail(config->source, place, msg,
                           "listen.http must hold at least one address");
    for (size_t i = 0; i < config->ingest.http_count; i++) {
        const char *address = config->ingest.http[i];
        struct errmsg why = {""};
        if (ingest_address_check(address, config->ingest.allow_remote, &why) != ERR_OK)
            return config_fail(config->source, place, msg, "listen.http: %s", why.text);
        for (size_t j = 0; j < i; j++)
            if (strcmp(config->ingest.http[j], address) == 0)
                return config_fail(config->source, place, msg, "listen.http: '%s' is given twice",
                                   address);
    }
    return ERR_OK;
}

/* Place of the property that a message of the bridge is about: the message begins with
 * "kafka.<name>". */
static struct config_place place_of_property(const struct config *config, const char *text)
{
    struct config_place best = place_of_section(config, CONFIG_KAFKA);
    size_t best_size = 0;
    for (size_t i = 0; config->source != NULL && i < config->source->property_count; i++) {
        const char *name = config->bridge.properties[i].name;
        size_t size = strlen(name);
        if (size <= best_size || strncmp(text, CONFIG_KAFKA ".", sizeof CONFIG_KAFKA) != 0)
            continue;
        const char *rest = text + sizeof CONFIG_KAFKA;
        if (strncmp(rest, name, size) == 0 && (rest[size] == ':' || rest[size] == ' ')) {
            best = config->source->properties[i];
            best_size = size;
        }
    }
    return best;
}

static enum err check_properties(const struct config *config, struct errmsg *msg)
{
    struct errmsg why = {""};
    enum err rc = bridge_check_properties(&config->bridge, &why);
    if (rc == ERR_OK || rc == ERR_NOMEM)
        return rc;
    return config_fail(config->source, place_of_property(config, why.text), msg, "%s", why.text);
}

enum err config_check(const struct config *config, struct errmsg *msg)
{
    enum err rc = check_required(config, msg);
    for (size_t i = 0; rc == ERR_OK && i < sizeof limits / sizeof limits[0]; i++)
        rc = check_limit(config, i, msg);
    if (rc == ERR_OK)
        rc = check_addresses(config, msg);
    return rc == ERR_OK ? check_properties(config, msg) : rc;
}
