/* SPDX-License-Identifier: MIT
 * store.h - the open store of dead letters; a member of struct spool. */
#ifndef PENSTOCK_SPOOL_LETTERS_STORE_H
#define PENSTOCK_SPOOL_LETTERS_STORE_H

#include "base/mutex.h"
#include "spool/format/id_set.h"
#include "spool/write/group.h"
#include "spool/write/segment.h"

#include <pthread.h>
#include <stdatomic.h>

struct spool_letters {
    struct mutex lock;             /* guards the fields below but ids and removed; held during file
                                    * operations, and taken before ids_lock */
    struct mutex ids_lock;         /* guards ids and removed; held for moments only */
    int folder_fd;                 /* -1: not opened yet */
    atomic_bool loaded;            /* written with the lock held */
    struct spool_id_set ids;       /* of the letters that lie there */
    struct spool_id_set removed;   /* removed in this run */
    struct spool_segment *segment; /* NULL: the next letter begins one */
    uint64_t segment_bytes_max;
    atomic_uint_fast64_t count; /* of ids; may be read without the lock */
    atomic_uint_fast64_t bytes;
    atomic_bool full;
};

void spool_letters_init(struct spool *spool);
void spool_letters_done(struct spool *spool);

#endif
