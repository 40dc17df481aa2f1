/* SPDX-License-Identifier: MIT
 * connection.h - whether Kafka is there, and when to report it: once when Kafka goes away, at most
 * once a minute while it is away, once when it is back. Also bounds how much of the client's own
 * log gets through. Pure: the time is given. */
#ifndef PENSTOCK_BRIDGE_RULES_CONNECTION_H
#define PENSTOCK_BRIDGE_RULES_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

/* Kafka is away for so long before that is reported: connections are renewed now and then */
#define BRIDGE_CONNECTION_GRACE_MS  3000
#define BRIDGE_CONNECTION_REPEAT_MS 60000
#define BRIDGE_CONNECTION_LINES_MAX 10 /* of the client's log, in so many ms */
#define BRIDGE_CONNECTION_LINES_MS  60000

enum bridge_connection_news {
    BRIDGE_CONNECTION_NOTHING,
    BRIDGE_CONNECTION_UNREACHABLE,
    BRIDGE_CONNECTION_STILL_UNREACHABLE,
    BRIDGE_CONNECTION_REACHABLE
};

struct bridge_connection {
    bool up;
    bool said_down;
    int64_t down_since_ms;
    int64_t said_ms;
    int64_t lines_since_ms;
    unsigned lines;
    uint64_t lines_suppressed; /* since the last line that got through */
};

/* The connection counts as down until it was seen. */
void bridge_connection_init(struct bridge_connection *link, int64_t now_ms);
void bridge_connection_seen(struct bridge_connection *link, bool up, int64_t now_ms);
enum bridge_connection_news bridge_connection_news(struct bridge_connection *link, int64_t now_ms);
bool bridge_connection_line(
    struct bridge_connection *link,
    int64_t now_ms); /* may one more line of the client's log be passed on? */

#endif
