/* SPDX-License-Identifier: MIT
 * config_yaml.h - a YAML document as a row of settings with their places: the seam to libyaml.
 *
 * Only what settings need: sections (mappings) with scalars and lists of scalars. Anchors, aliases,
 * tags, several documents and deep nesting are refused. Bounded in size and depth, whatever the
 * bytes. */
#ifndef PENSTOCK_CONFIG_YAML_H
#define PENSTOCK_CONFIG_YAML_H

#include "base/bytes.h"
#include "config/config_message.h"

#define CONFIG_YAML_BYTES_MAX (1u << 20)
#define CONFIG_YAML_NAME_MAX  200
#define CONFIG_YAML_ITEMS_MAX 4096 /* of one list */

struct config_yaml_scalar {
    const char *text; /* never NULL, no NUL inside */
    bool empty;       /* no text, or ~ or null */
    struct config_place place;
};

struct config_yaml_setting {
    const char *name; /* the names of its sections and its own, joined by dots */
    struct config_place name_place;
    bool list;
    struct config_place place;              /* of the value */
    const struct config_yaml_scalar *items; /* a list's items; else the one scalar */
    size_t count;
};

/* Callbacks, in the order of the document; their arguments live until they return. An error ends
 * the reading. */
struct config_yaml_handler {
    void *arg;
    /* A mapping begins under this name. */
    enum err (*section)(void *arg, const char *name, struct config_place place, struct errmsg *msg);
    enum err (*setting)(void *arg, const struct config_yaml_setting *setting, struct errmsg *msg);
};

/* source is for messages. Errors: ERR_INVALID, ERR_TOO_LARGE, ERR_NOMEM, and those of the
 * handler */
enum err config_yaml_read(const struct config_source *source, struct bytes text,
                          const struct config_yaml_handler *handler, struct errmsg *msg);

#endif
