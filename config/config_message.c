/* SPDX-License-Identifier: MIT
 * config_message.c - messages that say where in a file something is wrong. */
#include "config/config_message.h"

#include <stdarg.h>
#include <stdio.h>

enum err(config_fail)(const struct config_source *source, struct config_place place,
                      struct errmsg *msg, const char *format, ...)
{
    if (msg == NULL)
        return ERR_INVALID;
    va_list args;
    va_start(args, format);
    vsnprintf(msg->text, sizeof msg->text, format, args);
    va_end(args);
    if (source != NULL && place.line != 0)
        errmsg_wrap(msg, "%s:%zu:%zu", source->file, place.line, place.column);
    else if (source != NULL)
        errmsg_wrap(msg, "%s", source->file);
    return ERR_INVALID;
}

const char *config_shown(const char *text, char out[CONFIG_SHOWN_SIZE])
{
    size_t size = 0, room = CONFIG_SHOWN_SIZE - 6; /* quotes, an ellipsis of three bytes, the NUL */
    out[size++] = '\'';
    for (; *text != '\0' && size < room; text++)
        out[size++] = (char)((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    if (*text != '\0') {
        while (((unsigned char)out[size - 1] & 0xc0) == 0x80) /* no half a character at the end */
            size--;
        if ((unsigned char)out[size - 1] >= 0xc0)
            size--;
        memcpy(out + size, "\xe2\x80\xa6", 3);
        size += 3;
    }
    out[size++] = '\'';
    out[size] = '\0';
    return out;
}
