/* SPDX-License-Identifier: MIT
 * preload_disk.c - a preloaded library between a program and its disk: power cuts and disk errors
 * on demand.
 *
 * kill -9 proves nothing about syncs: the page cache survives it. Here, below the directory
 * PENSTOCK_DISK_ROOT, it is remembered what was synced, and a power cut takes everything else away
 * before the process ends:
 *   - bytes behind the size that a file had at its last sync, and overwritten bytes that were not
 *     synced;
 *   - files, directories and renames in a directory that was not synced since.
 * After a failed sync the file's unsynced bytes never reach the disk, whatever a later sync says,
 * as on Linux; what is written over them after that does, when it is synced. A rename or creation
 * that is undone is undone alone: it is the strict reading of POSIX, not one file system's. Not
 * modelled: deletions that come back, reordering within what was not synced, LevelDB's own LOG
 * (stdio).
 *
 * Commands are lines in the FIFO PENSTOCK_DISK_COMMANDS:
 *   cut               power cut: the process ends with 137
 *   sync N [ERRNO]    the next N syncs of files fail, with EIO or a number of one's own
 *   write N [ERRNO]   the next N writes to files fail, with ENOSPC
 *   short N [ERRNO]   the next N writes to files write half and then fail, with ENOSPC
 *   open N [ERRNO]    the next N opens that may create a file fail, with EIO
 *   mkdir N [ERRNO]   the next N directories are not made: EIO
 *   rename N [ERRNO]  the next N renames fail with EIO
 *   hang 1, hang 0    syncs of files neither end nor fail, until told otherwise
 *   stall 1, stall 0  no directory is made, and none refused, until told otherwise
 * With PENSTOCK_DISK_LIES set, fdatasync does nothing and says that it did. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 65536, CHANGES_MAX = 65536, EXIT_POWER_CUT = 137 };

struct file {
    dev_t dev;
    ino_t ino;
    int fd;       /* our own, for the cut */
    off_t synced; /* size that is safe */
    bool broken;  /* a sync failed: nothing more gets safe */
};

/* Something that a power cut undoes, in reverse order, unless it became safe. */
struct change {
    enum { SAFE, CREATED, RENAMED, OVERWRITTEN } kind;
    uint64_t number; /* in the order in which they were made */
    dev_t dev;       /* of the directory that must be synced, or of the file */
    ino_t ino;
    int dir_fd, from_dir_fd; /* of the entry as it is, and as it was; OVERWRITTEN: dir_fd is the
                              * file */
    char name[256], from_name[256];
    char saved[4200]; /* a link to what the rename replaced; "": nothing */
    off_t offset;
    size_t size;
    char *bytes;
    bool lost; /* OVERWRITTEN: a sync failed, no later one brings this to the disk */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* never let go after a cut */
static char root[4096];
static struct file files[FILES_MAX];
static size_t file_count;
static struct change *changes[CHANGES_MAX];
static size_t change_count, saved_count;
static uint64_t next_change;

enum fault_kind {
    FAIL_SYNC,
    FAIL_WRITE,
    FAIL_SHORT,
    FAIL_OPEN,
    FAIL_MKDIR,
    FAIL_RENAME,
    HANG,
    STALL,
    FAULT_COUNT
};
static struct {
    const char *command;
    int error_default;
    int error, left; /* of the last command */
} faults[FAULT_COUNT] = {
    [FAIL_SYNC] = {.command = "sync", .error_default = EIO},
    [FAIL_WRITE] = {.command = "write", .error_default = ENOSPC},
    [FAIL_SHORT] = {.command = "short", .error_default = ENOSPC},
    [FAIL_OPEN] = {.command = "open", .error_default = EIO},
    [FAIL_MKDIR] = {.command = "mkdir", .error_default = EIO},
    [FAIL_RENAME] = {.command = "rename", .error_default = EIO},
    [HANG] = {.command = "hang"},
    [STALL] = {.command = "stall"},
};
static bool lies; /* fdatasync does nothing */

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static ssize_t real_pread(int fd, void *data, size_t size, off_t offset)
{
    return pread(fd, data, size, offset);
}

static ssize_t real_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    REAL(pwrite);
    return real(fd, data, size, offset);
}

