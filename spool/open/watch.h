/* SPDX-License-Identifier: MIT
 * watch.h - remembers the place of an open spool, to see whether its path still leads there. */
#ifndef PENSTOCK_SPOOL_OPEN_WATCH_H
#define PENSTOCK_SPOOL_OPEN_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

struct spool;

struct spool_watch {
    dev_t dev; /* of the spool's directory */
    ino_t ino;
    int mounts_fd; /* readable when the table of mounts has changed; -1: unknown */
    bool mounts_changed;
    char warning[200];
};

void spool_watch_init(struct spool *spool); /* with the directory open */
void spool_watch_done(struct spool *spool);

#endif
