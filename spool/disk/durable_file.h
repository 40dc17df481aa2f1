/* SPDX-License-Identifier: MIT
 * durable_file.h - small files written whole: temporary name, fsync, rename, fsync of the
 * directory. */
#ifndef PENSTOCK_SPOOL_DISK_DURABLE_FILE_H
#define PENSTOCK_SPOOL_DISK_DURABLE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Writes all bytes at the offset, continuing after short writes and signals. ERR_IO; ERR_FULL for a
 * full disk or quota */
enum err spool_durable_file_pwrite(int fd, const void *data, size_t size, uint64_t offset);

/* Makes or replaces the file `name` durably. ERR_IO, ERR_FULL; the old file is then still there */
enum err spool_durable_file_replace(int dir_fd, const char *name, struct bytes content,
                                    struct errmsg *msg);

/* Reads a whole regular file of at most size_max bytes. ERR_NOT_FOUND, ERR_UNREADABLE, ERR_INVALID
 * (no regular file), ERR_TOO_LARGE, ERR_NOMEM */
enum err spool_durable_file_read(int dir_fd, const char *name, size_t size_max,
                                 struct buf *ret_content, struct errmsg *msg);

#endif
