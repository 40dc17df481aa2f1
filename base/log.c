/* SPDX-License-Identifier: MIT
 * log.c - levelled key=value lines on stderr. */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static atomic_int level_least = LOG_LEVEL_INFO;

static atomic_bool to_journal;

void log_begin(void)
{
    /* the journal's device:inode, compared below: stderr may have been led elsewhere since */
    const char *stream = getenv("JOURNAL_STREAM");
    char *colon = NULL;
    unsigned long long device = stream == NULL ? 0 : strtoull(stream, &colon, 10);
    struct stat file;
    atomic_store(&to_journal, colon != NULL && *colon == ':' && fstat(STDERR_FILENO, &file) == 0 &&
                                  file.st_dev == device &&
                                  file.st_ino == strtoull(colon + 1, NULL, 10));
}

void log_set_level(enum log_level least)
{
    atomic_store(&level_least, (int)least);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    return false;
}

static size_t put_prefix(char *line, size_t size, enum log_level level, const char *event)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t mark = 0;
    if (atomic_load_explicit(&to_journal, memory_order_relaxed)) {
        static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};
        mark = 3;
        memcpy(line, priorities[level], mark);
    }
    int n = snprintf(line + mark, size - mark,
                     "time=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s event=%s",
                     utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                     utc.tm_sec, (int)(now_ms % 1000), level_names[level], event);
    return n < 0 ? mark : (size_t)n < size - mark ? mark + (size_t)n : size - 1;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&level_least, memory_order_relaxed))
        return;
    char line[2048];
    size_t room = sizeof line - 1; /* the newline always fits */
    size_t size = put_prefix(line, room, level, event);
    if (format != NULL && format[0] != '\0' && size + 1 < room) {
        line[size++] = ' ';
        va_list args;
        va_start(args, format);
        int n = vsnprintf(line + size, room - size, format, args);
        va_end(args);
        if (n > 0)
            size += (size_t)n < room - size ? (size_t)n : room - size - 1;
    }
    line[size++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, size); /* an error can't be reported anywhere */
    (void)ignored;
}

const char *log_quote(const char *text)
{
    static _Thread_local char ring[4][1024];
    static _Thread_local unsigned next;
    char *out = ring[next++ % 4], *p = out;
    *p++ = '"';
    for (size_t i = 0; text != NULL && text[i] != '\0' && p < out + 1000; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            *p++ = '\\';
            *p++ = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            p += sprintf(p, "\\x%02x", c);
        } else {
            *p++ = (char)c;
        }
    }
    *p++ = '"';
    *p = '\0';
    return out;
}
