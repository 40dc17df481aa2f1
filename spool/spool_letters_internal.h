/* SPDX-License-Identifier: MIT
 * spool_letters_internal.h - the open store of dead letters; a member of struct spool. */
#ifndef PENSTOCK_SPOOL_LETTERS_INTERNAL_H
#define PENSTOCK_SPOOL_LETTERS_INTERNAL_H

#include "spool/spool_group.h"
#include "spool/spool_id_set.h"
#include "spool/spool_segment.h"

#include <pthread.h>
#include <stdatomic.h>

struct spool_letters {
    pthread_mutex_t lock;          /* guards all of the following; held during file operations */
    int folder_fd;                 /* -1: not opened yet */
    bool loaded;
    struct spool_id_set ids;
    struct spool_segment *segment; /* NULL: the next letter begins one */
    uint64_t segment_bytes_max;
    atomic_uint_fast64_t count;    /* of ids; may be read without the lock */
    atomic_uint_fast64_t bytes;
    atomic_bool full;
};

void spool_letters_init(struct spool *spool);
void spool_letters_done(struct spool *spool);

#endif
