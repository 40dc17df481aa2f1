/* SPDX-License-Identifier: MIT
 * config_yaml.c - libyaml's events to settings. */
#include "config/config_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define DEPTH_MAX 3

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current event; type YAML_NO_EVENT: none */
    const struct config_source *source;
    const struct config_yaml_handler *handler;
    struct bytes text;
    struct errmsg *msg;
};

static struct config_place place_of(yaml_mark_t mark)
{
    return (struct config_place){mark.line + 1, mark.column + 1};
}

static enum err fail(struct reader *reader, const char *what)
{
    return config_fail(reader->source, place_of(reader->event.start_mark), reader->msg, "%s", what);
}

/* libyaml gives no line for bytes that aren't UTF-8, only an offset. */
static struct config_place place_of_offset(struct bytes text, size_t offset)
{
    struct config_place place = {1, 1};
    for (size_t i = 0; i < offset && i < text.size; i++) {
        place.column++;
        if (text.data[i] == '\n')
            place = (struct config_place){place.line + 1, 1};
    }
    return place;
}

static enum err fail_in_parser(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return errmsg_set(reader->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    const char *problem = parser->problem == NULL ? "malformed" : parser->problem;
    if (parser->error == YAML_READER_ERROR)
        return config_fail(reader->source, place_of_offset(reader->text, parser->problem_offset),
                           reader->msg, "not YAML: %s", problem);
    const char *context = parser->context == NULL ? "" : parser->context;
    return config_fail(reader->source, place_of(parser->problem_mark), reader->msg,
                       "not YAML: %s%s%s", problem, context[0] != '\0' ? ", " : "", context);
}

static enum err next(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event))
        return fail_in_parser(reader);
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT: return fail(reader, "aliases (*name) are not supported");
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default: break;
    }
    if (anchor != NULL)
        return fail(reader, "anchors (&name) are not supported");
    if (tag != NULL)
        return fail(reader, "tags (!name) are not supported");
    if (event->type == YAML_SCALAR_EVENT &&
        memchr(event->data.scalar.value, '\0', event->data.scalar.length) != NULL)
        return fail(reader, "a text with a zero byte in it");
    return ERR_OK;
}

static struct config_yaml_scalar scalar_of(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool empty = plain && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
    return (struct config_yaml_scalar){text, empty, place_of(event->start_mark)};
}

static void items_free(struct config_yaml_scalar *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)items[i].text);
    free(items);
}

/* Reads the items of a list, texts copied. The current event is the list's start, and its end
 * afterwards. */
static enum err read_items(struct reader *reader, struct config_yaml_scalar **ret_items,
                           size_t *ret_count)
{
    struct config_yaml_scalar *items = NULL;
    size_t count = 0;
    enum err rc;
    while ((rc = next(reader)) == ERR_OK && reader->event.type == YAML_SCALAR_EVENT) {
        if (count == CONFIG_YAML_ITEMS_MAX) {
            rc = fail(reader, "a list with too many items");
            break;
        }
        struct config_yaml_scalar item = scalar_of(&reader->event);
        struct config_yaml_scalar *more = realloc(items, (count + 1) * sizeof *items);
        if (more != NULL) {
            items = more;
            item.text = strdup(item.text);
        }
        if (more == NULL || item.text == NULL) {
            rc = ERR_NOMEM;
            break;
        }
        items[count++] = item;
    }
    if (rc == ERR_OK && reader->event.type != YAML_SEQUENCE_END_EVENT)
        rc = fail(reader, "items of a list are single values");
    if (rc != ERR_OK) {
        items_free(items, count);
        return rc;
    }
    *ret_items = items;
    *ret_count = count;
    return ERR_OK;
}

static enum err read_list(struct reader *reader, struct config_yaml_setting *setting)
{
    struct config_yaml_scalar *items;
    enum err rc = read_items(reader, &items, &setting->count);
    if (rc != ERR_OK)
        return rc;
    setting->list = true;
    setting->items = items;
    rc = reader->handler->setting(reader->handler->arg, setting, reader->msg);
    items_free(items, setting->count);
    return rc;
}

static enum err read_mapping(struct reader *reader, const char *prefix, unsigned depth);

/* Reads a value. The current event is the value's start, and its end afterwards. */
static enum err read_value(struct reader *reader, const char *name, struct config_place name_place,
                           unsigned depth)
{
    const struct config_yaml_handler *handler = reader->handler;
    struct config_yaml_setting setting = {
        .name = name, .name_place = name_place, .place = place_of(reader->event.start_mark)};
    if (reader->event.type == YAML_SCALAR_EVENT) {
        struct config_yaml_scalar scalar = scalar_of(&reader->event);
        setting.items = &scalar;
        setting.count = 1;
        return handler->setting(handler->arg, &setting, reader->msg);
    }
    if (reader->event.type == YAML_SEQUENCE_START_EVENT)
        return read_list(reader, &setting);
    enum err rc = handler->section(handler->arg, name, name_place, reader->msg);
    return rc != ERR_OK ? rc : read_mapping(reader, name, depth + 1);
}

static enum err read_mapping(struct reader *reader, const char *prefix, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return fail(reader, "nested deeper than settings go");
    for (;;) {
        enum err rc = next(reader);
        if (rc != ERR_OK || reader->event.type == YAML_MAPPING_END_EVENT)
            return rc;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return fail(reader, "the name of a setting must be a single text");
        char name[CONFIG_YAML_NAME_MAX + 1];
        struct config_place name_place = place_of(reader->event.start_mark);
        int size = snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".",
                            (const char *)reader->event.data.scalar.value);
        if (size < 0 || (size_t)size >= sizeof name)
            return fail(reader, "a name that is too long");
        rc = next(reader);
        if (rc == ERR_OK)
            rc = read_value(reader, name, name_place, depth);
        if (rc != ERR_OK)
            return rc;
    }
}

static enum err read_document(struct reader *reader)
{
    enum err rc = next(reader); /* the start of the stream */
    if (rc == ERR_OK)
        rc = next(reader);
    if (rc != ERR_OK || reader->event.type == YAML_STREAM_END_EVENT)
        return rc;
    rc = next(reader);
    if (rc != ERR_OK)
        return rc;
    if (reader->event.type == YAML_MAPPING_START_EVENT)
        rc = read_mapping(reader, "", 0);
    else if (reader->event.type != YAML_SCALAR_EVENT || !scalar_of(&reader->event).empty)
        return fail(reader, "the file must hold sections with settings, like 'spool:'");
    if (rc == ERR_OK)
        rc = next(reader); /* the end of the document */
    if (rc == ERR_OK)
        rc = next(reader);
    if (rc == ERR_OK && reader->event.type != YAML_STREAM_END_EVENT)
        return fail(reader, "a second document in one file");
    return rc;
}

enum err config_yaml_read(const struct config_source *source, struct bytes text,
                          const struct config_yaml_handler *handler, struct errmsg *msg)
{
    if (text.size > CONFIG_YAML_BYTES_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "%s: larger than 1 MiB", source->file);
    struct reader reader = {.source = source, .handler = handler, .text = text, .msg = msg};
    if (!yaml_parser_initialize(&reader.parser))
        return ERR_NOMEM;
    static const unsigned char nothing[1] = "";
    yaml_parser_set_input_string(&reader.parser, text.size == 0 ? nothing : text.data, text.size);
    enum err rc = read_document(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return rc;
}
