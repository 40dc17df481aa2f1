/* SPDX-License-Identifier: MIT
 * connection.c - Kafka comes and goes. */
#include "bridge/rules/connection.h"

void bridge_connection_init(struct bridge_connection *link, int64_t now_ms)
{
    *link = (struct bridge_connection){.down_since_ms = now_ms, .lines_since_ms = now_ms};
}

void bridge_connection_seen(struct bridge_connection *link, bool up, int64_t now_ms)
{
    if (link->up && !up)
        link->down_since_ms = now_ms;
    link->up = up;
}

enum bridge_connection_news bridge_connection_news(struct bridge_connection *link, int64_t now_ms)
{
    if (link->up) {
        if (!link->said_down)
            return BRIDGE_CONNECTION_NOTHING;
        link->said_down = false;
        return BRIDGE_CONNECTION_REACHABLE;
    }
    if (!link->said_down) {
        if (now_ms - link->down_since_ms < BRIDGE_CONNECTION_GRACE_MS)
            return BRIDGE_CONNECTION_NOTHING;
        link->said_down = true;
        link->said_ms = now_ms;
        return BRIDGE_CONNECTION_UNREACHABLE;
    }
    if (now_ms - link->said_ms < BRIDGE_CONNECTION_REPEAT_MS)
        return BRIDGE_CONNECTION_NOTHING;
    link->said_ms = now_ms;
    return BRIDGE_CONNECTION_STILL_UNREACHABLE;
}

bool bridge_connection_line(struct bridge_connection *link, int64_t now_ms)
{
    if (now_ms - link->lines_since_ms >= BRIDGE_CONNECTION_LINES_MS) {
        link->lines_since_ms = now_ms;
        link->lines = 0;
    }
    /* While Kafka is away every broker complains again and again; one line of the bridge replaces
     * them. */
    if (link->said_down || link->lines >= BRIDGE_CONNECTION_LINES_MAX) {
        link->lines_suppressed++;
        return false;
    }
    link->lines++;
    return true;
}
