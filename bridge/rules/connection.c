/* SPDX-License-Identifier: MIT
 * connection.c - Kafka comes and goes. */
#include "bridge/rules/connection.h"

void bridge_link_init(struct bridge_link *link, int64_t now_ms)
{
    *link = (struct bridge_link){.down_since_ms = now_ms, .lines_since_ms = now_ms};
}

void bridge_link_seen(struct bridge_link *link, bool up, int64_t now_ms)
{
    if (link->up && !up)
        link->down_since_ms = now_ms;
    link->up = up;
}

enum bridge_link_news bridge_link_news(struct bridge_link *link, int64_t now_ms)
{
    if (link->up) {
        if (!link->said_down)
            return BRIDGE_LINK_NOTHING;
        link->said_down = false;
        return BRIDGE_LINK_REACHABLE;
    }
    if (!link->said_down) {
        if (now_ms - link->down_since_ms < BRIDGE_LINK_GRACE_MS)
            return BRIDGE_LINK_NOTHING;
        link->said_down = true;
        link->said_ms = now_ms;
        return BRIDGE_LINK_UNREACHABLE;
    }
    if (now_ms - link->said_ms < BRIDGE_LINK_REPEAT_MS)
        return BRIDGE_LINK_NOTHING;
    link->said_ms = now_ms;
    return BRIDGE_LINK_STILL_UNREACHABLE;
}

bool bridge_link_line(struct bridge_link *link, int64_t now_ms)
{
    if (now_ms - link->lines_since_ms >= BRIDGE_LINK_LINES_MS) {
        link->lines_since_ms = now_ms;
        link->lines = 0;
    }
    /* While Kafka is away every broker complains again and again; the bridge's own line says it
     * all. */
    if (link->said_down || link->lines >= BRIDGE_LINK_LINES_MAX) {
        link->lines_suppressed++;
        return false;
    }
    link->lines++;
    return true;
}
