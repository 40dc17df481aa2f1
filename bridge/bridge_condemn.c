/* SPDX-License-Identifier: MIT
 * bridge_condemn.c - marks a producer that can't go on. */
#include "bridge/bridge_condemn.h"

#include "base/log.h"
#include "bridge/bridge_internal.h"
#include "bridge/bridge_retry.h"

#include <stdio.h>

void bridge_producer_condemn(struct bridge *bridge, int code, const char *text)
{
    if (bridge->recreate)
        return;
    bridge->recreate = true;
    snprintf(bridge->recreate_why, sizeof bridge->recreate_why, "error=%s text=%s",
             bridge_retry_code_name(code), log_quote(text));
}
