/* SPDX-License-Identifier: MIT
 * sim_disk_paths.c - paths, and the calls on them. */
#include "tests/sim/sim_disk_calls.h"
#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEVICE = 0x51 };

/* ---- where a path leads ---------------------------------------------------------------------- */

static const struct {
    const char *path, *text;
} system_files[] = {
    {"/proc/self/mountinfo", "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
                             "22 21 8:2 / /sim rw,relatime - ext4 /dev/sda2 rw\n"},
    {"/etc/fstab", "/dev/sda1 / ext4 defaults 0 1\n/dev/sda2 /sim ext4 defaults 0 2\n"},
};

static bool find_text(const char *path, struct sim_place *place)
{
    const char *text = strncmp(path, "/proc/self/fdinfo/", 18) == 0
                           ? "pos:\t0\nflags:\t0100000\nmnt_id:\t22\n"
                           : NULL;
    for (size_t i = 0; i < sizeof system_files / sizeof system_files[0]; i++)
        if (strcmp(path, system_files[i].path) == 0)
            text = system_files[i].text;
    if (text == NULL)
        return false;
    place->inode = sim_tree_make(false);
    place->is_text = true;
    sim_content_write(&place->inode->content, text, strlen(text), 0);
    return true;
}

/* The inode where the walk begins, and the rest of the path; NULL: not the model's. */
static struct sim_inode *first_of(int dir_fd, const char *path, const char **ret_rest)
{
    int fd, used = 0;
    *ret_rest = path;
    if (path[0] != '/') {
        const struct sim_open *open = sim_fd_is_model(dir_fd) ? sim_fd_open(dir_fd) : NULL;
        if (open != NULL)
            return open->inode;
        return dir_fd == AT_FDCWD && sim_fiber_is_program() ? sim_tree_root() : NULL;
    }
    if (sscanf(path, "/proc/self/fd/%d%n", &fd, &used) == 1 && sim_fd_is_model(fd)) {
        const struct sim_open *open = sim_fd_open(fd);
        *ret_rest = path + used;
        return open == NULL ? NULL : open->inode;
    }
    size_t size = strlen(SIM_DISK_ROOT);
    bool below =
        strncmp(path, SIM_DISK_ROOT, size) == 0 && (path[size] == '/' || path[size] == '\0');
    return sim_fiber_is_program() || (below && sim_fiber_is_running()) ? sim_tree_root() : NULL;
}

static enum sim_path fail(int error)
{
    errno = error;
    return SIM_PATH_ERROR;
}

static enum sim_path walk(struct sim_inode *at, const char *rest, struct sim_place *place)
{
    place->dir = at->parent;
    place->inode = at;
    snprintf(place->name, sizeof place->name, "%s", at->name);
    for (rest += strspn(rest, "/"); *rest != '\0'; rest += strspn(rest, "/")) {
        size_t size = strcspn(rest, "/");
        if (size >= sizeof place->name)
            return fail(ENAMETOOLONG);
        if (place->inode == NULL)
            return fail(ENOENT);
        if (!place->inode->is_dir)
            return fail(ENOTDIR);
        if (size == 2 && memcmp(rest, "..", 2) == 0) {
            place->inode = place->inode->parent;
            place->dir = place->inode->parent;
            snprintf(place->name, sizeof place->name, "%s", place->inode->name);
        } else if (size != 1 || rest[0] != '.') {
            place->dir = place->inode;
            snprintf(place->name, sizeof place->name, "%.*s", (int)size, rest);
            place->inode = sim_tree_find(place->dir, place->name);
        }
        rest += size;
    }
    return SIM_PATH_MODEL;
}

