/* SPDX-License-Identifier: MIT
 * watch.c - does the spool's path still lead to the open spool?
 *
 * The spool writes through the descriptor of its directory, so a path that leads elsewhere does no
 * harm to the open spool. But people, and the next start, would look for the events in the wrong
 * place. */
#include "spool/open/watch.h"

#include "base/random.h"
#include "spool/home/internal.h"
#include "spool/home/say.h"
#include "spool/place/identity_file.h"
#include "spool/place/mount.h"
#include "spool/place/root.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void spool_watch_init(struct spool *spool)
{
    struct spool_watch *watch = &spool->watch;
    struct stat status;
    watch->mounts_fd = open(spool_mount_system.mountinfo, O_RDONLY | O_CLOEXEC);
    watch->mounts_changed = true;
    if (fstat(spool->root_fd, &status) == 0) {
        watch->dev = status.st_dev;
        watch->ino = status.st_ino;
    }
    (void)spool_mount_is_volatile(&spool_mount_system, spool->root_fd, watch->warning,
                                  sizeof watch->warning);
}

void spool_watch_done(struct spool *spool)
{
    if (spool->watch.mounts_fd >= 0)
        close(spool->watch.mounts_fd);
}

/* Reads the table of mounts only when the kernel says that it has changed. */
static enum err check_mounts(struct spool *spool, struct errmsg *msg)
{
    struct spool_watch *watch = &spool->watch;
    struct pollfd changes = {.fd = watch->mounts_fd, .events = POLLPRI};
    if (watch->mounts_fd < 0 || poll(&changes, 1, 0) != 0)
        watch->mounts_changed = true;
    if (!watch->mounts_changed)
        return ERR_OK;
    /* Ask for the path as it leads now: the mount through which the spool was opened may be gone
     * while its filesystem is back. */
    int fd = -1;
    enum err rc = spool_root_find(&spool->options, &fd, msg);
    if (fd >= 0)
        close(fd);
    watch->mounts_changed = rc != ERR_OK;
    /* lack of memory or descriptors says nothing about mounts */
    return rc == ERR_NOMEM || rc == ERR_UNREADABLE ? ERR_OK : rc;
}

/* Reads the file each time, as only a read shows that a disk has died. */
static enum spool_place read_identity(struct spool *spool, struct errmsg *msg)
{
    char byte;
    int fd = openat(spool->root_fd, "PENSTOCK", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : pread(fd, &byte, 1, 0);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n >= 0)
        return SPOOL_HERE;
    /* the process lacks resources; the spool is well */
    if (error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR)
        return SPOOL_HERE;
    errmsg_set(msg, ERR_IO, "read PENSTOCK: %s", strerror(error));
    return error == ENOENT || error == EACCES ? SPOOL_AWAY : SPOOL_USELESS;
}

/* Writes a damaged PENSTOCK again while its content is known here: without the seed no event of the
 * spool could be read. */
static void heal_identity(struct spool *spool)
{
    struct errmsg why = {""};
    if (spool_identity_write(spool->root_fd, &spool->identity, &why) == ERR_OK)
        spool_say(spool, true, "identity_damaged", "file=PENSTOCK action=written_again");
}

static enum spool_place check_identity(struct spool *spool, struct errmsg *msg)
{
    struct spool_identity identity;
    enum spool_place place = read_identity(spool, msg);
    if (place != SPOOL_HERE)
        return place;
    enum err rc = spool_identity_read(spool->root_fd, &identity, msg);
    if (rc == ERR_DAMAGED)
        heal_identity(spool);
    if (rc != ERR_OK || memcmp(identity.uuid, spool->identity.uuid, sizeof identity.uuid) == 0)
        return SPOOL_HERE;
    errmsg_set(msg, ERR_INVALID, "PENSTOCK there is another spool's");
    return SPOOL_AWAY;
}

/* Decides when the path leads to another directory: is that the same spool, on a restored disk, or
 * another one? */
static enum spool_place check_other(struct spool *spool, struct errmsg *msg)
{
    struct spool_identity identity;
    int fd = -1;
    if (spool_root_find(&spool->options, &fd, msg) != ERR_OK)
        return SPOOL_AWAY;
    enum err rc = spool_identity_read(fd, &identity, msg);
    close(fd);
    if (rc == ERR_NOT_FOUND)
        errmsg_set(msg, rc,
                   "the path leads to another directory than the spool's, without a spool");
    if (rc != ERR_OK)
        return SPOOL_AWAY;
    if (memcmp(identity.uuid, spool->identity.uuid, sizeof identity.uuid) != 0) {
        char id[UUID_TEXT_SIZE];
        uuid_format(identity.uuid, id);
        errmsg_set(msg, ERR_INVALID, "the path leads to another spool: %s", id);
        return SPOOL_AWAY;
    }
    errmsg_set(msg, ERR_INVALID, "the path leads to another directory with the same spool");
    return SPOOL_USELESS;
}

static enum spool_place look(struct spool *spool, struct errmsg *msg)
{
    struct stat status;
    bool there = stat(spool->options.path, &status) == 0;
    if (!there || status.st_dev != spool->watch.dev || status.st_ino != spool->watch.ino) {
        /* A dead XFS fails every call, also the one that asks where the path leads. Find that out
         * here: while the spool is held open, the filesystem can't be unmounted. */
        bool dead = read_identity(spool, msg) == SPOOL_USELESS;
        return dead ? SPOOL_USELESS : check_other(spool, msg);
    }
    if (check_mounts(spool, msg) != ERR_OK)
        return SPOOL_AWAY;
    return check_identity(spool, msg);
}

enum spool_place spool_place(struct spool *spool, struct errmsg *msg)
{
    struct errmsg why = {""};
    enum spool_place place = look(spool, &why);
    if (place != SPOOL_HERE) {
        errmsg_wrap(&why, "spool '%s'", spool->options.path);
        errmsg_set(msg, ERR_UNAVAILABLE, "%s", why.text);
    }
    return place;
}

const char *spool_warning(const struct spool *spool)
{
    return spool->watch.warning;
}
