/* SPDX-License-Identifier: MIT
 * sim_disk_calls.c - descriptors, and the calls on them. */
#include "tests/sim/sim_disk_calls.h"

#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

enum { EXT4_MAGIC = 0xef53, BLOCK = 4096 };

static struct sim_open opens[SIM_FD_COUNT];
static unsigned open_count, process = 1;

/* ---- descriptors ----------------------------------------------------------------------------- */

bool sim_fd_is_model(int fd)
{
    return fd >= SIM_FD_FIRST;
}

struct sim_open *sim_fd_open(int fd)
{
    struct sim_open *open =
        fd >= SIM_FD_FIRST && fd < SIM_FD_FIRST + SIM_FD_COUNT ? &opens[fd - SIM_FD_FIRST] : NULL;
    if (open != NULL && open->inode != NULL)
        return open;
    errno = EBADF;
    return NULL;
}

int sim_fd_make(struct sim_inode *inode, int flags)
{
    int at = 0;
    while (at < SIM_FD_COUNT && opens[at].inode != NULL)
        at++;
    if (at == SIM_FD_COUNT) {
        errno = EMFILE;
        return -1;
    }
    opens[at] = (struct sim_open){.inode = inode, .flags = flags};
    open_count++;
    inode->opens++;
    return SIM_FD_FIRST + at;
}

void sim_fd_close(int fd)
{
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return;
    struct sim_inode *inode = open->inode;
    if (inode->lock_holder == (unsigned)(fd - SIM_FD_FIRST) + 1)
        inode->lock_holder = 0;
    sim_tree_uncount(inode);
    inode->opens--;
    sim_tree_count(inode);
    open->inode = NULL;
    open_count--;
}

unsigned sim_fd_process(void)
{
    return process;
}

void sim_fd_close_all(void)
{
    memset(opens, 0, sizeof opens);
    open_count = 0;
    process++;
}

unsigned sim_disk_descriptors(void)
{
    return open_count;
}

static int64_t bad(int error)
{
    errno = error;
    return -1;
}

