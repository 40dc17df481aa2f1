/* SPDX-License-Identifier: MIT
 * root.c - finding the spool's directory, and making it. */
#include "spool/place/root.h"

#include "base/random.h"
#include "spool/disk/dir.h"
#include "spool/place/identity_file.h"
#include "spool/place/mount.h"
#include "spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_dir(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the directory --------------------------------------------------------------------------- */

static enum err check_mounts(const struct spool_options *options, int dir_fd, struct errmsg *msg)
{
    return spool_mount_check(&spool_mount_system, dir_fd, options->path, options->require_mount,
                             msg);
}

/* Tells why the directory can't be opened: a missing mount explains more than the missing
 * directory. */
static enum err explain(const struct spool_options *options, int error, struct errmsg *msg)
{
    char path[PATH_MAX];
    if (error == EIO) /* the filesystem is there, but broken */
        return errmsg_set(msg, spool_err_of_errno(error), "%s", strerror(error));
    enum err rc = spool_mount_resolve(options->path, path, sizeof path, msg);
    int fd = -1;
    while (rc == ERR_OK && (fd = open_dir(path[0] == '\0' ? "/" : path)) < 0 && path[0] != '\0')
        *strrchr(path, '/') = '\0';
    if (fd >= 0)
        rc = check_mounts(options, fd, msg);
    close_fd(&fd);
    return rc != ERR_OK ? rc : errmsg_set(msg, spool_err_of_errno(error), "%s", strerror(error));
}

enum err spool_root_find(const struct spool_options *options, int *ret_fd, struct errmsg *msg)
{
    int fd = open_dir(options->path); /* open first, as this makes autofs mount */
    if (fd < 0)
        return explain(options, errno, msg);
    enum err rc = check_mounts(options, fd, msg);
    if (rc == ERR_OK)
        *ret_fd = fd;
    else
        close(fd);
    return rc;
}

/* Makes the directory in the one above it, which must exist, with the same check of the mounts. */
static enum err make_dir(const struct spool_options *options, struct errmsg *msg)
{
    char above[PATH_MAX];
    size_t size = strlen(options->path);
    while (size > 1 && options->path[size - 1] == '/')
        size--;
    if (size >= sizeof above)
        return errmsg_set(msg, ERR_INVALID, "%s", strerror(ENAMETOOLONG));
    memcpy(above, options->path, size);
    above[size] = '\0';
    char *slash = strrchr(above, '/');
    char name[NAME_MAX + 1];
    int name_size = snprintf(name, sizeof name, "%s", slash == NULL ? above : slash + 1);
    if (name_size <= 0 || name_size > NAME_MAX)
        return errmsg_set(msg, ERR_INVALID, "no name for a directory");
    if (slash != NULL)
        slash[slash == above] = '\0'; /* keep the "/" of a directory in the root */
    int fd = open_dir(slash == NULL ? "." : above);
    if (fd < 0)
        return explain(options, errno, msg);
    enum err rc = check_mounts(options, fd, msg);
    if (rc == ERR_OK && mkdirat(fd, name, 0700) != 0 && errno != EEXIST)
        rc = errmsg_set(msg, spool_err_of_errno(errno), "make the directory: %s", strerror(errno));
    if (rc == ERR_OK)
        rc = spool_dir_sync(fd, msg);
    close(fd);
    return rc;
}

static enum err open_or_make_dir(const struct spool_options *options, int *ret_fd,
                                 struct errmsg *msg)
{
    enum err rc = spool_root_find(options, ret_fd, msg);
    if (rc != ERR_NOT_FOUND || !options->create || options->id != NULL)
        return rc;
    rc = make_dir(options, msg);
    return rc == ERR_OK ? spool_root_find(options, ret_fd, msg) : rc;
}

/* ---- the identity ---------------------------------------------------------------------------- */

