/* SPDX-License-Identifier: MIT
 * err.h - error codes, sorted by what the caller should do, and a message that grows on its way up.
 *
 * Library folders return an err and stay silent; agent/ logs it once. A function that can fail for
 * the world's reasons takes a `struct errmsg *msg` (may be NULL) last and says there what went
 * wrong; each level may put its own words in front with errmsg_wrap(). Outputs are written only on
 * ERR_OK. */
#ifndef PENSTOCK_BASE_ERR_H
#define PENSTOCK_BASE_ERR_H

#include <stdbool.h>

/* Classes of errors, by what the caller should do. */
enum err_class {
    ERR_CLASS_NONE,  /* no error, or a plain "nothing there" */
    ERR_CLASS_RETRY, /* the same call may succeed later */
    ERR_CLASS_INPUT, /* the caller's data is at fault: do not repeat it unchanged */
    ERR_CLASS_FAULT, /* the world is at fault: report it, go on without this thing */
};

/*     code             class  text */
#define ERR_TABLE(X)                                                                               \
    X(ERR_OK, NONE, "ok")                                                                          \
    X(ERR_END, NONE, "nothing more")                                                               \
    X(ERR_TIMEOUT, RETRY, "timed out; the outcome is unknown")                                     \
    X(ERR_FULL, RETRY, "full")                                                                     \
    X(ERR_TOPIC_FULL, RETRY, "too much of one topic is waiting")                                   \
    X(ERR_BUSY, RETRY, "too much in flight")                                                       \
    X(ERR_UNAVAILABLE, RETRY, "not available now")                                                 \
    X(ERR_CLOSED, RETRY, "shutting down")                                                          \
    X(ERR_UNREADABLE, RETRY, "cannot be read now")                                                 \
    X(ERR_INVALID, INPUT, "invalid")                                                               \
    X(ERR_TOO_LARGE, INPUT, "too large")                                                           \
    X(ERR_NOT_FOUND, INPUT, "not found")                                                           \
    X(ERR_NOMEM, FAULT, "out of memory")                                                           \
    X(ERR_IO, FAULT, "input/output error")                                                         \
    X(ERR_LOCKED, FAULT, "in use by another process")                                              \
    X(ERR_DAMAGED, FAULT, "damaged")                                                               \
    X(ERR_VERSION, FAULT, "made by a newer version")

#define ERR_ENUM(code, class, text) code,
enum err { ERR_TABLE(ERR_ENUM) ERR_COUNT };
#undef ERR_ENUM

const char *err_name(enum err code); /* "ERR_FULL" */
const char *err_text(enum err code); /* "full" */
enum err_class err_class_of(enum err code);

/* Message of one line; what doesn't fit is cut at the end. */
struct errmsg {
    char text[512];
};

/* Sets msg (NULL is fine) and returns code, so that a failing path is one line:
 *   return errmsg_set(msg, ERR_IO, "write '%s': %s", path, strerror(errno)); */
enum err errmsg_set(struct errmsg *msg, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The analyser sees only one file: without this line any failing path might return ERR_OK. */
#ifdef __clang_analyzer__
#define errmsg_set(msg, code, ...) ((errmsg_set)(msg, code, __VA_ARGS__), (code))
#endif

/* Puts "<formatted>: " in front of what msg holds. */
void errmsg_wrap(struct errmsg *msg, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
