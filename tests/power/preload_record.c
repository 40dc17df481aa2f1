/* SPDX-License-Identifier: MIT
 * preload_record.c - a preloaded library that writes down every file operation below
 * PENSTOCK_RECORD_ROOT.
 *
 * The tape PENSTOCK_RECORD_TAPE (power_tape_format.h) is appended to, so that one process after the
 * other can be recorded. One lock is held around each operation and its record: the tape's order is
 * the true one. What stdio writes (LevelDB's LOG) isn't seen; whoever replays the tape can tell by
 * comparing with the tree.
 *
 * The program finds these by dlsym() when it is recorded:
 *   record_mark(text)                something happened that the tape should tell
 *   record_fail_write(suffix, half)  the next write to a file whose name ends so fails with ENOSPC,
 *                                    after half of it was written
 *   record_fail_sync(suffix)         the next sync of such a file fails with EIO; neither in a
 *                                    directory called <something>.new
 *   record_die()                     the process ends here, whatever its threads are doing */
#include "tests/power/power_tape_format.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

void record_mark(const char *text);
void record_fail_write(const char *suffix, int half);
void record_fail_sync(const char *suffix);
void record_die(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static int tape = -1;
static char fail_write_suffix[64], fail_sync_suffix[64];
static int fail_write_half;

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* ---- the tape -------------------------------------------------------------------------------- */

static void put(struct power_head head, const char *name, const char *to_name, const void *data)
{
    head.magic = POWER_TAPE_MAGIC;
    head.name_size = name == NULL ? 0 : (uint32_t)strlen(name) + 1;
    head.to_name_size = to_name == NULL ? 0 : (uint32_t)strlen(to_name) + 1;
    struct iovec parts[] = {
        {&head, sizeof head},
        {(void *)name, head.name_size},
        {(void *)to_name, head.to_name_size},
        {(void *)data, head.data_size},
    };
    ssize_t size = (ssize_t)(sizeof head + head.name_size + head.to_name_size + head.data_size);
    if (writev(tape, parts, 4) != size)
        abort(); /* half a tape would tell lies */
}

/* What was wanted last goes on with its own errno. */
static void unlock(int error)
{
    pthread_mutex_unlock(&lock);
    errno = error;
}

/* ---- what is ours ---------------------------------------------------------------------------- */

static bool path_of(int fd, char path[4096])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = root[0] == '\0' ? -1 : readlink(link, path, 4095);
    size_t root_size = strlen(root);
    if (size < 0)
        return false;
    path[size] = '\0';
    return strncmp(path, root, root_size) == 0 &&
           (path[root_size] == '/' || path[root_size] == '\0');
}

static uint64_t inode_of(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        abort();
    return status.st_ino;
}

/* An open file or directory of ours: its number, else 0. */
static uint64_t ours(int fd)
{
    char path[4096];
    return path_of(fd, path) ? inode_of(fd) : 0;
}

