/* SPDX-License-Identifier: MIT
 * mount.h - are the required filesystems mounted, and does the spool's filesystem keep what is
 * synced?
 *
 * Judged by an open directory, not by its path: the mounts on the way to that directory count. */
#ifndef PENSTOCK_SPOOL_PLACE_MOUNT_H
#define PENSTOCK_SPOOL_PLACE_MOUNT_H

#include "base/err.h"

#include <stddef.h>

#define SPOOL_MOUNT_AUTO "auto"
#define SPOOL_MOUNT_OFF  "off"

/* Paths of the system's tables. */
struct spool_mount_files {
    const char *fstab;
    const char *mountinfo;
};
extern const struct spool_mount_files spool_mount_system; /* /etc/fstab, /proc/self/mountinfo */

/* dir_fd: the directory `path`, or an existing one above it while `path` doesn't exist. require:
 * "auto" (every mount point at or above path that fstab names), a mount point's path, "off" or
 * NULL.
 * Errors: ERR_UNAVAILABLE (not mounted; msg names the mount point), ERR_INVALID (require isn't at
 *         or above path), ERR_UNREADABLE (the tables), ERR_NOMEM */
enum err spool_mount_check(const struct spool_mount_files *files, int dir_fd, const char *path,
                           const char *require, struct errmsg *msg);

/* Makes a path absolute, without "." and ".."; follows symbolic links as far as they lead and keeps
 * components that don't exist.
 * Errors: ERR_INVALID (too long, too many links), ERR_IO */
enum err spool_mount_resolve(const char *path, char *out, size_t size, struct errmsg *msg);

/* True, with a sentence about it, when the directory's filesystem doesn't outlive a restart of the
 * machine or container. */
bool spool_mount_is_volatile(const struct spool_mount_files *files, int dir_fd, char *why,
                             size_t why_size);

#endif
