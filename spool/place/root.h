/* SPDX-License-Identifier: MIT
 * root.h - the spool's directory: found once its mounts are there, known by its identity, locked;
 * made only where that is asked for. No file is written into a directory that isn't known to be the
 * spool's or meant to become it. */
#ifndef PENSTOCK_SPOOL_PLACE_ROOT_H
#define PENSTOCK_SPOOL_PLACE_ROOT_H

#include "base/err.h"
#include "spool/format/identity.h"
#include "spool/spool_options.h"

struct spool_root {
    int fd;      /* the directory; -1: none */
    int lock_fd; /* holds the lock; -1: none */
    struct spool_identity identity;
};
#define SPOOL_ROOT_NONE                                                                            \
    {                                                                                              \
        .fd = -1, .lock_fd = -1                                                                    \
    }

/* Finds, checks and locks the directory. Errors: as spool_open() (spool.h) for this part. On errors
 * nothing stays open. */
enum err spool_root_open(const struct spool_options *options, struct spool_root *ret_root,
                         struct errmsg *msg);

/* Gives the lock back. */
void spool_root_close(struct spool_root *root);

/* Opens the directory, if its mounts are there; reads no file. Errors: ERR_NOT_FOUND,
 * ERR_UNAVAILABLE, ERR_UNREADABLE, ERR_INVALID, ERR_IO, ERR_NOMEM */
enum err spool_root_find(const struct spool_options *options, int *ret_fd, struct errmsg *msg);

/* Is this the spool that the options ask for? ERR_INVALID when options->id is another */
enum err spool_root_is_wanted(const struct spool_options *options,
                              const struct spool_identity *identity, struct errmsg *msg);

#endif
