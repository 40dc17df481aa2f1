/* SPDX-License-Identifier: MIT
 * dir.c - directories through descriptors. */
#include "spool/disk/dir.h"

#include "spool/format/id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 16 }; /* the spool's trees are three deep */

enum err spool_err_of_errno(int error)
{
    static const struct {
        int error;
        enum err err;
    } rows[] = {
        {ENOENT, ERR_NOT_FOUND},  {EIO, ERR_UNREADABLE},    {EACCES, ERR_UNREADABLE},
        {EPERM, ERR_UNREADABLE},  {EMFILE, ERR_UNREADABLE}, {ENFILE, ERR_UNREADABLE},
        {ENOMEM, ERR_UNREADABLE}, {ENOTDIR, ERR_INVALID},   {ELOOP, ERR_INVALID},
        {EISDIR, ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].error == error)
            return rows[i].err;
    return ERR_IO;
}

static enum err fail(struct errmsg *msg, const char *what, const char *name)
{
    int error = errno;
    return errmsg_set(msg, spool_err_of_errno(error), "%s '%s': %s", what, name, strerror(error));
}

enum err spool_dir_open(int parent_fd, const char *name, bool create, int *ret_fd,
                        struct errmsg *msg)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && create) {
        if (mkdirat(parent_fd, name, 0700) != 0 && errno != EEXIST)
            return fail(msg, "make directory", name);
        enum err rc = spool_dir_sync(parent_fd, msg);
        if (rc != ERR_OK)
            return rc;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0)
        return fail(msg, "open directory", name);
    *ret_fd = fd;
    return ERR_OK;
}

enum err spool_dir_sync(int dir_fd, struct errmsg *msg)
{
    if (fsync(dir_fd) != 0)
        return errmsg_set(msg, ERR_IO, "fsync a directory: %s", strerror(errno));
    return ERR_OK;
}

/* A second descriptor, so that listing has its own position and closing it leaves dir_fd alone. */
static DIR *list(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

/* NULL at the end with errno 0, and with another errno when the directory cannot be read on. */
static struct dirent *next_entry(DIR *dir)
{
    struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(dir);
    } while (entry != NULL &&
             (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

/* Closes a directory whose last entry was taken; says how reading it ended. */
static enum err end_list(DIR *dir, struct errmsg *msg)
{
    int error = errno;
    closedir(dir);
    errno = error;
    return error == 0 ? ERR_OK : fail(msg, "list directory", ".");
}

/* The id that a name begins with; *ret_rest is what follows. 0: none (ids begin at 1). */
static uint64_t leading_id(const char *name, const char **ret_rest)
{
    uint64_t id = 0;
    const char *p = name;
    if (*p == '0')
        return 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        id = id * 10 + (uint64_t)(*p - '0');
        if (id > SPOOL_SEGMENT_ID_MAX)
            return 0;
    }
    *ret_rest = p;
    return p == name ? 0 : id;
}

enum err spool_dir_list_ids(int dir_fd, uint64_t **ret_ids, size_t *ret_count, struct errmsg *msg)
{
    DIR *dir = list(dir_fd, ".");
    if (dir == NULL)
        return fail(msg, "list directory", ".");
    uint64_t *ids = malloc(64 * sizeof *ids);
    size_t count = 0, capacity = ids == NULL ? 0 : 64;
    for (struct dirent *entry; ids != NULL && (entry = next_entry(dir)) != NULL;) {
        const char *rest = "";
        uint64_t id = leading_id(entry->d_name, &rest);
        if (id == 0 || *rest != '\0')
            continue;
        if (count == capacity) {
            capacity *= 2;
            uint64_t *more = realloc(ids, capacity * sizeof *ids);
            if (more == NULL)
                free(ids);
            ids = more;
        }
        if (ids != NULL)
            ids[count++] = id;
    }
    enum err rc = end_list(dir, msg);
    if (ids == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    if (rc != ERR_OK) { /* don't return a part: the caller would take it for all ids */
        free(ids);
        return rc;
    }
    qsort(ids, count, sizeof *ids, spool_id_compare);
    *ret_ids = ids;
    *ret_count = count;
    return ERR_OK;
}

enum err spool_dir_highest_id(int dir_fd, uint64_t *ret_id, struct errmsg *msg)
{
    DIR *dir = list(dir_fd, ".");
    if (dir == NULL)
        return fail(msg, "list directory", ".");
    uint64_t highest = 0;
    for (struct dirent *entry; (entry = next_entry(dir)) != NULL;) {
        const char *rest;
        uint64_t id = leading_id(entry->d_name, &rest);
        if (id > highest)
            highest = id;
    }
    enum err rc = end_list(dir, msg);
    if (rc == ERR_OK)
        *ret_id = highest;
    return rc;
}

enum err spool_dir_move(int from_fd, const char *name, int to_fd, const char *to_name,
                        struct errmsg *msg)
{
    if (renameat(from_fd, name, to_fd, to_name) != 0)
        return fail(msg, "rename", name);
    enum err rc = spool_dir_sync(to_fd, msg);
    if (rc == ERR_OK && from_fd != to_fd)
        rc = spool_dir_sync(from_fd, msg);
    return rc;
}

static enum err remove_tree(int parent_fd, const char *name, int depth)
{
    if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
        return ERR_OK;
    if (errno != EISDIR && errno != EPERM)
        return spool_err_of_errno(errno);
    DIR *dir = depth < DEPTH_MAX ? list(parent_fd, name) : NULL;
    if (dir == NULL)
        return depth < DEPTH_MAX ? spool_err_of_errno(errno) : ERR_IO;
    enum err rc = ERR_OK;
    for (struct dirent *entry; (entry = next_entry(dir)) != NULL;) {
        enum err one = remove_tree(dirfd(dir), entry->d_name, depth + 1);
        rc = rc == ERR_OK ? one : rc;
    }
    enum err end = end_list(dir, NULL);
    rc = rc == ERR_OK ? end : rc;
    if (rc == ERR_OK && unlinkat(parent_fd, name, AT_REMOVEDIR) != 0)
        rc = spool_err_of_errno(errno);
    return rc;
}

enum err spool_dir_remove_tree(int parent_fd, const char *name)
{
    return remove_tree(parent_fd, name, 0);
}

static enum err tree_bytes(int parent_fd, const char *name, int depth, uint64_t *sum)
{
    struct stat status;
    if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return spool_err_of_errno(errno);
    *sum += (uint64_t)status.st_blocks * 512;
    if (!S_ISDIR(status.st_mode) || depth == DEPTH_MAX)
        return ERR_OK;
    DIR *dir = list(parent_fd, name);
    if (dir == NULL)
        return spool_err_of_errno(errno);
    for (struct dirent *entry; (entry = next_entry(dir)) != NULL;)
        (void)tree_bytes(dirfd(dir), entry->d_name, depth + 1, sum); /* the file may be gone by
                                                                      * now */
    return end_list(dir, NULL);
}

enum err spool_dir_tree_bytes(int parent_fd, const char *name, uint64_t *ret_bytes)
{
    uint64_t sum = 0;
    enum err rc = tree_bytes(parent_fd, name, 0, &sum);
    if (rc == ERR_OK)
        *ret_bytes = sum;
    return rc;
}
