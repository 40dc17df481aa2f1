/* SPDX-License-Identifier: MIT
 * sim_disk_streams.c - directories that are listed, and stdio on files of the model. */
#include "tests/sim/sim_disk_calls.h"
#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- directories ----------------------------------------------------------------------------- */

enum { DIR_MAGIC = 0x7153494d }; /* where libc's own has a descriptor */

struct row {
    uint64_t order; /* as a hashed directory has it */
    uint64_t inode;
    bool is_dir;
    char name[64];
};

/* A listing is what opendir() gives out; the names are those of the first readdir(). */
struct listing {
    int magic, fd;
    bool begun;
    struct row *rows;
    size_t count, at;
    struct dirent entry;
};

static struct listing *listing_of(DIR *dir)
{
    struct listing *listing = (struct listing *)(void *)dir;
    return listing->magic == DIR_MAGIC ? listing : NULL;
}

static int by_order(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    return left->order != right->order ? (left->order < right->order ? -1 : 1)
                                       : strcmp(left->name, right->name);
}

static bool begin_list(struct listing *listing)
{
    struct sim_call call;
    const struct sim_open *open = sim_fd_open(listing->fd);
    if (open == NULL || !sim_call_begin(&call, SIM_DISK_LIST, open->inode, NULL))
        return false;
    const struct sim_names *names = &call.inode->now;
    listing->rows = calloc(names->count + 1, sizeof listing->rows[0]);
    if (listing->rows == NULL)
        abort();
    for (size_t i = 0; i < names->count; i++) {
        struct row *row = &listing->rows[listing->count++];
        snprintf(row->name, sizeof row->name, "%s", names->list[i].text);
        row->order = XXH3_64bits_withSeed(row->name, strlen(row->name), call.inode->number);
        row->inode = names->list[i].inode->number;
        row->is_dir = names->list[i].inode->is_dir;
    }
    qsort(listing->rows, listing->count, sizeof listing->rows[0], by_order);
    listing->begun = true;
    return sim_call_end(&call, 0) == 0;
}

DIR *fdopendir(int fd)
{
    if (!sim_fd_is_model(fd)) {
        SIM_REAL(fdopendir);
        return real(fd);
    }
    const struct sim_open *open = sim_fd_open(fd);
    if (open == NULL)
        return NULL;
    if (!open->inode->is_dir) {
        errno = ENOTDIR;
        return NULL;
    }
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL)
        abort();
    listing->magic = DIR_MAGIC;
    listing->fd = fd;
    return (DIR *)(void *)listing;
}

DIR *opendir(const char *path)
{
    struct sim_place place;
    if (sim_path_find(AT_FDCWD, path, &place) == SIM_PATH_MACHINE) {
        SIM_REAL(opendir);
        return real(path);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? NULL : fdopendir(fd);
}

struct dirent *readdir(DIR *dir)
{
    struct listing *listing = listing_of(dir);
    if (listing == NULL) {
        SIM_REAL(readdir);
        return real(dir);
    }
    if (!listing->begun && !begin_list(listing))
        return NULL;
    if (listing->at == listing->count)
        return NULL;
    const struct row *row = &listing->rows[listing->at++];
    listing->entry = (struct dirent){.d_ino = row->inode, .d_type = row->is_dir ? DT_DIR : DT_REG};
    snprintf(listing->entry.d_name, sizeof listing->entry.d_name, "%s", row->name);
    return &listing->entry;
}

void rewinddir(DIR *dir)
{
    struct listing *listing = listing_of(dir);
    if (listing == NULL) {
        SIM_REAL(rewinddir);
        real(dir);
        return;
    }
    free(listing->rows);
    listing->rows = NULL;
    listing->count = listing->at = 0;
    listing->begun = false;
}

int dirfd(DIR *dir)
{
    const struct listing *listing = listing_of(dir);
    if (listing == NULL) {
        SIM_REAL(dirfd);
        return real(dir);
    }
    return listing->fd;
}

int closedir(DIR *dir)
{
    struct listing *listing = listing_of(dir);
    if (listing == NULL) {
        SIM_REAL(closedir);
        return real(dir);
    }
    close(listing->fd);
    free(listing->rows);
    free(listing);
    return 0;
}

/* ---- stdio ----------------------------------------------------------------------------------- */

/* LevelDB writes its LOG by stdio, the spool reads /proc by it. A call from within stdio lets no
 * other fiber run: libc's lock of the stream sees one thread only. */
struct stream {
    int fd;
    unsigned process;
};

static struct sim_open *open_of(const struct stream *stream)
{
    return stream->process == sim_fd_process() ? sim_fd_open(stream->fd) : NULL;
}

static ssize_t read_stream(void *cookie, char *data, size_t size)
{
    struct sim_open *open = open_of(cookie);
    if (open == NULL)
        return -1;
    uint64_t n = sim_content_read(&open->inode->content, data, size, open->offset);
    open->offset += n;
    return (ssize_t)n;
}

/* LevelDB's LOG is no part of what it keeps: a full disk drops its lines. */
static ssize_t write_stream(void *cookie, const char *data, size_t size)
{
    struct sim_open *open = open_of(cookie);
    if (open == NULL)
        return 0;
    if (sim_disk_free_bytes() < size + 4096)
        return (ssize_t)size;
    sim_tree_uncount(open->inode);
    sim_content_write(&open->inode->content, data, size, open->offset);
    sim_tree_count(open->inode);
    open->offset += size;
    return (ssize_t)size;
}

static int close_stream(void *cookie)
{
    struct stream *stream = cookie;
    if (open_of(stream) != NULL)
        sim_fd_close(stream->fd);
    free(stream);
    return 0;
}

FILE *fdopen(int fd, const char *mode)
{
    if (!sim_fd_is_model(fd)) {
        SIM_REAL(fdopen);
        return real(fd, mode);
    }
    struct stream *stream = malloc(sizeof *stream);
    if (stream == NULL)
        abort();
    *stream = (struct stream){fd, sim_fd_process()};
    const cookie_io_functions_t functions = {
        .read = read_stream, .write = write_stream, .close = close_stream};
    return fopencookie(stream, mode, functions);
}

FILE *fopen(const char *path, const char *mode)
{
    struct sim_place place;
    if (sim_path_find(AT_FDCWD, path, &place) == SIM_PATH_MACHINE) {
        SIM_REAL(fopen);
        return real(path, mode);
    }
    int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | (mode[0] == 'w' ? O_TRUNC : 0);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? NULL : fdopen(fd, mode);
}

FILE *fopen64(const char *path, const char *mode) __attribute__((alias("fopen")));
