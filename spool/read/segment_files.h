/* SPDX-License-Identifier: MIT
 * segment_files.h - the files of a segment's directory in the order in which they are read: logs by
 * number, then the rest. */
#ifndef PENSTOCK_SPOOL_READ_SEGMENT_FILES_H
#define PENSTOCK_SPOOL_READ_SEGMENT_FILES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool_segment_files {
    char **names; /* relative to the directory; `lost/x` for files one level deeper */
    size_t count;
    size_t log_count; /* the first log_count names are the segment's logs, ascending */
};

/* Error codes for an errno of open, read or list: ERR_END, there is no such file (ENOENT, ENOTDIR,
 * EISDIR, ELOOP), or ERR_UNREADABLE, it may be there. */
enum err spool_segment_files_err(int error);

/* Errors: ERR_END (no such directory, or something else has its name), ERR_UNREADABLE */
enum err spool_segment_files_open_dir(int parent_fd, const char *name, int *ret_fd,
                                      struct errmsg *msg);

/* Lists the regular files. Errors: ERR_UNREADABLE, ERR_NOMEM */
enum err spool_segment_files_list(int dir_fd, struct spool_segment_files *ret_files,
                                  struct errmsg *msg);
void spool_segment_files_free(struct spool_segment_files *files);

/* Has the file the name of a log, in whatever directory? */
bool spool_segment_files_is_log(const char *name);

/* Opens one of the names. Errors: ERR_END, ERR_UNREADABLE */
enum err spool_segment_files_open(int dir_fd, const char *name, int *ret_fd, struct errmsg *msg);

/* Replaces *seed by the one in the header at the start of the log, where no client's bytes can
 * stand; without such a header for the segment *seed stays. Errors: ERR_UNREADABLE */
enum err spool_segment_files_seed(int log_fd, uint64_t segment_id, uint64_t *seed,
                                  struct errmsg *msg);

#endif
