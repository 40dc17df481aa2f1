/* SPDX-License-Identifier: MIT
 * whereabouts.c - where a segment lies. */
#include "spool/recover/whereabouts.h"

#include "spool/home/internal.h"

#include <inttypes.h>
#include <stdio.h>

int spool_whereabouts_folder(struct spool *spool, uint64_t segment_id, bool *ret_parked)
{
    mutex_lock(&spool->lock);
    const struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    *ret_parked = entry != NULL && entry->parked;
    int fd = *ret_parked ? spool->parking.folder_fd : spool->segments_fd;
    mutex_unlock(&spool->lock);
    return fd;
}

struct spool_reader_options spool_whereabouts_reader_options(struct spool *spool,
                                                             uint64_t segment_id,
                                                             char name[SPOOL_WHEREABOUTS_NAME_SIZE])
{
    snprintf(name, SPOOL_WHEREABOUTS_NAME_SIZE, "%" PRIu64, segment_id);
    struct spool_reader_options options = {
        .name = name,
        .segment_id = segment_id,
        .seed = spool->identity.seed,
        .count_limit = SPOOL_COUNT_UNKNOWN,
    };
    options.parent_fd = spool_whereabouts_folder(spool, segment_id, &options.parked);
    return options;
}