enum sim_path sim_path_find(int dir_fd, const char *path, struct sim_place *place)
{
    const char *rest;
    *place = (struct sim_place){0};
    if (sim_fiber_is_running() && find_text(path, place))
        return SIM_PATH_MODEL;
    struct sim_inode *first = first_of(dir_fd, path, &rest);
    if (first == NULL)
        return sim_fiber_is_program() ? fail(ENOENT) : SIM_PATH_MACHINE;
    return walk(first, rest, place);
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool has_room_for_block(void)
{
    if (sim_disk_free_bytes() >= 4096)
        return true;
    errno = ENOSPC;
    return false;
}

static int64_t open_found(struct sim_place *place, int flags)
{
    if (place->inode == NULL && (flags & O_CREAT) == 0) {
        errno = ENOENT;
        return -1;
    }
    int error = place->inode == NULL                                      ? 0
                : (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0         ? EEXIST
                : (flags & O_DIRECTORY) != 0 && !place->inode->is_dir     ? ENOTDIR
                : (flags & O_ACCMODE) != O_RDONLY && place->inode->is_dir ? EISDIR
                                                                          : 0;
    if (error != 0) {
        errno = error;
        return -1;
    }
    if (place->inode == NULL) {
        if (!place->dir->is_linked) {
            errno = ENOENT;
            return -1;
        }
        if (!has_room_for_block())
            return -1;
        place->inode = sim_tree_make(false);
        sim_tree_add(place->dir, place->name, place->inode);
    }
    int fd = sim_fd_make(place->inode, flags);
    if (fd >= 0 && (flags & O_TRUNC) != 0 && place->inode->content.now.size > 0) {
        sim_tree_uncount(place->inode);
        sim_content_resize(&place->inode->content, 0);
        sim_tree_count(place->inode);
    }
    return fd;
}

/* Looks again after the call has begun: others may have run meanwhile. */
static bool begin_at(struct sim_call *call, enum sim_disk_op op, int dir_fd, const char *path,
                     struct sim_place *place)
{
    struct sim_inode *at = place->is_text ? place->inode : place->dir;
    if (!sim_call_begin(call, op, at, place->is_text ? NULL : place->name))
        return false;
    if (!place->is_text && sim_path_find(dir_fd, path, place) == SIM_PATH_ERROR) {
        sim_call_end(call, -1);
        return false;
    }
    return true;
}

static int open_at(int dir_fd, const char *path, int flags, mode_t mode)
{
    struct sim_place place;
    struct sim_call call;
    enum sim_path kind = sim_path_find(dir_fd, path, &place);
    if (kind == SIM_PATH_MACHINE)
        return (int)syscall(SYS_openat, dir_fd, path, flags, mode);
    if (kind == SIM_PATH_ERROR || !begin_at(&call, SIM_DISK_OPEN, dir_fd, path, &place))
        return -1;
    return (int)sim_call_end(&call, open_found(&place, flags));
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_at(dir_fd, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* ---- looking --------------------------------------------------------------------------------- */

static void tell(const struct sim_inode *inode, struct stat *ret)
{
    *ret = (struct stat){
        .st_dev = DEVICE,
        .st_ino = inode->number,
        .st_nlink = inode->is_linked ? (inode->is_dir ? 2 : 1) : 0,
        .st_mode = inode->is_dir ? S_IFDIR | 0700 : S_IFREG | 0600,
        .st_size = inode->is_dir ? 4096 : (off_t)inode->content.now.size,
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)(sim_tree_inode_bytes(inode) / 512),
    };
    ret->st_mtim = (struct timespec){inode->mtime_ns / 1000000000, inode->mtime_ns % 1000000000};
    ret->st_ctim = ret->st_atim = ret->st_mtim;
}

int fstat(int fd, struct stat *ret)
{
    if (!sim_fd_is_model(fd))
        return (int)syscall(SYS_newfstatat, fd, "", ret, AT_EMPTY_PATH);
    struct sim_call call;
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL || !sim_call_begin(&call, SIM_DISK_READ, open->inode, NULL))
        return -1;
    tell(call.inode, ret);
    return (int)sim_call_end(&call, 0);
}

int fstatat(int dir_fd, const char *path, struct stat *ret, int flags)
{
    struct sim_place place;
    struct sim_call call;
    if (path[0] == '\0' && (flags & AT_EMPTY_PATH) != 0)
        return fstat(dir_fd, ret);
    enum sim_path kind = sim_path_find(dir_fd, path, &place);
    if (kind == SIM_PATH_MACHINE)
        return (int)syscall(SYS_newfstatat, dir_fd, path, ret, flags);
    if (kind == SIM_PATH_ERROR || !begin_at(&call, SIM_DISK_OPEN, dir_fd, path, &place))
        return -1;
    if (place.inode == NULL) {
        errno = ENOENT;
        return (int)sim_call_end(&call, -1);
    }
    tell(place.inode, ret);
    return (int)sim_call_end(&call, 0);
}

int stat(const char *path, struct stat *ret)
{
    return fstatat(AT_FDCWD, path, ret, 0);
}

int lstat(const char *path, struct stat *ret)
{
    return fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW);
}

int faccessat(int dir_fd, const char *path, int mode, int flags)
{
    struct sim_place place;
    struct stat status;
    if (sim_path_find(dir_fd, path, &place) == SIM_PATH_MACHINE)
        return (int)syscall(SYS_faccessat, dir_fd, path, mode);
    (void)flags;
    return fstatat(dir_fd, path, &status, 0);
}

int access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, 0);
}

