/* SPDX-License-Identifier: MIT
 * dir.h - directories through descriptors: open, list, move, measure, remove. Any thread may call.
 *
 * Files below the spool's root are reached through descriptors, never by path, so that no file is
 * written outside the spool when its filesystem goes away. */
#ifndef PENSTOCK_SPOOL_DISK_DIR_H
#define PENSTOCK_SPOOL_DISK_DIR_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Error codes of a failed file operation: ERR_NOT_FOUND (ENOENT), ERR_UNREADABLE (EIO, EACCES,
 * EPERM, EMFILE, ENFILE, ENOMEM), ERR_INVALID (ENOTDIR, ELOOP, EISDIR), else ERR_IO. */
enum err spool_err_of_errno(int error);

/* Opens a directory below parent_fd; with create makes it first (mode 0700, parent synced). */
enum err spool_dir_open(int parent_fd, const char *name, bool create, int *ret_fd,
                        struct errmsg *msg);

/* fsync: the directory's entries are durable afterwards. ERR_IO */
enum err spool_dir_sync(int dir_fd, struct errmsg *msg);

/* Entries whose name is a plain decimal segment id, ascending; *ret_ids is malloc'ed. Errors:
 * ERR_UNREADABLE, ERR_NOMEM */
enum err spool_dir_list_ids(int dir_fd, uint64_t **ret_ids, size_t *ret_count, struct errmsg *msg);

/* The highest id that any entry's name begins with (`12`, `12.new`, …); 0 without any. */
enum err spool_dir_highest_id(int dir_fd, uint64_t *ret_id, struct errmsg *msg);

/* rename and fsync of both directories. ERR_IO, ERR_NOT_FOUND, … as spool_err_of_errno() */
enum err spool_dir_move(int from_fd, const char *name, int to_fd, const char *to_name,
                        struct errmsg *msg);

/* Unlinks the entry and all below; follows no link; goes on after an entry that can't be removed,
 * and returns that error. */
enum err spool_dir_remove_tree(int parent_fd, const char *name);

/* Bytes on disk of the entry and all below. */
enum err spool_dir_tree_bytes(int parent_fd, const char *name, uint64_t *ret_bytes);

#endif
