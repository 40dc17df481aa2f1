/* SPDX-License-Identifier: MIT
 * spool_files.c - listing a segment's directory. */
#include "spool/spool_files.h"

#include "spool/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void spool_files_free(struct spool_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
    *files = (struct spool_files){0};
}

static bool is_log(const char *name)
{
    size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".log") == 0 && strspn(name, "0123456789") == size - 4;
}

/* Logs first, by number (LevelDB pads them to six digits, but grows beyond), then by name. */
static int compare_names(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    if (is_log(x) != is_log(y))
        return is_log(x) ? -1 : 1;
    if (is_log(x)) {
        unsigned long long i = strtoull(x, NULL, 10), j = strtoull(y, NULL, 10);
        if (i != j)
            return i < j ? -1 : 1;
    }
    return strcmp(x, y);
}

static enum err push(struct spool_files *files, const char *prefix, const char *name)
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

static enum err list_into(struct spool_files *files, int parent_fd, const char *name, const char *prefix, int depth)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        enum err rc = spool_err_of_errno(errno);
        return rc == ERR_UNREADABLE ? rc : ERR_OK; /* not there, or no directory: no files */
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return ERR_NOMEM;
    }
    enum err rc = ERR_OK;
    for (struct dirent *entry; rc == ERR_OK && (entry = readdir(dir)) != NULL;) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(status.st_mode)) {
            rc = push(files, prefix, entry->d_name);
        } else if (S_ISDIR(status.st_mode) && depth == 0) {
            char inner[NAME_MAX + 2];
            snprintf(inner, sizeof inner, "%s/", entry->d_name);
            rc = list_into(files, fd, entry->d_name, inner, 1);
        }
    }
    closedir(dir);
    return rc;
}

enum err spool_files_list(int parent_fd, const char *name, struct spool_files *ret_files, struct errmsg *msg)
{
    struct spool_files files = {0};
    enum err rc = list_into(&files, parent_fd, name, "", 0);
    if (rc != ERR_OK) {
        spool_files_free(&files);
        return errmsg_set(msg, rc, "list segment '%s': %s", name, err_text(rc));
    }
    if (files.count > 0)
        qsort(files.names, files.count, sizeof *files.names, compare_names);
    while (files.log_count < files.count && is_log(files.names[files.log_count]))
        files.log_count++;
    *ret_files = files;
    return ERR_OK;
}