/* With the lock held, which it gives away meanwhile. */
static void wait_while(enum fault_kind kind)
{
    while (faults[kind].left != 0) {
        pthread_mutex_unlock(&lock);
        usleep(10000);
        pthread_mutex_lock(&lock);
    }
}

/* With the lock held: whether this one is to fail, and errno is set then. */
static bool fails_now(enum fault_kind kind)
{
    if (faults[kind].left == 0)
        return false;
    faults[kind].left--;
    errno = faults[kind].error;
    return true;
}

static bool is_below_root(int fd)
{
    char link[64], path[4096];
    if (root[0] == '\0')
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    size_t root_size = strlen(root);
    if (size < 0)
        return false;
    path[size] = '\0';
    return strncmp(path, root, root_size) == 0 &&
           (path[root_size] == '/' || path[root_size] == '\0');
}

/* ---- what is known (with the lock held) ------------------------------------------------------ */

static struct file *find_file(int fd)
{
    struct stat status;
    if (root[0] == '\0' || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return NULL;
    for (size_t i = file_count; i-- > 0;)
        if (files[i].ino == status.st_ino && files[i].dev == status.st_dev)
            return &files[i];
    return NULL;
}

static int duplicate(int fd, int flags)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    REAL(open);
    return real(link, flags | O_CLOEXEC);
}

static void add_file(int fd, off_t synced)
{
    struct stat status;
    struct file *file = find_file(fd);
    if (fstat(fd, &status) != 0)
        abort();
    if (file == NULL) {
        if (file_count == FILES_MAX)
            abort();
        file = &files[file_count++];
        *file =
            (struct file){.dev = status.st_dev, .ino = status.st_ino, .fd = duplicate(fd, O_RDWR)};
    }
    file->synced = synced;
}

static struct change *add_change(int kind, int dir_fd)
{
    struct stat status;
    if (change_count == CHANGES_MAX || fstat(dir_fd, &status) != 0)
        abort();
    struct change *change = calloc(1, sizeof *change);
    change->kind = kind;
    change->number = next_change++;
    change->dev = status.st_dev;
    change->ino = status.st_ino;
    change->dir_fd = kind == OVERWRITTEN ? dir_fd : duplicate(dir_fd, O_RDONLY | O_DIRECTORY);
    change->from_dir_fd = -1;
    changes[change_count++] = change;
    return change;
}

static void make_safe(struct change *change)
{
    if (change->kind != OVERWRITTEN)
        close(change->dir_fd);
    if (change->from_dir_fd >= 0)
        close(change->from_dir_fd);
    free(change->bytes);
    change->bytes = NULL;
    change->kind = SAFE;
}

static void drop_safe(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < change_count; i++) {
        if (changes[i]->kind == SAFE)
            free(changes[i]);
        else
            changes[kept++] = changes[i];
    }
    change_count = kept;
}

static bool is_of(const struct change *change, const struct stat *status)
{
    return change->ino == status->st_ino && change->dev == status->st_dev;
}

/* What an overwrite put on the disk stands there, whatever became of an earlier one of the same
 * bytes. */
static void replace_lost(const struct change *by, const struct stat *status)
{
    off_t end = by->offset + (off_t)by->size;
    for (size_t i = 0; i < change_count && changes[i] != by; i++) {
        struct change *old = changes[i];
        if (old->kind == OVERWRITTEN && old->lost && is_of(old, status) &&
            old->offset >= by->offset && old->offset + (off_t)old->size <= end)
            make_safe(old);
    }
}

