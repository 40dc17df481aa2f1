/* SPDX-License-Identifier: MIT
 * power_tree.c - files made of a state, and compared with one. */
#include "tests/power/power_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void path_of(const struct power_state *state, size_t node, const char *root, char path[4096])
{
    if (node == 0) {
        snprintf(path, 4096, "%s", root);
        return;
    }
    path_of(state, state->nodes[node].parent, root, path);
    size_t size = strlen(path);
    snprintf(path + size, 4096 - size, "/%s", state->nodes[node].name);
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static bool write_content(int fd, struct bytes content)
{
    for (size_t at = 0; at < content.size;) {
        size_t size = content.size - at < PAGE ? content.size - at : PAGE;
        while (at + size < content.size && size < 16 * PAGE && !is_zero(content.data + at, PAGE) &&
               content.size - at - size >= PAGE)
            size += PAGE;
        if (!is_zero(content.data + at, size) &&
            pwrite(fd, content.data + at, size, (off_t)at) != (ssize_t)size)
            return false;
        at += size;
    }
    return ftruncate(fd, (off_t)content.size) == 0;
}

static bool make_node(const struct power_node *node, const char *path)
{
    if (node->is_dir)
        return mkdir(path, 0700) == 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_content(fd, node->content);
    if (fd >= 0)
        close(fd);
    return ok;
}

enum err power_tree_make(const struct power_state *state, const char *path, struct errmsg *msg)
{
    for (size_t i = 0; i < state->count; i++) {
        char node_path[4096];
        path_of(state, i, path, node_path);
        if (!make_node(&state->nodes[i], node_path))
            return errmsg_set(msg, ERR_IO, "make '%s': %s", node_path, strerror(errno));
    }
    return ERR_OK;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    (void)remove(path);
    return 0;
}

void power_tree_remove(const char *path)
{
    (void)nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool has_content(const char *path, struct bytes content)
{
    struct stat status;
    uint8_t *data = malloc(content.size + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool same = data != NULL && fd >= 0 && fstat(fd, &status) == 0 &&
                (size_t)status.st_size == content.size &&
                pread(fd, data, content.size + 1, 0) == (ssize_t)content.size &&
                (content.size == 0 || memcmp(data, content.data, content.size) == 0);
    if (fd >= 0)
        close(fd);
    free(data);
    return same;
}

static size_t found_count;

static int count_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)path, (void)status, (void)type, (void)ftw;
    found_count++;
    return 0;
}

enum err power_tree_compare(const struct power_state *state, const char *path, struct errmsg *msg)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct power_node *node = &state->nodes[i];
        char node_path[4096];
        struct stat status;
        path_of(state, i, path, node_path);
        if (lstat(node_path, &status) != 0 || S_ISDIR(status.st_mode) != node->is_dir)
            return errmsg_set(msg, ERR_DAMAGED, "'%s' isn't there, or something else", node_path);
        if (!node->is_dir && strcmp(node->name, "LOG") != 0 &&
            !has_content(node_path, node->content))
            return errmsg_set(msg, ERR_DAMAGED, "'%s' has another content", node_path);
    }
    found_count = 0;
    (void)nftw(path, count_one, 32, FTW_PHYS);
    if (found_count != state->count)
        return errmsg_set(msg, ERR_DAMAGED, "there are %zu files and directories, not %zu",
                          found_count, state->count);
    return ERR_OK;
}
