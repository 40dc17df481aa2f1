/* SPDX-License-Identifier: MIT
 * condemn.c - marks a producer that can't go on. */
#include "bridge/core/condemn.h"

#include "base/log.h"
#include "bridge/client/error_table.h"
#include "bridge/core/internal.h"

#include <stdio.h>

void bridge_producer_condemn(struct bridge *bridge, int code, const char *text)
{
    if (bridge->recreate)
        return;
    bridge->recreate = true;
    snprintf(bridge->recreate_why, sizeof bridge->recreate_why, "error=%s text=%s",
             bridge_error_code_name(code), log_quote(text));
}
