/* SPDX-License-Identifier: MIT
 * connection.h - is Kafka there, and what to say about it: once when it goes away, at most once a
 * minute while it is away, once when it is back. Also bounds how much of the client's own log gets
 * through. Pure: the time is given. */
#ifndef PENSTOCK_BRIDGE_RULES_CONNECTION_H
#define PENSTOCK_BRIDGE_RULES_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

/* away for so long before it is said: connections are renewed now and then */
#define BRIDGE_LINK_GRACE_MS  3000
#define BRIDGE_LINK_REPEAT_MS 60000
#define BRIDGE_LINK_LINES_MAX 10 /* of the client's log, in so many ms */
#define BRIDGE_LINK_LINES_MS  60000

enum bridge_link_news {
    BRIDGE_LINK_NOTHING,
    BRIDGE_LINK_UNREACHABLE,
    BRIDGE_LINK_STILL_UNREACHABLE,
    BRIDGE_LINK_REACHABLE
};

struct bridge_link {
    bool up;
    bool said_down;
    int64_t down_since_ms;
    int64_t said_ms;
    int64_t lines_since_ms;
    unsigned lines;
    uint64_t lines_suppressed; /* since the last line that got through */
};

void bridge_link_init(struct bridge_link *link, int64_t now_ms); /* down until it is seen */
void bridge_link_seen(struct bridge_link *link, bool up, int64_t now_ms);
enum bridge_link_news bridge_link_news(struct bridge_link *link, int64_t now_ms);
bool bridge_link_line(struct bridge_link *link,
                      int64_t now_ms); /* may one more line of the client's log be passed on? */

#endif
