/* SPDX-License-Identifier: MIT
 * say.c - reports to the code that started the bridge. */
#include "bridge/core/say.h"

#include "bridge/core/internal.h"

#include <stdarg.h>
#include <stdio.h>

void bridge_say(struct bridge *bridge, bool problem, const char *event, const char *format, ...)
{
    if (bridge->report == NULL)
        return;
    char detail[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    const struct bridge_report report = {problem, event, detail};
    bridge->report(bridge->report_arg, &report);
}