/* A directory was synced, or a file: what was changed in it before is safe. */
static void sync_changes(int fd, uint64_t before)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return;
    for (size_t i = 0; i < change_count && changes[i]->number < before; i++) {
        if (changes[i]->kind == SAFE || changes[i]->lost || !is_of(changes[i], &status))
            continue;
        if (changes[i]->kind == OVERWRITTEN)
            replace_lost(changes[i], &status);
        make_safe(changes[i]);
    }
    drop_safe();
}

static void lose_changes(const struct stat *status)
{
    for (size_t i = 0; i < change_count; i++)
        if (changes[i]->kind == OVERWRITTEN && is_of(changes[i], status))
            changes[i]->lost = true;
}

/* ---- the cut --------------------------------------------------------------------------------- */

static void undo(const struct change *change)
{
    REAL(renameat);
    if (change->kind == CREATED) {
        char command[4600], link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", change->dir_fd);
        ssize_t size = readlink(link, path, sizeof path - 1);
        path[size < 0 ? 0 : size] = '\0';
        snprintf(command, sizeof command, "rm -rf '%s/%s'", path,
                 change->name); /* a directory goes with what is in it */
        if (size > 0 && strncmp(path, root, strlen(root)) == 0 && system(command) != 0)
            fprintf(stderr, "power cut: %s failed\n", command);
    } else if (change->kind == RENAMED) {
        real(change->dir_fd, change->name, change->from_dir_fd, change->from_name);
        if (change->saved[0] != '\0')
            real(AT_FDCWD, change->saved, change->dir_fd, change->name);
    } else if (change->kind == OVERWRITTEN) {
        real_pwrite(change->dir_fd, change->bytes, change->size, change->offset);
    }
}

static void power_cut(void)
{
    unsetenv("LD_PRELOAD");
    pthread_mutex_lock(&lock); /* for ever: nobody gets on from here */
    for (size_t i = 0; i < file_count; i++) {
        struct stat status;
        REAL(ftruncate);
        if (fstat(files[i].fd, &status) == 0 && status.st_nlink > 0 &&
            status.st_size > files[i].synced)
            (void)!real(files[i].fd, files[i].synced);
    }
    for (size_t i = change_count; i-- > 0;)
        undo(changes[i]);
    _exit(EXIT_POWER_CUT);
}