/* The same for the directory that a path's last part is in. */
static uint64_t parent_of(int dir_fd, const char *path, const char **ret_name)
{
    char dir[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    *ret_name = slash == NULL ? path : slash + 1;
    REAL(openat);
    int fd = root[0] == '\0' ? -1 : real(dir_fd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    uint64_t inode = fd < 0 ? 0 : ours(fd);
    if (fd >= 0)
        close(fd);
    return inode;
}

/* Not in a directory that is only being made: nothing there was promised. */
static bool ends_with(int fd, const char *suffix)
{
    char path[4096];
    size_t size = strlen(suffix);
    return size > 0 && path_of(fd, path) && strlen(path) >= size &&
           strcmp(path + strlen(path) - size, suffix) == 0 && strstr(path, ".new/") == NULL;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("PENSTOCK_RECORD_ROOT"), *tape_path = getenv("PENSTOCK_RECORD_TAPE");
    if (path == NULL || tape_path == NULL)
        return;
    char *resolved = realpath(path, NULL);
    REAL(open);
    tape = real(tape_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (resolved == NULL || tape < 0)
        abort();
    snprintf(root, sizeof root, "%s", resolved);
    free(resolved);
    struct stat status;
    if (lseek(tape, 0, SEEK_END) == 0 && stat(root, &status) == 0)
        put((struct power_head){.kind = POWER_ROOT, .object = status.st_ino}, NULL, NULL, NULL);
}

/* ---- names ----------------------------------------------------------------------------------- */

static int do_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
    REAL(openat);
    const char *name;
    if (root[0] == '\0' || (flags & O_ACCMODE) == O_RDONLY)
        return real(dir_fd, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before = {0};
    bool existed = fstatat(dir_fd, path, &before, AT_SYMLINK_NOFOLLOW) == 0;
    int fd = real(dir_fd, path, flags, mode), error = errno;
    uint64_t dir = fd < 0 ? 0 : parent_of(dir_fd, path, &name);
    if (dir != 0 && !existed)
        put((struct power_head){.kind = POWER_CREATE, .object = inode_of(fd), .dir = dir}, name,
            NULL, NULL);
    else if (dir != 0 && (flags & O_TRUNC) != 0 && before.st_size > 0)
        put((struct power_head){.kind = POWER_TRUNCATE, .object = inode_of(fd)}, NULL, NULL, NULL);
    unlock(error);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return do_openat(AT_FDCWD, path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return do_openat(dir_fd, path, flags, mode);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    REAL(mkdirat);
    const char *name;
    struct stat status;
    pthread_mutex_lock(&lock);
    int rc = real(dir_fd, path, mode), error = errno;
    uint64_t dir = rc == 0 ? parent_of(dir_fd, path, &name) : 0;
    if (dir != 0 && fstatat(dir_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
        put((struct power_head){.kind = POWER_MKDIR, .object = status.st_ino, .dir = dir}, name,
            NULL, NULL);
    unlock(error);
    return rc;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    REAL(renameat);
    const char *name, *to_name;
    pthread_mutex_lock(&lock);
    uint64_t dir = parent_of(from_fd, from, &name), to_dir = parent_of(to_fd, to, &to_name);
    int rc = real(from_fd, from, to_fd, to), error = errno;
    if (rc == 0 && (dir == 0) != (to_dir == 0))
        abort(); /* into or out of the tree: nobody could replay it */
    if (rc == 0 && dir != 0)
        put((struct power_head){.kind = POWER_RENAME, .dir = dir, .to_dir = to_dir}, name, to_name,
            NULL);
    unlock(error);
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
    REAL(unlinkat);
    const char *name;
    pthread_mutex_lock(&lock);
    uint64_t dir = parent_of(dir_fd, path, &name);
    int rc = real(dir_fd, path, flags), error = errno;
    if (rc == 0 && dir != 0)
        put((struct power_head){.kind = POWER_REMOVE, .dir = dir}, name, NULL, NULL);
    unlock(error);
    return rc;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* ---- contents -------------------------------------------------------------------------------- */

/* With the lock held. offset -1: where the file stands. */
static ssize_t write_recorded(int fd, uint64_t object, const void *data, size_t size, off_t offset)
{
    REAL(write);
    static __typeof__(&pwrite) real_pwrite;
    if (real_pwrite == NULL)
        real_pwrite = (__typeof__(&pwrite))dlsym(RTLD_NEXT, "pwrite");
    ssize_t n = offset < 0 ? real(fd, data, size) : real_pwrite(fd, data, size, offset);
    int error = errno;
    /* also right with O_APPEND */
    off_t at = offset < 0 && n > 0 ? lseek(fd, 0, SEEK_CUR) - n : offset;
    if (n > 0)
        put((struct power_head){.kind = POWER_WRITE,
                                .object = object,
                                .offset = (uint64_t)at,
                                .size = (uint64_t)n,
                                .data_size = (uint32_t)n},
            NULL, NULL, data);
    errno = error;
    return n;
}

static ssize_t do_write(int fd, const void *data, size_t size, off_t offset)
{
    REAL(write);
    if (root[0] == '\0')
        return real(fd, data, size);
    pthread_mutex_lock(&lock);
    uint64_t object = ours(fd);
    ssize_t n;
    if (object == 0) {
        n = real(fd, data, size);
    } else if (ends_with(fd, fail_write_suffix)) {
        fail_write_suffix[0] = '\0';
        if (fail_write_half)
            (void)!write_recorded(fd, object, data, size / 2, offset);
        put((struct power_head){.kind = POWER_WRITE_FAILED, .object = object}, NULL, NULL, NULL);
        errno = ENOSPC;
        n = -1;
    } else {
        n = write_recorded(fd, object, data, size, offset);
    }
    unlock(errno);
    return n;
}

ssize_t write(int fd, const void *data, size_t size)
{
    return do_write(fd, data, size, -1);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    REAL(pwrite);
    return ours(fd) == 0 ? real(fd, data, size, offset) : do_write(fd, data, size, offset);
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate);
    pthread_mutex_lock(&lock);
    uint64_t object = ours(fd);
    int rc = real(fd, size), error = errno;
    if (rc == 0 && object != 0)
        put((struct power_head){.kind = POWER_TRUNCATE, .object = object, .size = (uint64_t)size},
            NULL, NULL, NULL);
    unlock(error);
    return rc;
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    REAL(fallocate);
    pthread_mutex_lock(&lock);
    uint64_t object = ours(fd);
    int rc = real(fd, mode, offset, size), error = errno;
    if (rc == 0 && object != 0 && mode != 0)
        abort(); /* holes and the like can't be replayed */
    if (rc == 0 && object != 0)
        put((struct power_head){.kind = POWER_EXTEND,
                                .object = object,
                                .offset = (uint64_t)offset,
                                .size = (uint64_t)size},
            NULL, NULL, NULL);
    unlock(error);
    return rc;
}

static int do_sync(int fd, int (*real)(int))
{
    pthread_mutex_lock(&lock);
    uint64_t object = ours(fd);
    bool fails = object != 0 && ends_with(fd, fail_sync_suffix);
    if (fails)
        fail_sync_suffix[0] = '\0';
    int rc = fails ? -1 : real(fd), error = fails ? EIO : errno;
    if (object != 0)
        put((struct power_head){.kind = rc == 0 ? POWER_SYNC : POWER_SYNC_FAILED, .object = object},
            NULL, NULL, NULL);
    unlock(error);
    return rc;
}

int fsync(int fd)
{
    REAL(fsync);
    return do_sync(fd, real);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return do_sync(fd, real);
}

/* ---- for the program ------------------------------------------------------------------------- */

void record_mark(const char *text)
{
    if (tape < 0)
        return;
    pthread_mutex_lock(&lock);
    put((struct power_head){.kind = POWER_MARK, .data_size = (uint32_t)strlen(text) + 1}, NULL,
        NULL, text);
    pthread_mutex_unlock(&lock);
}

void record_fail_write(const char *suffix, int half)
{
    pthread_mutex_lock(&lock);
    snprintf(fail_write_suffix, sizeof fail_write_suffix, "%s", suffix);
    fail_write_half = half;
    pthread_mutex_unlock(&lock);
}

void record_fail_sync(const char *suffix)
{
    pthread_mutex_lock(&lock);
    snprintf(fail_sync_suffix, sizeof fail_sync_suffix, "%s", suffix);
    pthread_mutex_unlock(&lock);
}

void record_die(void)
{
    pthread_mutex_lock(&lock); /* no record is half written then */
    _exit(0);
}