enum err spool_root_is_wanted(const struct spool_options *options,
                              const struct spool_identity *identity, struct errmsg *msg)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(identity->uuid, id);
    if (options->id == NULL || strcasecmp(options->id, id) == 0)
        return ERR_OK;
    return errmsg_set(msg, ERR_INVALID,
                      "another spool is there: its id is %s, spool.id asks for %s", id,
                      options->id);
}

/* May an identity be made where there is none? */
static enum err may_make(const struct spool_options *options, int root_fd, struct errmsg *msg)
{
    static const char *const remains[] = {"segments", "cursors", "quarantine", "dead-letter",
                                          "parked"};
    for (size_t i = 0; i < sizeof remains / sizeof remains[0]; i++)
        if (faccessat(root_fd, remains[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return errmsg_set(
                msg, ERR_DAMAGED,
                "the file PENSTOCK is missing beside '%s': without it nothing in there can be read",
                remains[i]);
    if (!options->create)
        return errmsg_set(msg, ERR_NOT_FOUND,
                          "no spool there (no file PENSTOCK): `penstock init` or spool.create make "
                          "one, or is a mount missing?");
    if (options->id != NULL)
        return errmsg_set(msg, ERR_NOT_FOUND,
                          "no spool there, and spool.id asks for %s: none is made", options->id);
    return ERR_OK;
}

/* Reads or makes the identity. Called under the lock, so no other process makes one now. */
static enum err make_identity(int root_fd, struct spool_identity *ret_identity, struct errmsg *msg)
{
    enum err rc = spool_identity_read(root_fd, ret_identity, msg);
    return rc == ERR_NOT_FOUND ? spool_identity_create(root_fd, ret_identity, msg) : rc;
}

enum err spool_root_open(const struct spool_options *options, struct spool_root *ret_root,
                         struct errmsg *msg)
{
    struct spool_root root = SPOOL_ROOT_NONE;
    enum err rc = open_or_make_dir(options, &root.fd, msg);
    if (rc != ERR_OK)
        return rc;
    rc = spool_identity_read(root.fd, &root.identity, msg);
    bool missing = rc == ERR_NOT_FOUND;
    if (missing)
        rc = may_make(options, root.fd, msg);
    else if (rc == ERR_OK)
        rc = spool_root_is_wanted(options, &root.identity, msg);
    if (rc == ERR_OK)
        rc = spool_lock(root.fd, &root.lock_fd, msg);
    if (rc == ERR_OK && missing)
        rc = make_identity(root.fd, &root.identity, msg);
    if (rc != ERR_OK) {
        spool_root_close(&root);
        return rc;
    }
    *ret_root = root;
    return ERR_OK;
}

void spool_root_close(struct spool_root *root)
{
    close_fd(&root->fd);
    close_fd(&root->lock_fd); /* last */
}

/* ---- penstock init --------------------------------------------------------------------------- */

static enum err read_existing(const struct spool_options *options,
                              struct spool_identity *ret_identity, struct errmsg *msg)
{
    int fd = -1;
    enum err rc = spool_root_find(options, &fd, msg);
    if (rc == ERR_OK)
        rc = spool_identity_read(fd, ret_identity, msg);
    close_fd(&fd);
    return rc;
}

enum err spool_init(const struct spool_options *options, uint8_t ret_uuid[16], bool *ret_made,
                    struct errmsg *msg)
{
    struct spool_options making = *options;
    struct spool_root root = SPOOL_ROOT_NONE;
    making.create = true;
    /* a new spool gets an id of its own */
    making.id = NULL;
    enum err rc = read_existing(options, &root.identity, msg); /* works also while an agent has the
                                                                * spool open */
    bool found = rc == ERR_OK;
    if (rc == ERR_NOT_FOUND)
        rc = spool_root_open(&making, &root, msg);
    spool_root_close(&root);
    if (rc != ERR_OK) {
        errmsg_wrap(msg, "spool '%s'", options->path);
        return rc;
    }
    memcpy(ret_uuid, root.identity.uuid, sizeof root.identity.uuid);
    *ret_made = !found;
    return ERR_OK;
}
