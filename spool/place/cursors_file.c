/* SPDX-License-Identifier: MIT
 * cursors_file.c - two checksummed slots in one preallocated file (docs/spool-format.md §6). */
#include "spool/place/cursors_file.h"

#include "base/buf.h"
#include "base/clock.h"
#include "spool/disk/dir.h"
#include "spool/disk/durable_file.h"
#include "spool/format/cursor_slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURSORS_NAME "cursors"

enum { FILE_SIZE = 2 * SPOOL_CURSORS_SLOT_SIZE };

enum { TRIES = 4, RETRY_MS = 20 };

struct spool_cursors {
    int root_fd;
    int fd;
    uint8_t uuid[16];
    uint64_t seed;
    uint64_t sequence; /* of the newest good slot */
    int good_slot;     /* not overwritten before the other slot is good */
    bool suspect;      /* a sync failed, or the file isn't whole: the next write makes a new file if
                        * possible */
    struct buf slot;   /* kept for its capacity */
};

/* Makes the file anew with its newest state in slot 0. Zeros are written to the end, so that no
 * later write needs a free block. */
static enum err make_file(struct spool_cursors *cursors, struct bytes slot, struct errmsg *msg)
{
    uint8_t *content = calloc(1, FILE_SIZE);
    if (content == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    memcpy(content, slot.data, slot.size);
    enum err rc = spool_durable_file_replace(cursors->root_fd, CURSORS_NAME,
                                             bytes_of(content, FILE_SIZE), msg);
    free(content);
    int fd =
        rc == ERR_OK ? openat(cursors->root_fd, CURSORS_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (rc == ERR_OK && fd < 0)
        rc = errmsg_set(msg, ERR_IO, "open '" CURSORS_NAME "': %s", strerror(errno));
    if (rc != ERR_OK)
        return rc == ERR_NOMEM ? ERR_NOMEM : ERR_IO;
    if (cursors->fd >= 0)
        close(cursors->fd);
    cursors->fd = fd;
    cursors->good_slot = 0;
    cursors->suspect = false;
    return ERR_OK;
}

static void put_aside(int root_fd, struct errmsg *msg)
{
    char name[64];
    for (int n = 1; n < 1000; n++) {
        snprintf(name, sizeof name, CURSORS_NAME ".damaged-%d", n);
        if (faccessat(root_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            break;
    }
    if (renameat(root_fd, CURSORS_NAME, root_fd, name) == 0)
        errmsg_wrap(msg, "'" CURSORS_NAME "' put aside as '%s'", name);
}

/* Reads as much of a slot as there is and can be read; its checksum tells whether that is enough.
 * Tries again after an error, which may pass. */
static struct bytes read_slot(int fd, int slot, uint8_t *content, int *error)
{
    size_t size = 0;
    int tries = 1;
    while (size < SPOOL_CURSORS_SLOT_SIZE) {
        off_t offset = (off_t)slot * SPOOL_CURSORS_SLOT_SIZE + (off_t)size;
        ssize_t n = pread(fd, content + size, SPOOL_CURSORS_SLOT_SIZE - size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && tries++ < TRIES) {
            clock_sleep_ms(RETRY_MS);
            continue;
        }
        if (n < 0)
            *error = errno;
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    return bytes_of(content, size);
}

static bool is_blank(struct bytes content)
{
    for (size_t i = 0; i < content.size; i++)
        if (content.data[i] != 0)
            return false;
    return content.size == SPOOL_CURSORS_SLOT_SIZE;
}

static void take_newer(struct spool_cursors *cursors, struct bytes content, int slot,
                       struct spool_cursor_state *state, bool *found)
{
    struct spool_cursor_state other;
    uint64_t sequence;
    if (!spool_cursor_slot_get(content, cursors->uuid, cursors->seed, &sequence, &other))
        return;
    if (*found && sequence <= cursors->sequence) {
        spool_cursor_state_free(&other);
        return;
    }
    spool_cursor_state_free(state);
    *state = other;
    *found = true;
    cursors->sequence = sequence;
    cursors->good_slot = slot;
}

/* Loads the newest intact slot; a damaged, cut off or unreadable slot doesn't keep the other from
 * being used. */
static enum err load(struct spool_cursors *cursors, int fd, struct spool_cursor_state *state,
                     bool *found, struct errmsg *msg)
{
    uint8_t *content = malloc(SPOOL_CURSORS_SLOT_SIZE);
    if (content == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    bool blank = true;
    int error = 0;
    for (int i = 0; i < 2; i++) {
        struct bytes slot = read_slot(fd, i, content, &error);
        cursors->suspect = cursors->suspect || slot.size < SPOOL_CURSORS_SLOT_SIZE;
        blank = blank && is_blank(slot);
        take_newer(cursors, slot, i, state, found);
    }
    free(content);
    if (*found && error != 0)
        errmsg_set(msg, ERR_OK, "one of two slots cannot be read, maybe the newer one: %s",
                   strerror(error));
    if (*found || blank)
        return ERR_OK;
    return errmsg_set(msg, ERR_DAMAGED, "no intact slot%s%s", error != 0 ? ": " : "",
                      error != 0 ? strerror(error) : "");
}

static enum err open_existing(struct spool_cursors *cursors, struct spool_cursor_state *state,
                              bool *found, struct errmsg *msg)
{
    const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK; /* opening a FIFO must not block */
    int fd = openat(cursors->root_fd, CURSORS_NAME, O_RDWR | flags);
    bool writable = fd >= 0;
    if (fd < 0 && errno != ENOENT)
        fd = openat(cursors->root_fd, CURSORS_NAME, O_RDONLY | flags);
    if (fd < 0)
        return errmsg_set(msg, spool_err_of_errno(errno), "open '" CURSORS_NAME "': %s",
                          strerror(errno));
    struct stat status;
    enum err rc = fstat(fd, &status) != 0
                      ? errmsg_set(msg, spool_err_of_errno(errno), "fstat: %s", strerror(errno))
                  : S_ISREG(status.st_mode) ? load(cursors, fd, state, found, msg)
                                            : errmsg_set(msg, ERR_INVALID, "not a regular file");
    if (rc == ERR_OK && writable) {
        cursors->fd = fd;
        return ERR_OK;
    }
    close(fd);
    cursors->suspect = true;
    return rc;
}

/* Tries some times before the cursors are put aside, as without them events are delivered again. */
static enum err open_at_last(struct spool_cursors *cursors, struct spool_cursor_state *state,
                             bool *found, struct errmsg *msg)
{
    enum err rc = ERR_UNREADABLE;
    for (int tries = 0; rc == ERR_UNREADABLE && tries < TRIES; tries++) {
        if (tries > 0)
            clock_sleep_ms(RETRY_MS);
        cursors->suspect = false;
        if (msg != NULL)
            msg->text[0] = '\0';
        rc = open_existing(cursors, state, found, msg);
    }
    return rc;
}

enum err spool_cursors_open(int root_fd, const uint8_t spool_uuid[16], uint64_t seed,
                            struct spool_cursors **ret_cursors,
                            struct spool_cursor_state *ret_state, bool *ret_found,
                            struct errmsg *msg)
{
    struct spool_cursors *cursors = calloc(1, sizeof *cursors);
    struct spool_cursor_state state = {0};
    bool found = false;
    if (cursors == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    cursors->root_fd = root_fd;
    cursors->fd = -1;
    cursors->seed = seed;
    memcpy(cursors->uuid, spool_uuid, 16);
    enum err rc = open_at_last(cursors, &state, &found, msg);
    if (rc == ERR_NOT_FOUND && msg != NULL)
        msg->text[0] = '\0';
    else if (rc != ERR_OK && rc != ERR_NOT_FOUND && rc != ERR_NOMEM)
        put_aside(root_fd, msg);
    cursors->suspect = cursors->suspect || !found; /* the first state is written with a new file, in
                                                    * one piece */
    if (rc == ERR_NOMEM) {
        spool_cursors_close(cursors);
        spool_cursor_state_free(&state);
        return rc;
    }
    *ret_cursors = cursors;
    *ret_state = state;
    *ret_found = found;
    return ERR_OK;
}

/* Reads without changing a file; only root, id and seed of *cursors must be set. ERR_NOMEM */
static enum err peek(struct spool_cursors *cursors, struct spool_cursor_state *ret_state,
                     bool *ret_found, struct errmsg *msg)
{
    struct spool_cursor_state state = {0};
    *ret_found = false;
    int fd = openat(cursors->root_fd, CURSORS_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum err rc = fd < 0 ? ERR_NOT_FOUND : load(cursors, fd, &state, ret_found, msg);
    if (fd >= 0)
        close(fd);
    *ret_state = state;
    return rc == ERR_NOMEM ? rc : ERR_OK;
}

enum err spool_cursors_peek(int root_fd, const uint8_t spool_uuid[16], uint64_t seed,
                            struct spool_cursor_state *ret_state, bool *ret_found,
                            struct errmsg *msg)
{
    struct spool_cursors cursors = {.root_fd = root_fd, .fd = -1, .seed = seed};
    memcpy(cursors.uuid, spool_uuid, 16);
    return peek(&cursors, ret_state, ret_found, msg);
}

/* Puts a slot into the content of a file that is being made. */
static enum err put_slot(struct spool_cursors *cursors, const struct spool_cursor_state *state,
                         uint64_t sequence, uint8_t *place, struct errmsg *msg)
{
    enum err rc =
        spool_cursor_slot_put(&cursors->slot, cursors->uuid, cursors->seed, sequence, state);
    if (rc != ERR_OK)
        return errmsg_set(msg, rc, "cursors: %s", err_text(rc));
    memcpy(place, cursors->slot.data, cursors->slot.size);
    return ERR_OK;
}

enum err spool_cursors_renew(int root_fd, const uint8_t old_uuid[16], const uint8_t new_uuid[16],
                             uint64_t seed, bool *ret_found, struct errmsg *msg)
{
    struct spool_cursors cursors = {.root_fd = root_fd, .fd = -1, .seed = seed};
    struct spool_cursor_state state;
    memcpy(cursors.uuid, old_uuid, 16);
    enum err rc = peek(&cursors, &state, ret_found, msg);
    if (rc != ERR_OK || !*ret_found)
        return rc;
    uint8_t *content = calloc(1, FILE_SIZE);
    rc = content == NULL ? errmsg_set(msg, ERR_NOMEM, "out of memory")
                         : put_slot(&cursors, &state, cursors.sequence, content, msg);
    memcpy(cursors.uuid, new_uuid, 16);
    if (rc == ERR_OK)
        rc = put_slot(&cursors, &state, cursors.sequence + 1, content + SPOOL_CURSORS_SLOT_SIZE,
                      msg);
    if (rc == ERR_OK)
        rc = spool_durable_file_replace(root_fd, CURSORS_NAME, bytes_of(content, FILE_SIZE), msg);
    free(content);
    buf_free(&cursors.slot);
    spool_cursor_state_free(&state);
    return rc;
}

static enum err write_slot(struct spool_cursors *cursors, int slot, struct errmsg *msg)
{
    enum err rc = spool_durable_file_pwrite(cursors->fd, cursors->slot.data, cursors->slot.size,
                                            (uint64_t)slot * SPOOL_CURSORS_SLOT_SIZE);
    if (rc == ERR_OK && fdatasync(cursors->fd) != 0)
        rc = ERR_IO;
    if (rc != ERR_OK) {
        cursors->suspect = true; /* the kernel marks pages of a failed sync as clean: don't sync
                                  * this file again */
        return errmsg_set(msg, ERR_IO, "write '" CURSORS_NAME "': %s", strerror(errno));
    }
    cursors->good_slot = slot;
    return ERR_OK;
}

/* Does the name still lead to the open file? A state written into another file is gone at the next
 * start. */
static bool is_in_place(const struct spool_cursors *cursors)
{
    struct stat open_file, named_file;
    return cursors->fd >= 0 && fstat(cursors->fd, &open_file) == 0 &&
           fstatat(cursors->root_fd, CURSORS_NAME, &named_file, AT_SYMLINK_NOFOLLOW) == 0 &&
           open_file.st_ino == named_file.st_ino && open_file.st_dev == named_file.st_dev;
}

enum err spool_cursors_write(struct spool_cursors *cursors, const struct spool_cursor_state *state,
                             struct errmsg *msg)
{
    enum err rc = spool_cursor_slot_put(&cursors->slot, cursors->uuid, cursors->seed,
                                        cursors->sequence + 1, state);
    if (rc != ERR_OK)
        return errmsg_set(msg, rc, "cursors: %s", err_text(rc));
    struct errmsg made = {""};
    bool anew = cursors->suspect;
    if (anew)
        rc = make_file(cursors, buf_bytes(&cursors->slot), &made);
    if (anew && rc != ERR_OK && !is_in_place(cursors))
        return errmsg_set(msg, rc, "%s", made.text);
    if (!anew || rc != ERR_OK) /* without room for a new file every byte of the bad slot that counts
                                * is written again */
        rc = write_slot(cursors, 1 - cursors->good_slot, msg);
    if (rc == ERR_OK)
        cursors->sequence++;
    return rc;
}

void spool_cursors_close(struct spool_cursors *cursors)
{
    if (cursors == NULL)
        return;
    if (cursors->fd >= 0)
        close(cursors->fd);
    buf_free(&cursors->slot);
    free(cursors);
}
