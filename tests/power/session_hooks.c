/* SPDX-License-Identifier: MIT
 * session_hooks.c - the recorder's functions, when there is a recorder. */
#include "tests/power/session_parts.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void (*mark)(const char *text);
static void (*fail_write)(const char *suffix, int half);
static void (*fail_sync)(const char *suffix);
static void (*die)(void);

static void find(const char *name, void *function)
{
    void *address = dlsym(RTLD_DEFAULT, name);
    memcpy(function, &address, sizeof address); /* C has no cast from one to the other */
}

void session_hooks_find(void)
{
    find("record_mark", &mark);
    find("record_fail_write", &fail_write);
    find("record_fail_sync", &fail_sync);
    find("record_die", &die);
}

void session_mark(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (mark != NULL)
        mark(text);
}

void session_fail_write(const char *suffix, bool half)
{
    if (fail_write != NULL)
        fail_write(suffix, half);
}

void session_fail_sync(const char *suffix)
{
    if (fail_sync != NULL)
        fail_sync(suffix);
}

void session_die(void)
{
    if (die != NULL)
        die();
    _exit(0);
}

void session_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "session: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(1);
}