/* The model has no links. */
ssize_t readlink(const char *path, char *out, size_t size)
{
    struct sim_place place;
    enum sim_path kind = sim_path_find(AT_FDCWD, path, &place);
    if (kind == SIM_PATH_MACHINE)
        return syscall(SYS_readlinkat, AT_FDCWD, path, out, size);
    if (kind == SIM_PATH_MODEL)
        errno = place.inode == NULL ? ENOENT : EINVAL;
    return -1;
}

char *getcwd(char *out, size_t size)
{
    if (!sim_fiber_is_program()) {
        SIM_REAL(getcwd);
        return real(out, size);
    }
    snprintf(out, size, "/");
    return out;
}

/* ---- names ----------------------------------------------------------------------------------- */

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    struct sim_place place;
    struct sim_call call;
    enum sim_path kind = sim_path_find(dir_fd, path, &place);
    if (kind == SIM_PATH_MACHINE)
        return (int)syscall(SYS_mkdirat, dir_fd, path, mode);
    if (kind == SIM_PATH_ERROR || !begin_at(&call, SIM_DISK_MKDIR, dir_fd, path, &place))
        return -1;
    if (place.inode != NULL || !place.dir->is_linked) {
        errno = place.inode != NULL ? EEXIST : ENOENT;
        return (int)sim_call_end(&call, -1);
    }
    if (!has_room_for_block())
        return (int)sim_call_end(&call, -1);
    sim_tree_add(place.dir, place.name, sim_tree_make(true));
    return (int)sim_call_end(&call, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* The errno of a removal; 0: none. */
static int error_of_unlink(const struct sim_place *place, bool directory)
{
    if (place->inode == NULL)
        return ENOENT;
    if (place->inode->is_dir != directory)
        return directory ? ENOTDIR : EISDIR;
    return place->inode->now.count > 0 ? ENOTEMPTY : 0;
}

int unlinkat(int dir_fd, const char *path, int flags)
{
    struct sim_place place;
    struct sim_call call;
    enum sim_path kind = sim_path_find(dir_fd, path, &place);
    if (kind == SIM_PATH_MACHINE)
        return (int)syscall(SYS_unlinkat, dir_fd, path, flags);
    if (kind == SIM_PATH_ERROR || !begin_at(&call, SIM_DISK_UNLINK, dir_fd, path, &place))
        return -1;
    int error = error_of_unlink(&place, (flags & AT_REMOVEDIR) != 0);
    if (error != 0) {
        errno = error;
        return (int)sim_call_end(&call, -1);
    }
    sim_tree_remove(place.dir, place.name);
    return (int)sim_call_end(&call, 0);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    int rc = unlink(path);
    return rc != 0 && errno == EISDIR ? rmdir(path) : rc;
}

static bool is_inside(const struct sim_inode *dir, const struct sim_inode *of)
{
    while (dir != of && dir->parent != dir && dir->parent != NULL)
        dir = dir->parent;
    return dir == of;
}

/* The errno of a rename; 0: none. */
static int error_of_rename(const struct sim_place *from, const struct sim_place *to, unsigned flags)
{
    if (from->inode == NULL || !to->dir->is_linked)
        return ENOENT;
    if (from->inode->is_dir && is_inside(to->dir, from->inode))
        return EINVAL;
    if (to->inode == NULL)
        return 0;
    if ((flags & RENAME_NOREPLACE) != 0)
        return EEXIST;
    if (to->inode->is_dir != from->inode->is_dir)
        return from->inode->is_dir ? ENOTDIR : EISDIR;
    return to->inode->now.count > 0 ? ENOTEMPTY : 0;
}

int renameat2(int from_fd, const char *from_path, int to_fd, const char *to_path, unsigned flags)
{
    struct sim_place from, to;
    struct sim_call call;
    enum sim_path kind = sim_path_find(from_fd, from_path, &from);
    enum sim_path to_kind = sim_path_find(to_fd, to_path, &to);
    if (kind == SIM_PATH_MACHINE && to_kind == SIM_PATH_MACHINE)
        return (int)syscall(SYS_renameat2, from_fd, from_path, to_fd, to_path, flags);
    if (kind != SIM_PATH_MODEL || to_kind != SIM_PATH_MODEL)
        return -1;
    if (!begin_at(&call, SIM_DISK_RENAME, to_fd, to_path, &to))
        return -1;
    if (sim_path_find(from_fd, from_path, &from) != SIM_PATH_MODEL)
        return (int)sim_call_end(&call, -1);
    int error = error_of_rename(&from, &to, flags);
    if (error != 0) {
        errno = error;
        return (int)sim_call_end(&call, -1);
    }
    sim_tree_rename(from.dir, from.name, to.dir, to.name);
    return (int)sim_call_end(&call, 0);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return renameat2(from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir_fd, const char *path, int flags, ...) __attribute__((alias("openat")));
