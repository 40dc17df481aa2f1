/* SPDX-License-Identifier: MIT
 * config_secret.c - values from the environment and from files. */
#include "config/config_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const name_chars =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

/* Replaces the reference that begins at *text ("${"), and moves *text to after the reference. */
static enum err expand_one(const char **text, struct buf *out, struct errmsg *msg)
{
    const char *name = *text + 2;
    size_t size = strspn(name, name_chars);
    if (name[size] != '}' || size == 0 || size > 128 || (name[0] >= '0' && name[0] <= '9'))
        return errmsg_set(msg, ERR_INVALID,
                          "'${' must be followed by the name of an environment variable and '}' "
                          "('$${' stands for '${' itself)");
    char copy[129];
    memcpy(copy, name, size);
    copy[size] = '\0';
    const char *value = getenv(copy);
    if (value == NULL)
        return errmsg_set(msg, ERR_INVALID, "the environment variable %s isn't set", copy);
    *text = name + size + 1;
    return buf_append_string(out, value) ? ERR_OK : ERR_NOMEM;
}

enum err config_secret_expand(const char *text, struct buf *out, bool *ret_replaced,
                              struct errmsg *msg)
{
    bool replaced = false;
    while (*text != '\0') {
        if (strncmp(text, "$${", 3) == 0) {
            buf_append_string(out, "${");
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            enum err rc = expand_one(&text, out, msg);
            if (rc != ERR_OK)
                return rc;
            replaced = true;
        } else {
            buf_append_char(out, *text++);
        }
        if (out->size > CONFIG_SECRET_BYTES_MAX)
            return errmsg_set(msg, ERR_TOO_LARGE, "a value beyond 64 KiB");
    }
    if (out->failed)
        return ERR_NOMEM;
    *ret_replaced = replaced;
    return ERR_OK;
}

static enum err read_all(int fd, const char *path, size_t size_max, struct buf *out,
                         struct errmsg *msg)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return errmsg_set(msg, ERR_IO, "read '%s': it is a directory", path);
    for (;;) {
        if (!buf_reserve(out, 4096))
            return ERR_NOMEM;
        ssize_t n = read(fd, out->data + out->size, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errmsg_set(msg, ERR_IO, "read '%s': %s", path, strerror(errno));
        if (n == 0)
            return ERR_OK;
        out->size += (size_t)n;
        if (out->size > size_max)
            return errmsg_set(msg, ERR_TOO_LARGE, "'%s' is larger than %zu bytes", path, size_max);
    }
}

enum err config_file_read(const char *path, size_t size_max, struct buf *out, struct errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errmsg_set(msg, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "open '%s': %s", path,
                          strerror(errno));
    enum err rc = read_all(fd, path, size_max, out, msg);
    close(fd);
    return rc;
}

enum err config_secret_read(const char *path, struct buf *out, struct errmsg *msg)
{
    if (path[0] != '/')
        return errmsg_set(msg, ERR_INVALID, "'file:' must be followed by an absolute path");
    enum err rc = config_file_read(path, CONFIG_SECRET_BYTES_MAX, out, msg);
    if (rc != ERR_OK)
        return rc;
    if (out->size > 0 && out->data[out->size - 1] == '\n')
        out->size--;
    if (out->size > 0 && memchr(out->data, '\0', out->size) != NULL)
        return errmsg_set(msg, ERR_INVALID, "'%s' holds a zero byte", path);
    return ERR_OK;
}

bool config_secret_property(const char *name)
{
    static const char *const parts[] = {
        "password", "secret", "ssl.key.pem", "ssl_key", "sasl.oauthbearer.config", "sasl.jaas"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(name, parts[i]) != NULL)
            return true;
    return false;
}
