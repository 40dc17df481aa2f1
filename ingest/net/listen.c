/* SPDX-License-Identifier: MIT
 * listen.c - addresses to listening sockets. */
#include "ingest/net/listen.h"

#include "ingest/ingest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *unix_path_of(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080" to a socket address. */
static enum err resolve(const char *address, bool allow_remote, struct addrinfo **ret_info,
                        struct errmsg *msg)
{
    const char *colon = strrchr(address, ':');
    char host[256];
    size_t host_size = colon == NULL ? 0 : (size_t)(colon - address);
    char *end;
    long port = colon == NULL ? -1 : strtol(colon + 1, &end, 10);
    if (host_size == 0 || host_size >= sizeof host || colon[1] < '0' || colon[1] > '9' ||
        *end != '\0' || port > 65535)
        return errmsg_set(msg, ERR_INVALID,
                          "'%s' is no address: use 127.0.0.1:8080, [::1]:8080 or unix:/path",
                          address);
    bool brackets = address[0] == '[' && address[host_size - 1] == ']';
    bool bare_v6 = !brackets && memchr(address, ':', host_size) != NULL; /* where would it end? */
    snprintf(host, sizeof host, "%.*s", (int)(host_size - (brackets ? 2 : 0)),
             address + (brackets ? 1 : 0));
    const char *numeric =
        strcmp(host, "localhost") == 0 ? "127.0.0.1" : host; /* without a look-up */
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (bare_v6 || getaddrinfo(numeric, colon + 1, &hints, ret_info) != 0)
        return errmsg_set(msg, ERR_INVALID,
                          "'%s': '%s' is neither an IP address ([IPv6] in brackets) nor localhost",
                          address, host);
    if (!allow_remote && !is_loopback((*ret_info)->ai_addr)) {
        freeaddrinfo(*ret_info);
        return errmsg_set(
            msg, ERR_INVALID,
            "'%s' is reachable from other hosts: set listen.allow_remote: true if that is meant "
            "(there is no authentication)",
            address);
    }
    return ERR_OK;
}

static void name_bound(int fd, char *out, size_t size)
{
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof bound;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&bound, &length) == 0 &&
        getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(out, size, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static enum err listen_tcp(const char *address, bool allow_remote,
                           struct ingest_listener *ret_listener, struct errmsg *msg)
{
    struct addrinfo *info = NULL;
    enum err rc = resolve(address, allow_remote, &info, msg);
    if (rc != ERR_OK)
        return rc;
    int yes = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        /* accepted sockets inherit it */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (info->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
    if (fd < 0 || bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        rc = errmsg_set(msg, ERR_IO, "listen on '%s': %s", address, strerror(errno));
        if (fd >= 0)
            close(fd);
    } else {
        *ret_listener = (struct ingest_listener){.fd = fd};
        name_bound(fd, ret_listener->bound, sizeof ret_listener->bound);
    }
    freeaddrinfo(info);
    return rc;
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

/* Removes a socket file that is stale: no process listens on it. */
static enum err remove_stale(const struct sockaddr_un *address, struct errmsg *msg)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return ERR_OK;
    if (!S_ISSOCK(status.st_mode))
        return errmsg_set(msg, ERR_IO, "'%s' exists and is no socket", address->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                 errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    if (!stale) /* or it cannot be told: then it is not ours to remove */
        return errmsg_set(msg, ERR_IO, "another process listens on '%s'", address->sun_path);
    if (unlink(address->sun_path) != 0)
        return errmsg_set(msg, ERR_IO, "remove the stale socket '%s': %s", address->sun_path,
                          strerror(errno));
    return ERR_OK;
}

static enum err set_access(const struct ingest_options *options, const char *path,
                           struct errmsg *msg)
{
    if (options->socket_group != NULL) {
        struct group *group = getgrnam(options->socket_group);
        if (group == NULL)
            return errmsg_set(msg, ERR_INVALID, "listen.socket_group: there is no group '%s'",
                              options->socket_group);
        if (chown(path, (uid_t)-1, group->gr_gid) != 0)
            return errmsg_set(msg, ERR_IO, "give '%s' to group '%s': %s", path,
                              options->socket_group, strerror(errno));
    }
    if (chmod(path, options->socket_mode) != 0)
        return errmsg_set(msg, ERR_IO, "chmod '%s': %s", path, strerror(errno));
    return ERR_OK;
}

static enum err listen_unix(const struct ingest_options *options, const char *path,
                            struct ingest_listener *ret_listener, struct errmsg *msg)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
        return errmsg_set(msg, ERR_INVALID, "'unix:%s': the path must have 1 to %zu bytes", path,
                          sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    enum err rc = remove_stale(&address, msg);
    if (rc != ERR_OK)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        rc = errmsg_set(msg, ERR_IO, "listen on 'unix:%s': %s", path, strerror(errno));
    if (rc == ERR_OK)
        rc = set_access(options, path, msg);
    if (rc == ERR_OK && listen(fd, SOMAXCONN) != 0)
        rc = errmsg_set(msg, ERR_IO, "listen on 'unix:%s': %s", path, strerror(errno));
    struct stat status = {0};
    if (rc == ERR_OK && lstat(path, &status) != 0)
        rc = errmsg_set(msg, ERR_IO, "look at '%s': %s", path, strerror(errno));
    char *copy = rc == ERR_OK ? strdup(path) : NULL;
    if (copy == NULL) {
        if (fd >= 0)
            close(fd);
        return rc == ERR_OK ? errmsg_set(msg, ERR_NOMEM, "out of memory") : rc;
    }
    *ret_listener = (struct ingest_listener){
        .fd = fd, .unix_path = copy, .device = status.st_dev, .inode = status.st_ino};
    snprintf(ret_listener->bound, sizeof ret_listener->bound, "unix:%s", path);
    return ERR_OK;
}

enum err ingest_listen(const struct ingest_options *options, const char *address,
                       struct ingest_listener *ret_listener, struct errmsg *msg)
{
    const char *path = unix_path_of(address);
    enum err rc = ingest_address_check(address, options->allow_remote, msg);
    if (rc != ERR_OK)
        return rc;
    return path != NULL ? listen_unix(options, path, ret_listener, msg)
                        : listen_tcp(address, options->allow_remote, ret_listener, msg);
}

void ingest_unlisten(struct ingest_listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    struct stat status;
    if (listener->unix_path != NULL && lstat(listener->unix_path, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode)
        unlink(listener->unix_path);
    free(listener->unix_path);
    *listener = (struct ingest_listener){.fd = -1};
}

enum err ingest_address_check(const char *address, bool allow_remote, struct errmsg *msg)
{
    const char *path = unix_path_of(address);
    if (path != NULL)
        return path[0] == '/' && strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path
                   ? ERR_OK
                   : errmsg_set(msg, ERR_INVALID,
                                "'%s': the path must be absolute and shorter than 108 bytes",
                                address);
    struct addrinfo *info = NULL;
    enum err rc = resolve(address, allow_remote, &info, msg);
    if (rc == ERR_OK)
        freeaddrinfo(info);
    return rc;
}
