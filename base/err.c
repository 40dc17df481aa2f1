/* SPDX-License-Identifier: MIT
 * err.c - names and texts of error codes; messages that are wrapped per level. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
    enum err_class class;
} err_rows[ERR_COUNT] = {
#define ERR_ROW(code, class_, text_) [code] = {#code, text_, ERR_CLASS_##class_},
    ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

const char *err_name(enum err code)
{
    return code < ERR_COUNT ? err_rows[code].name : "ERR_?";
}

const char *err_text(enum err code)
{
    return code < ERR_COUNT ? err_rows[code].text : "unknown error";
}

enum err_class err_class_of(enum err code)
{
    return code < ERR_COUNT ? err_rows[code].class : ERR_CLASS_FAULT;
}

enum err(errmsg_set)(struct errmsg *msg, enum err code, const char *format, ...)
{
    if (msg != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(msg->text, sizeof msg->text, format, args);
        va_end(args);
    }
    return code;
}

void errmsg_wrap(struct errmsg *msg, const char *format, ...)
{
    if (msg == NULL)
        return;
    struct errmsg inner = *msg;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(msg->text, sizeof msg->text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof msg->text)
        return;
    int room = (int)sizeof msg->text - n - 3; /* for ": " and the NUL */
    if (room > 0)
        snprintf(msg->text + n, (size_t)room + 3, ": %.*s", room, inner.text);
}