static void *listen_for_commands(void *path)
{
    REAL(open);
    char line[64], name[16];
    int fd = real(path, O_RDWR | O_CLOEXEC); /* for writing too, so that it never ends */
    FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        if (strcmp(line, "cut\n") == 0)
            power_cut();
        int number = 0, error = 0;
        pthread_mutex_lock(&lock);
        if (sscanf(line, "%15s %d %d", name, &number, &error) >= 2)
            for (int kind = 0; kind < FAULT_COUNT; kind++)
                if (strcmp(name, faults[kind].command) == 0) {
                    faults[kind].left = number;
                    faults[kind].error = error != 0 ? error : faults[kind].error_default;
                }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

__attribute__((constructor)) static void start(void)
{
    char *path = getenv("PENSTOCK_DISK_ROOT"), *commands = getenv("PENSTOCK_DISK_COMMANDS");
    lies = getenv("PENSTOCK_DISK_LIES") != NULL;
    sigset_t all, before;
    pthread_t thread;
    if (path == NULL || commands == NULL)
        return;
    snprintf(root, sizeof root, "%s", path);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's */
    if (pthread_create(&thread, NULL, listen_for_commands, commands) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- in between ------------------------------------------------------------------------------ */

static bool leads_below_root(int parent_fd, const char *path)
{
    int fd;
    if (root[0] == '\0' || path[0] != '/')
        return root[0] != '\0' && is_below_root(parent_fd);
    if (sscanf(path, "/proc/self/fd/%d/", &fd) == 1)
        return is_below_root(fd);
    return strncmp(path, root, strlen(root)) == 0;
}

static bool is_planned(enum fault_kind kind, int parent_fd, const char *path)
{
    if (!leads_below_root(parent_fd, path))
        return false;
    pthread_mutex_lock(&lock);
    if (kind == FAIL_MKDIR)
        wait_while(STALL);
    bool planned = fails_now(kind);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return planned;
}

static int after_open(int fd, int parent_fd, const char *path, int flags, bool existed)
{
    int error = errno;
    if (fd >= 0 && (flags & O_ACCMODE) != O_RDONLY && is_below_root(fd)) {
        struct stat status;
        pthread_mutex_lock(&lock);
        if (find_file(fd) == NULL || (flags & O_TRUNC) != 0) {
            fstat(fd, &status);
            add_file(fd, status.st_size); /* what was there before us is safe */
        }
        const char *slash = strrchr(path, '/');
        char dir[4096] = ".";
        if (slash != NULL)
            snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
        REAL(openat);
        int dir_fd = existed ? -1 : real(parent_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd >= 0) {
            snprintf(add_change(CREATED, dir_fd)->name, 256, "%s",
                     slash == NULL ? path : slash + 1);
            close(dir_fd);
        }
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    REAL(open);
    if ((flags & O_CREAT) != 0 && is_planned(FAIL_OPEN, AT_FDCWD, path))
        return -1;
    bool existed =
        (flags & O_CREAT) == 0 || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    return after_open(real(path, flags, mode), AT_FDCWD, path, flags, existed);
}

int openat(int parent_fd, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    REAL(openat);
    if ((flags & O_CREAT) != 0 && is_planned(FAIL_OPEN, parent_fd, path))
        return -1;
    bool existed =
        (flags & O_CREAT) == 0 || faccessat(parent_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    return after_open(real(parent_fd, path, flags, mode), parent_fd, path, flags, existed);
}

static int after_mkdir(int rc, int parent_fd, const char *path)
{
    if (rc != 0 || root[0] == '\0')
        return rc;
    REAL(openat);
    char dir[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    int dir_fd = real(parent_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0 && is_below_root(dir_fd)) {
        pthread_mutex_lock(&lock);
        snprintf(add_change(CREATED, dir_fd)->name, 256, "%s", slash == NULL ? path : slash + 1);
        pthread_mutex_unlock(&lock);
    }
    if (dir_fd >= 0)
        close(dir_fd);
    return 0;
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    if (is_planned(FAIL_MKDIR, AT_FDCWD, path))
        return -1;
    return after_mkdir(real(path, mode), AT_FDCWD, path);
}

int mkdirat(int parent_fd, const char *path, mode_t mode)
{
    REAL(mkdirat);
    if (is_planned(FAIL_MKDIR, parent_fd, path))
        return -1;
    return after_mkdir(real(parent_fd, path, mode), parent_fd, path);
}

/* Splits a path into its directory, opened, and its name. */
static int open_parent(int parent_fd, const char *path, const char **ret_name)
{
    REAL(openat);
    char dir[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    *ret_name = slash == NULL ? path : slash + 1;
    return real(parent_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A creation that isn't safe yet goes on under the new name: undone are the rename and then the
 * creation. */
int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    REAL(renameat);
    if (is_planned(FAIL_RENAME, from_fd, from))
        return -1;
    const char *from_name, *to_name;
    int from_dir = root[0] == '\0' ? -1 : open_parent(from_fd, from, &from_name);
    int to_dir = from_dir < 0 ? -1 : open_parent(to_fd, to, &to_name);
    bool ours = to_dir >= 0 && is_below_root(to_dir);
    char saved[4200] = "";
    if (ours) {
        pthread_mutex_lock(&lock);
        snprintf(saved, sizeof saved, "%s-replaced-%d-%zu", root, (int)getpid(), saved_count);
        if (linkat(to_dir, to_name, AT_FDCWD, saved, 0) == 0)
            saved_count++;
        else
            saved[0] = '\0';
        pthread_mutex_unlock(&lock);
    }
    int rc = real(from_fd, from, to_fd, to), error = errno;
    if (ours && rc == 0) {
        pthread_mutex_lock(&lock);
        struct change *change = add_change(RENAMED, to_dir);
        change->from_dir_fd = from_dir;
        from_dir = -1;
        snprintf(change->name, sizeof change->name, "%s", to_name);
        snprintf(change->from_name, sizeof change->from_name, "%s", from_name);
        snprintf(change->saved, sizeof change->saved, "%s", saved);
        pthread_mutex_unlock(&lock);
    }
    if (from_dir >= 0)
        close(from_dir);
    if (to_dir >= 0)
        close(to_dir);
    errno = error;
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* Keeps what an overwrite of safe bytes destroys. */
static void before_write(struct file *file, off_t offset, size_t size)
{
    if (file == NULL || offset >= file->synced)
        return;
    struct change *change = add_change(OVERWRITTEN, file->fd);
    change->offset = offset;
    change->size = (size_t)(file->synced - offset) < size ? (size_t)(file->synced - offset) : size;
    change->bytes = malloc(change->size);
    if (change->bytes == NULL ||
        real_pread(file->fd, change->bytes, change->size, offset) != (ssize_t)change->size)
        abort();
}

/* -1: go on; else what the write is to write before it fails with *ret_error. */
static ssize_t planned_failure(const struct file *file, size_t size, int *ret_error)
{
    ssize_t instead = -1;
    if (file != NULL && fails_now(FAIL_WRITE))
        instead = 0;
    else if (file != NULL && fails_now(FAIL_SHORT))
        instead = (ssize_t)(size / 2);
    *ret_error = errno;
    return instead;
}

static ssize_t write_some(int fd, const void *data, size_t size, off_t offset)
{
    REAL(write);
    return offset < 0 ? real(fd, data, size) : real_pwrite(fd, data, size, offset);
}

static ssize_t do_write(int fd, const void *data, size_t size, off_t offset)
{
    pthread_mutex_lock(&lock);
    struct file *file = find_file(fd);
    int error = 0;
    ssize_t instead = planned_failure(file, size, &error);
    before_write(file, offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset, size);
    pthread_mutex_unlock(&lock);
    if (instead < 0)
        return write_some(fd, data, size, offset);
    if (instead > 0)
        (void)!write_some(fd, data, (size_t)instead, offset);
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

static int do_sync(int fd, int (*real)(int))
{
    struct stat status = {0};
    pthread_mutex_lock(&lock);
    if (find_file(fd) != NULL)
        wait_while(HANG);
    struct file *file = find_file(fd);
    size_t index = file == NULL ? 0 : (size_t)(file - files);
    uint64_t before = next_change;
    bool fails = file != NULL && fails_now(FAIL_SYNC);
    int error = errno;
    fstat(fd, &status);
    if (fails) {
        file->broken = true;
        lose_changes(&status);
    }
    pthread_mutex_unlock(&lock);
    if (fails) {
        errno = error;
        return -1;
    }
    int rc = real(fd);
    pthread_mutex_lock(&lock); /* after a cut nobody hears of this sync */
    if (rc == 0 && file != NULL && !files[index].broken && files[index].synced < status.st_size)
        files[index].synced = status.st_size;
    if (rc == 0)
        sync_changes(fd, before);
    pthread_mutex_unlock(&lock);
    return rc;
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return lies ? 0 : do_sync(fd, real);
}

int fsync(int fd)
{
    REAL(fsync);
    return do_sync(fd, real);
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate);
    int rc = real(fd, size);
    pthread_mutex_lock(&lock);
    struct file *file = find_file(fd);
    if (rc == 0 && file != NULL && file->synced > size)
        file->synced = size; /* a shorter file may well survive */
    pthread_mutex_unlock(&lock);
    return rc;
}