int close(int fd)
{
    if (!sim_fd_is_model(fd))
        return (int)syscall(SYS_close, fd);
    if (sim_fd_open(fd) == NULL)
        return -1;
    sim_fd_close(fd);
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static ssize_t read_at(int fd, void *data, size_t size, int64_t offset)
{
    struct sim_call call;
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return -1;
    if (open->inode->is_dir)
        return bad(EISDIR);
    if (!sim_call_begin(&call, SIM_DISK_READ, open->inode, NULL))
        return -1;
    uint64_t from = offset < 0 ? open->offset : (uint64_t)offset;
    uint64_t n = sim_content_read(&call.inode->content, data, size, from);
    if (offset < 0)
        open->offset += n;
    return sim_call_end(&call, (int64_t)n);
}

ssize_t read(int fd, void *data, size_t size)
{
    return sim_fd_is_model(fd) ? read_at(fd, data, size, -1) : syscall(SYS_read, fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    return sim_fd_is_model(fd) ? read_at(fd, data, size, offset)
                               : syscall(SYS_pread64, fd, data, size, offset);
}

off_t lseek(int fd, off_t offset, int whence)
{
    if (!sim_fd_is_model(fd))
        return syscall(SYS_lseek, fd, offset, whence);
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return -1;
    int64_t base = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)open->offset
                                        : (int64_t)open->inode->content.now.size;
    if (base + offset < 0)
        return bad(EINVAL);
    open->offset = (uint64_t)(base + offset);
    return (off_t)open->offset;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* How much of a write has room: less than size when the disk gets full. */
static size_t room_for(const struct sim_inode *inode, size_t size, uint64_t offset)
{
    uint64_t free_bytes = sim_disk_free_bytes();
    uint64_t capacity = (inode->content.now.size + BLOCK - 1) / BLOCK * BLOCK + free_bytes;
    if (offset + size <= capacity || offset + size <= inode->content.now.size)
        return size;
    return offset < capacity ? (size_t)(capacity / BLOCK * BLOCK - offset) : 0;
}

static void put(struct sim_inode *inode, const void *data, size_t size, uint64_t offset)
{
    sim_tree_uncount(inode);
    sim_content_write(&inode->content, data, size, offset);
    sim_tree_count(inode);
    inode->mtime_ns = sim_wall_ns();
    if (sim_fiber_is_running())
        sim_note_value(XXH3_64bits(data, size) ^ offset);
}

/* A full disk takes what has room; one that only says so may take half. */
static ssize_t write_some(struct sim_open *open, const void *data, size_t size, int64_t offset)
{
    struct sim_call call;
    struct sim_inode *inode = open->inode;
    bool fails = !sim_call_begin(&call, SIM_DISK_WRITE, inode, NULL);
    if (fails && (errno != ENOSPC || size < 2 || sim_chance(500)))
        return -1;
    uint64_t at = offset >= 0                     ? (uint64_t)offset
                  : (open->flags & O_APPEND) != 0 ? inode->content.now.size
                                                  : open->offset;
    size_t n = room_for(inode, fails ? size / 2 : size, at);
    if (n == 0 && size > 0) {
        errno = ENOSPC;
        return fails ? -1 : sim_call_end(&call, -1);
    }
    put(inode, data, n, at);
    if (offset < 0)
        open->offset = at + n;
    return fails ? (ssize_t)n : sim_call_end(&call, (int64_t)n);
}

static ssize_t write_at(int fd, const void *data, size_t size, int64_t offset)
{
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return -1;
    if ((open->flags & O_ACCMODE) == O_RDONLY)
        return bad(EBADF);
    return write_some(open, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return sim_fd_is_model(fd) ? write_at(fd, data, size, -1) : syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return sim_fd_is_model(fd) ? write_at(fd, data, size, offset)
                               : syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (!sim_fd_is_model(fd))
        return syscall(SYS_writev, fd, parts, count);
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        ssize_t n = write_at(fd, parts[i].iov_base, parts[i].iov_len, -1);
        if (n < 0)
            return sum > 0 ? sum : -1;
        sum += n;
        if ((size_t)n < parts[i].iov_len)
            break;
    }
    return sum;
}

static int resize(int fd, uint64_t size, bool only_grow)
{
    struct sim_call call;
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL || !sim_call_begin(&call, SIM_DISK_WRITE, open->inode, NULL))
        return -1;
    struct sim_inode *inode = call.inode;
    uint64_t now = inode->content.now.size;
    bool changes = only_grow ? size > now : size != now;
    if (changes && only_grow && room_for(inode, (size_t)(size - now), now) < size - now) {
        errno = ENOSPC;
        return (int)sim_call_end(&call, -1);
    }
    if (changes) {
        sim_tree_uncount(inode);
        sim_content_resize(&inode->content, size);
        sim_tree_count(inode);
        inode->mtime_ns = sim_wall_ns();
    }
    return (int)sim_call_end(&call, 0);
}

int ftruncate(int fd, off_t size)
{
    return sim_fd_is_model(fd) ? resize(fd, (uint64_t)size, false)
                               : (int)syscall(SYS_ftruncate, fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (!sim_fd_is_model(fd))
        return (int)syscall(SYS_fallocate, fd, mode, offset, size);
    return mode != 0 ? (int)bad(EOPNOTSUPP) : resize(fd, (uint64_t)(offset + size), true);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return fallocate(fd, 0, offset, size) == 0 ? 0 : errno;
}

/* ---- syncs ----------------------------------------------------------------------------------- */

static int sync_fd(int fd)
{
    struct sim_call call;
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return -1;
    struct sim_inode *inode = open->inode;
    if (!sim_call_begin(&call, SIM_DISK_SYNC, inode, NULL)) {
        if (!inode->is_dir)
            sim_content_fail_sync(&inode->content);
        return -1;
    }
    if (inode->is_dir)
        sim_tree_sync_dir(inode);
    else
        sim_content_sync(&inode->content);
    return (int)sim_call_end(&call, 0);
}

int fsync(int fd)
{
    return sim_fd_is_model(fd) ? sync_fd(fd) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sim_fd_is_model(fd) ? sync_fd(fd) : (int)syscall(SYS_fdatasync, fd);
}

/* ---- locks and flags ------------------------------------------------------------------------- */

int flock(int fd, int operation)
{
    if (!sim_fd_is_model(fd))
        return (int)syscall(SYS_flock, fd, operation);
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return -1;
    unsigned self = (unsigned)(fd - SIM_FD_FIRST) + 1;
    if ((operation & LOCK_UN) != 0) {
        if (open->inode->lock_holder == self)
            open->inode->lock_holder = 0;
        return 0;
    }
    if (open->inode->lock_holder != 0 && open->inode->lock_holder != self)
        return (int)bad(EWOULDBLOCK);
    open->inode->lock_holder = self;
    return 0;
}

/* Locks of fcntl() are a process's own: LevelDB's never meet another's here. */
int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    if (!sim_fd_is_model(fd))
        return (int)syscall(SYS_fcntl, fd, command, arg);
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return -1;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: return sim_fd_make(open->inode, open->flags);
    case F_GETFL: return open->flags;
    default: return 0;
    }
}

