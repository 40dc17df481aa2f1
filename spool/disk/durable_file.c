/* SPDX-License-Identifier: MIT
 * durable_file.c - small files written whole and durably. */
#include "spool/disk/durable_file.h"

#include "spool/disk/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum err spool_durable_file_pwrite(int fd, const void *data, size_t size, uint64_t offset)
{
    const uint8_t *p = data;
    while (size > 0) {
        ssize_t n = pwrite(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && (errno == ENOSPC || errno == EDQUOT) ? ERR_FULL : ERR_IO;
        p += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return ERR_OK;
}

enum err spool_durable_file_replace(int dir_fd, const char *name, struct bytes content,
                                    struct errmsg *msg)
{
    char tmp[128];
    snprintf(tmp, sizeof tmp, "%s.tmp", name);
    int fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errmsg_set(msg, errno == ENOSPC ? ERR_FULL : ERR_IO, "create '%s': %s", tmp,
                          strerror(errno));
    enum err rc = spool_durable_file_pwrite(fd, content.data, content.size, 0);
    if (rc == ERR_OK && fsync(fd) != 0)
        rc = ERR_IO;
    if (rc != ERR_OK)
        errmsg_set(msg, rc, "write '%s': %s", tmp, strerror(errno));
    if (close(fd) != 0 && rc == ERR_OK)
        rc = errmsg_set(msg, ERR_IO, "close '%s': %s", tmp, strerror(errno));
    if (rc == ERR_OK)
        rc = spool_dir_move(dir_fd, tmp, dir_fd, name, msg);
    if (rc != ERR_OK)
        (void)unlinkat(dir_fd, tmp, 0);
    return rc;
}

static enum err read_all(int fd, size_t size_max, struct buf *content)
{
    for (;;) {
        if (content->size > size_max)
            return ERR_TOO_LARGE;
        if (!buf_reserve(content, 64 << 10))
            return ERR_NOMEM;
        ssize_t n = read(fd, content->data + content->size, content->capacity - content->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return spool_err_of_errno(errno);
        if (n == 0)
            return ERR_OK;
        content->size += (size_t)n;
    }
}

enum err spool_durable_file_read(int dir_fd, const char *name, size_t size_max,
                                 struct buf *ret_content, struct errmsg *msg)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errmsg_set(msg, spool_err_of_errno(errno), "open '%s': %s", name, strerror(errno));
    struct stat status;
    struct buf content = {0};
    enum err rc = fstat(fd, &status) != 0   ? spool_err_of_errno(errno)
                  : S_ISREG(status.st_mode) ? ERR_OK
                                            : ERR_INVALID;
    if (rc == ERR_OK)
        rc = read_all(fd, size_max, &content);
    close(fd);
    if (rc != ERR_OK) {
        buf_free(&content);
        return errmsg_set(msg, rc, "read '%s': %s", name, err_text(rc));
    }
    *ret_content = content;
    return ERR_OK;
}
