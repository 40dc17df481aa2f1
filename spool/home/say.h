/* SPDX-License-Identifier: MIT
 * say.h - reports to the program that opened the spool: the spool itself never logs. */
#ifndef PENSTOCK_SPOOL_HOME_SAY_H
#define PENSTOCK_SPOOL_HOME_SAY_H

#include <stdbool.h>

struct spool;

/* Formats a report's details and hands them to the spool's report function; without that function
 * the report is dropped. Never with a lock held. Any thread. */
void spool_say(struct spool *spool, bool problem, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
