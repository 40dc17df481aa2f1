/* SPDX-License-Identifier: MIT
 * segment_files.c - listing and opening the files in a segment's directory. */
#include "spool/read/segment_files.h"

#include "spool/format/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* Fragment header, batch header, and tag, key and length of the entry take 31 bytes; the first
     * event comes much later. */
    HEADER_AT_MAX = 40,
    HEADER_FRAME_MAX = 128,
};

enum err spool_segment_files_err(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EISDIR || error == ELOOP
               ? ERR_END
               : ERR_UNREADABLE;
}

static enum err fail(struct errmsg *msg, const char *what, const char *name)
{
    return errmsg_set(msg, spool_segment_files_err(errno), "%s '%s': %s", what, name,
                      strerror(errno));
}

void spool_segment_files_free(struct spool_segment_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
    *files = (struct spool_segment_files){0};
}

bool spool_segment_files_is_log(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash == NULL ? name : slash + 1;
    size_t size = strlen(base);
    return size > 4 && strcmp(base + size - 4, ".log") == 0 &&
           strspn(base, "0123456789") == size - 4;
}

static bool is_own_log(const char *name)
{
    return strchr(name, '/') == NULL && spool_segment_files_is_log(name);
}

/* Logs first, by number (LevelDB pads them to six digits, but grows beyond), then by name. */
static int compare_names(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    if (is_own_log(x) != is_own_log(y))
        return is_own_log(x) ? -1 : 1;
    if (is_own_log(x)) {
        unsigned long long i = strtoull(x, NULL, 10), j = strtoull(y, NULL, 10);
        if (i != j)
            return i < j ? -1 : 1;
    }
    return strcmp(x, y);
}

static enum err push(struct spool_segment_files *files, const char *prefix, const char *name)
{
    char **names = realloc(files->names, (files->count + 1) * sizeof *names);
    if (names == NULL)
        return ERR_NOMEM;
    files->names = names;
    size_t size = strlen(prefix) + strlen(name) + 1;
    if ((names[files->count] = malloc(size)) == NULL)
        return ERR_NOMEM;
    snprintf(names[files->count++], size, "%s%s", prefix, name);
    return ERR_OK;
}

static enum err list_into(struct spool_segment_files *files, int parent_fd, const char *name,
                          const char *prefix, int depth);

static enum err take_entry(struct spool_segment_files *files, int fd, const char *name,
                           const char *prefix, int depth)
{
    struct stat status;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return ERR_OK;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return spool_segment_files_err(errno) == ERR_END ? ERR_OK : ERR_UNREADABLE;
    if (S_ISREG(status.st_mode))
        return push(files, prefix, name);
    if (!S_ISDIR(status.st_mode) || depth > 0)
        return ERR_OK;
    char inner[NAME_MAX + 2];
    snprintf(inner, sizeof inner, "%s/", name);
    return list_into(files, fd, name, inner, 1);
}

static enum err list_into(struct spool_segment_files *files, int parent_fd, const char *name,
                          const char *prefix, int depth)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return spool_segment_files_err(errno) == ERR_END ? ERR_OK : ERR_UNREADABLE;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return ERR_NOMEM;
    }
    enum err rc = ERR_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL && errno != 0)
            rc = ERR_UNREADABLE; /* half a listing would make events look lost */
        if (entry == NULL || rc != ERR_OK)
            break;
        if ((rc = take_entry(files, fd, entry->d_name, prefix, depth)) != ERR_OK)
            break;
    }
    closedir(dir);
    return rc;
}

enum err spool_segment_files_open_dir(int parent_fd, const char *name, int *ret_fd,
                                      struct errmsg *msg)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(msg, "open directory", name);
    *ret_fd = fd;
    return ERR_OK;
}

enum err spool_segment_files_list(int dir_fd, struct spool_segment_files *ret_files,
                                  struct errmsg *msg)
{
    struct spool_segment_files files = {0};
    errno = 0;
    enum err rc = list_into(&files, dir_fd, ".", "", 0);
    if (rc != ERR_OK) {
        int error = errno;
        spool_segment_files_free(&files);
        return errmsg_set(msg, rc, "list it: %s", error == 0 ? err_text(rc) : strerror(error));
    }
    if (files.count > 0)
        qsort(files.names, files.count, sizeof *files.names, compare_names);
    while (files.log_count < files.count && is_own_log(files.names[files.log_count]))
        files.log_count++;
    *ret_files = files;
    return ERR_OK;
}

enum err spool_segment_files_open(int dir_fd, const char *name, int *ret_fd, struct errmsg *msg)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fail(msg, "open", name);
    *ret_fd = fd;
    return ERR_OK;
}

enum err spool_segment_files_seed(int log_fd, uint64_t segment_id, uint64_t *seed,
                                  struct errmsg *msg)
{
    uint8_t start[HEADER_AT_MAX + HEADER_FRAME_MAX];
    ssize_t size = pread(log_fd, start, sizeof start, 0);
    if (size < 0)
        return spool_segment_files_err(errno) == ERR_END ? ERR_OK
                                                         : fail(msg, "read", "the log's header");
    struct spool_segment_header header;
    for (ssize_t at = 0; at < size && at <= HEADER_AT_MAX; at++)
        if (spool_header_find(start + at, (size_t)(size - at), &header) &&
            header.segment_id == segment_id) {
            *seed = header.seed;
            break;
        }
    return ERR_OK;
}
