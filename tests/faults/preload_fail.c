/* SPDX-License-Identifier: MIT
 * preload_fail.c - file operations that fail on plan, below one directory: the n-th of a kind, with
 * the errno it says.
 *
 * Preloaded (PENSTOCK_FAIL_ROOT, PENSTOCK_FAIL_PLAN: a file that holds a struct fail_plan) or
 * linked into a test program: either way it stands between spool and LevelDB on one side and libc
 * on the other. Not in between: stdio (LevelDB's LOG). */
#include "tests/faults/preload_fail.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct fail_plan *plan; /* set together with root */
static char root[4096];
static size_t root_size;

/* libc's own function of that name, as `real`. */
#define REAL(name)                                                                                 \
    static _Atomic(__typeof__(&name)) found;                                                       \
    __typeof__(&name) real = atomic_load(&found);                                                  \
    atomic_store(&found, real = real != NULL ? real : (__typeof__(&name))dlsym(RTLD_NEXT, #name))

void preload_fail_use(const char *directory, struct fail_plan *new_plan)
{
    snprintf(root, sizeof root, "%s", directory);
    root_size = strlen(root);
    plan = new_plan;
}

__attribute__((constructor)) static void start(void)
{
    const char *directory = getenv("PENSTOCK_FAIL_ROOT"), *path = getenv("PENSTOCK_FAIL_PLAN");
    if (directory == NULL || path == NULL)
        return;
    REAL(open);
    int fd = real(path, O_RDWR | O_CLOEXEC);
    void *mapped =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        abort(); /* a test without its faults would pass */
    close(fd);
    preload_fail_use(directory, mapped);
}

/* ---- where a call goes ----------------------------------------------------------------------- */

static bool path_is_below(const char *path)
{
    return strncmp(path, root, root_size) == 0 &&
           (path[root_size] == '/' || path[root_size] == '\0');
}

static bool fd_is_below(int fd)
{
    char link[64], path[4096];
    if (root_size == 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = '\0';
    return path_is_below(path);
}

static bool at_is_below(int dir_fd, const char *path)
{
    if (root_size == 0 || path == NULL)
        return false;
    return path[0] == '/' ? path_is_below(path) : dir_fd != AT_FDCWD && fd_is_below(dir_fd);
}

/* ---- whether it fails ------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_due(int64_t number)
{
    int64_t first = atomic_load(&plan->first), times = atomic_load(&plan->times),
            for_ms = atomic_load(&plan->for_ms);
    if (number < first || for_ms < 0)
        return number >= first;
    if (times > 0)
        return number < first + times;
    int64_t none = 0;
    if (number == first)
        atomic_compare_exchange_strong(&plan->until_ms, &none, now_ms() + for_ms);
    return now_ms() < atomic_load(&plan->until_ms);
}

/* Counts a call; true when it is to fail, with errno set. */
static bool fails(enum fail_kind kind)
{
    atomic_fetch_add(&plan->counts[kind], 1);
    if ((atomic_load(&plan->kinds) & FAIL_BIT(kind)) == 0 ||
        !is_due(atomic_fetch_add(&plan->seen, 1) + 1))
        return false;
    int64_t late_ms = atomic_load(&plan->late_ms);
    if (late_ms > 0)
        nanosleep(&(struct timespec){late_ms / 1000, late_ms % 1000 * 1000000}, NULL);
    atomic_fetch_add(&plan->failed, 1);
    int error = (int)atomic_load(&plan->error);
    if (error == 0)
        return false;
    errno = error;
    return true;
}

static bool fd_fails(enum fail_kind kind, int fd)
{
    int error = errno;
    if (fd_is_below(fd) && fails(kind))
        return true;
    errno = error;
    return false;
}

static bool at_fails(enum fail_kind kind, int dir_fd, const char *path)
{
    int error = errno;
    if (at_is_below(dir_fd, path) && fails(kind))
        return true;
    errno = error;
    return false;
}

/* ---- in between ------------------------------------------------------------------------------ */

static enum fail_kind kind_of_open(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0 ? FAIL_OPEN_WRITE : FAIL_OPEN;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    REAL(open);
    return at_fails(kind_of_open(flags), AT_FDCWD, path) ? -1 : real(path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    REAL(openat);
    return at_fails(kind_of_open(flags), dir_fd, path) ? -1 : real(dir_fd, path, flags, mode);
}

DIR *opendir(const char *path)
{
    REAL(opendir);
    return at_fails(FAIL_OPEN, AT_FDCWD, path) ? NULL : real(path);
}

struct dirent *readdir(DIR *dir)
{
    REAL(readdir);
    return fd_fails(FAIL_READDIR, dirfd(dir)) ? NULL : real(dir);
}

/* offset < 0: where the file stands. */
static ssize_t write_some(int fd, const void *data, size_t size, off_t offset)
{
    if (offset < 0) {
        REAL(write);
        return real(fd, data, size);
    }
    REAL(pwrite);
    return real(fd, data, size, offset);
}

static ssize_t do_write(int fd, const void *data, size_t size, off_t offset)
{
    if (!fd_fails(FAIL_WRITE, fd))
        return write_some(fd, data, size, offset);
    int error = errno;
    if (atomic_load(&plan->half) != 0)
        (void)!write_some(fd, data, size / 2, offset);
    errno = error;
    return -1;
}

ssize_t write(int fd, const void *data, size_t size)
{
    return do_write(fd, data, size, -1);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return do_write(fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size)
{
    REAL(read);
    return fd_fails(FAIL_READ, fd) ? -1 : real(fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    REAL(pread);
    return fd_fails(FAIL_READ, fd) ? -1 : real(fd, data, size, offset);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return fd_fails(FAIL_FDATASYNC, fd) ? -1 : real(fd);
}

int fsync(int fd)
{
    REAL(fsync);
    return fd_fails(FAIL_FSYNC, fd) ? -1 : real(fd);
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate);
    return fd_fails(FAIL_FTRUNCATE, fd) ? -1 : real(fd, size);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    return at_fails(FAIL_RENAME, AT_FDCWD, to) ? -1 : real(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    REAL(renameat);
    return at_fails(FAIL_RENAME, to_fd, to) ? -1 : real(from_fd, from, to_fd, to);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    return at_fails(FAIL_MKDIR, AT_FDCWD, path) ? -1 : real(path, mode);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    REAL(mkdirat);
    return at_fails(FAIL_MKDIR, dir_fd, path) ? -1 : real(dir_fd, path, mode);
}

int unlink(const char *path)
{
    REAL(unlink);
    return at_fails(FAIL_UNLINK, AT_FDCWD, path) ? -1 : real(path);
}

int rmdir(const char *path)
{
    REAL(rmdir);
    return at_fails(FAIL_UNLINK, AT_FDCWD, path) ? -1 : real(path);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
    REAL(unlinkat);
    return at_fails(FAIL_UNLINK, dir_fd, path) ? -1 : real(dir_fd, path, flags);
}

int fstat(int fd, struct stat *status)
{
    REAL(fstat);
    return fd_fails(FAIL_STAT, fd) ? -1 : real(fd, status);
}

int fstatat(int dir_fd, const char *path, struct stat *status, int flags)
{
    REAL(fstatat);
    return at_fails(FAIL_STAT, dir_fd, path) ? -1 : real(dir_fd, path, status, flags);
}