int dup(int fd)
{
    return sim_fd_is_model(fd) ? fcntl(fd, F_DUPFD, 0) : (int)syscall(SYS_dup, fd);
}

/* ---- the filesystem -------------------------------------------------------------------------- */

int fstatvfs(int fd, struct statvfs *ret)
{
    if (!sim_fd_is_model(fd)) {
        SIM_REAL(fstatvfs);
        return real(fd, ret);
    }
    struct sim_call call;
    struct sim_open *open = sim_fd_open(fd);
    if (open == NULL || !sim_call_begin(&call, SIM_DISK_OPEN, open->inode, NULL))
        return -1;
    *ret = (struct statvfs){.f_bsize = BLOCK, .f_frsize = BLOCK, .f_namemax = 255};
    ret->f_blocks = sim_disk_size_bytes() / BLOCK;
    ret->f_bfree = ret->f_bavail = sim_disk_free_bytes() / BLOCK;
    ret->f_files = ret->f_ffree = ret->f_favail = 1 << 20;
    return (int)sim_call_end(&call, 0);
}

int fstatfs(int fd, struct statfs *ret)
{
    if (!sim_fd_is_model(fd))
        return (int)syscall(SYS_fstatfs, fd, ret);
    if (sim_fd_open(fd) == NULL)
        return -1;
    memset(ret, 0, sizeof *ret);
    ret->f_type = EXT4_MAGIC;
    ret->f_bsize = BLOCK;
    ret->f_blocks = sim_disk_size_bytes() / BLOCK;
    ret->f_bfree = ret->f_bavail = sim_disk_free_bytes() / BLOCK;
    return 0;
}

/* The table of mounts never changes. */
int sim_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int sim_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (count == 0 || !sim_fd_is_model(fds[0].fd)) {
        struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000l};
        return (int)syscall(SYS_ppoll, fds, count, timeout_ms < 0 ? NULL : &timeout, NULL, 0);
    }
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = 0;
    if (timeout_ms > 0)
        sim_sleep_ms(timeout_ms);
    return 0;
}

/* A mapping is a copy: LevelDB maps tables to read them, which nobody writes. */
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (!sim_fd_is_model(fd))
        return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
    const struct sim_open *open = sim_fd_open(fd);
    void *memory = open == NULL ? MAP_FAILED
                                : (void *)syscall(SYS_mmap, at, size, PROT_READ | PROT_WRITE,
                                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED)
        (void)sim_content_read(&open->inode->content, memory, size, (uint64_t)offset);
    return memory;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) __attribute__((alias("sim_poll")));
ssize_t pread64(int fd, void *data, size_t size, off_t offset) __attribute__((alias("pread")));
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
    __attribute__((alias("pwrite")));
off_t lseek64(int fd, off_t offset, int whence) __attribute__((alias("lseek")));
int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));
int fallocate64(int fd, int mode, off_t offset, off_t size) __attribute__((alias("fallocate")));
int posix_fallocate64(int fd, off_t offset, off_t size) __attribute__((alias("posix_fallocate")));
int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
    __attribute__((alias("mmap")));
