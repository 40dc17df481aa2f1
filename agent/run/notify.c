/* SPDX-License-Identifier: MIT
 * notify.c - systemd's notification protocol. Not libsystemd: it would bring four more
 * libraries for one sendto(). */
#include "agent/run/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 1};
    size_t size = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, name, size);
    if (name[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace: its name has no end mark */
    socklen_t length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '/'));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, length) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* 0: not given, or no number. */
static int64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    long long number = text != NULL ? strtoll(text, &end, 10) : 0;
    return end != NULL && end != text && *end == '\0' && number > 0 ? number : 0;
}

struct agent_notify agent_notify_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct agent_notify notify = {.fd = name != NULL ? connect_to(name) : -1};
    int64_t pid = number_of("WATCHDOG_PID");
    if (notify.fd >= 0 && (pid == 0 || pid == getpid()))
        notify.watchdog_ms = number_of("WATCHDOG_USEC") / 1000;
    return notify;
}

void agent_notify_close(struct agent_notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

bool agent_notify_send(const struct agent_notify *notify, const char *lines)
{
    return notify->fd >= 0 &&
           send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL) == (ssize_t)strlen(lines);
}
