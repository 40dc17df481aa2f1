/* SPDX-License-Identifier: MIT
 * config_message.h - messages that say where in a file something is wrong. */
#ifndef PENSTOCK_CONFIG_MESSAGE_H
#define PENSTOCK_CONFIG_MESSAGE_H

#include "base/err.h"
#include "config/config_keys.h"

struct config_place {
    size_t line, column; /* from 1; line 0: nowhere in the file */
};

/* Places of the settings in the file. */
struct config_source {
    char *file;
    struct config_place keys[CONFIG_KEYS_MAX]; /* the value of config_keys[i] */
    struct config_place sections[8];           /* in the order of config_sections */
    struct config_place *properties;           /* of bridge.properties, in their order */
    size_t property_count;
};

/* Sets msg to "file:line:column: <formatted>" and returns ERR_INVALID. Parts that aren't known are
 * left out: source NULL, or a place of line 0. */
enum err config_fail(const struct config_source *source, struct config_place place,
                     struct errmsg *msg, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#ifdef __clang_analyzer__ /* as errmsg_set() */
#define config_fail(...) ((config_fail)(__VA_ARGS__), ERR_INVALID)
#endif

#define CONFIG_SHOWN_SIZE 72
/* Text in single quotes, control bytes as ?, cut to what a message can hold. Returns out. */
const char *config_shown(const char *text, char out[CONFIG_SHOWN_SIZE]);

#endif
