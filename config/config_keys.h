/* SPDX-License-Identifier: MIT
 * config_keys.h - the table of settings. A new setting is one row in config_keys.c and a field to
 * put it in. */
#ifndef PENSTOCK_CONFIG_KEYS_H
#define PENSTOCK_CONFIG_KEYS_H

#include "config/config.h"

#include <stddef.h>

enum config_type {
    CONFIG_BOOL,
    CONFIG_SIZE,     /* bytes */
    CONFIG_DURATION, /* milliseconds */
    CONFIG_COUNT,
    CONFIG_MODE, /* of a file, octal */
    CONFIG_ENUM,
    CONFIG_STRING,
    CONFIG_LIST, /* of strings */
};

struct config_choice {
    const char *name;
    int value;
    const char *unavailable; /* why this choice can't be made in this version; NULL: it can */
};

struct config_key {
    const char *name; /* "spool.path" */
    enum config_type type;
    const char *fallback;                /* the default as it would stand in a file; NULL: none. Of
                                          * a list: one item */
    uint64_t min, max;                   /* of numbers, in the unit of the type */
    const struct config_choice *choices; /* of an enum; ends with a name of NULL */
    const char *(*item_wrong)(const char *item); /* why a text or an item of a list is wrong, or
                                                  * NULL. May be NULL */
    size_t offset;                               /* of the field in struct config */
    size_t width;                                /* of the field; numbers: 1 (bool), 4 or 8 bytes */
    size_t also_offset;                          /* a second field of the same type that gets the
                                                  * same value; 0: none */
    size_t count_offset;                         /* of a list: the size_t that counts its items */
    bool required;                               /* config_check() requires the setting */
    bool secret;                                 /* the value is never shown */
    bool reloads;                                /* a running agent takes a new value on SIGHUP */
    const char *example; /* text in the example file; NULL: the default, commented out */
    const char *sample;  /* commented-out text in the example file where there is no default */
    const char *help;
};

/* A section groups settings in files and in the reference page. */
struct config_section {
    const char *name;
    const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;
extern const struct config_section config_sections[];
extern const size_t config_section_count;

#define CONFIG_KEYS_MAX 64
#define CONFIG_KAFKA    "kafka" /* the section whose names are librdkafka's */

/* Index into config_keys, or -1. */
int config_key_find(const char *name);
bool config_section_is(const char *name);
/* Does a setting's name lie in that section? */
bool config_section_of(const char *name, size_t section);

/* Appends a number in the unit of the type, as a file would have it. */
void config_key_format(const struct config_key *key, uint64_t number, struct buf *out);
/* Parses and checks a number (or bool, enum). False: `why` says what is right, without the text
 * itself. */
bool config_key_parse(const struct config_key *key, const char *text, uint64_t *ret_number,
                      char *why, size_t why_size);

#endif
