/* SPDX-License-Identifier: MIT
 * say.c - reports to the program that opened the spool. */
#include "spool/home/say.h"

#include "spool/home/internal.h"

#include <stdarg.h>
#include <stdio.h>

void spool_say(struct spool *spool, bool problem, const char *event, const char *format, ...)
{
    char detail[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (spool->report != NULL)
        spool->report(spool->report_arg, &(struct spool_report){problem, event, detail});
}
