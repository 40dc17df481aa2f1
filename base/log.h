/* SPDX-License-Identifier: MIT
 * log.h - one line an event, key=value, to stderr. Only agent/ logs; library folders return errors
 * or report through callbacks. Any thread may call; a line is written by one write(2). */
#ifndef PENSTOCK_BASE_LOG_H
#define PENSTOCK_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Lets lines begin with `<N>`, the priority for journald, from now on if stderr is the journal
 * ($JOURNAL_STREAM). */
void log_begin(void);

void log_set_level(enum log_level least);
/* "debug" "info" "warn" "error" */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* Writes `time=… level=… event=<event> <formatted>`. The format holds key=value pairs; a value that
 * may hold spaces or quotes is passed through log_quote(). Example:
 *   log_event(LOG_LEVEL_WARN, "lane_backing_off", "topic=%s wait_ms=%d", topic, wait_ms); */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns text in double quotes with control bytes, quotes and backslashes escaped, in a buffer of
 * the calling thread that stays valid for the next 3 calls. Text beyond 900 bytes is cut. */
const char *log_quote(const char *text);

#endif
