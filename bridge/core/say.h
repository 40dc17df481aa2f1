/* SPDX-License-Identifier: MIT
 * say.h - reports to the code that started the bridge: the bridge itself never logs. */
#ifndef PENSTOCK_BRIDGE_CORE_SAY_H
#define PENSTOCK_BRIDGE_CORE_SAY_H

#include <stdbool.h>

struct bridge;

/* Formats a report's details and hands them to the bridge's report function; without one nothing
 * happens. Bridge thread only. */
void bridge_say(struct bridge *bridge, bool problem, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
