/* SPDX-License-Identifier: MIT
 * spool_files.h - the files of a segment's directory in the order in which they are read: logs by number, then the rest. */
#ifndef PENSTOCK_SPOOL_FILES_H
#define PENSTOCK_SPOOL_FILES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct spool_files {
    char **names;     /* relative to the directory; `lost/x` for what lies one deeper */
    size_t count;
    size_t log_count; /* the first ones are logs, ascending */
};

/* A directory that isn't there, or is none, has no files; what is no regular file is left out.
 * Errors: ERR_UNREADABLE, ERR_NOMEM */
enum err spool_files_list(int parent_fd, const char *name, struct spool_files *ret_files, struct errmsg *msg);
void spool_files_free(struct spool_files *files);

#endif
