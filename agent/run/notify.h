/* SPDX-License-Identifier: MIT
 * notify.h - systemd's notification protocol, sd_notify(3): a datagram of lines to
 * $NOTIFY_SOCKET. */
#ifndef PENSTOCK_AGENT_RUN_NOTIFY_H
#define PENSTOCK_AGENT_RUN_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct agent_notify {
    int fd;              /* -1: no service manager listens */
    int64_t watchdog_ms; /* WATCHDOG=1 is expected at least this often; 0: it isn't */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Malformed values count as not given. */
struct agent_notify agent_notify_open(void);
void agent_notify_close(struct agent_notify *notify);

/* Sends lines like "READY=1\nSTATUS=…". Waits at most a second for a slow reader. False: the lines
 * were not sent. */
bool agent_notify_send(const struct agent_notify *notify, const char *lines);

#endif
