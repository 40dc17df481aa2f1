/* SPDX-License-Identifier: MIT
 * identity_file.h - the files PENSTOCK (the spool's identity) and LOCK (one agent per spool).
 *
 * PENSTOCK is written whole: temporary file, fsync, rename, fsync of the directory
 * (docs/spool-format.md §2). */
#ifndef PENSTOCK_SPOOL_PLACE_IDENTITY_FILE_H
#define PENSTOCK_SPOOL_PLACE_IDENTITY_FILE_H

#include "base/err.h"
#include "spool/format/identity.h"

/* Errors: ERR_NOT_FOUND (no such file), ERR_DAMAGED, ERR_VERSION (made by a newer Penstock),
 * ERR_UNREADABLE */
enum err spool_identity_read(int root_fd, struct spool_identity *ret_identity, struct errmsg *msg);

/* Makes a new identity where there is none. Errors: ERR_IO; ERR_INVALID when one exists */
enum err spool_identity_create(int root_fd, struct spool_identity *ret_identity,
                               struct errmsg *msg);

/* Writes a known identity, also over an existing file. ERR_IO, ERR_NOMEM */
enum err spool_identity_write(int root_fd, const struct spool_identity *identity,
                              struct errmsg *msg);

/* Takes the lock (flock on LOCK, which also holds the pid for people); *ret_fd is kept open to hold
 * it.
 * Errors: ERR_LOCKED (msg names the holder's pid), ERR_IO */
enum err spool_lock(int root_fd, int *ret_fd, struct errmsg *msg);

#endif
