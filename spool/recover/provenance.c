/* SPDX-License-Identifier: MIT
 * provenance.c - which segments lie on this disk: that tells a copied or restored spool from the
 * one that went on. */
#include "spool/spool.h"

#include "spool/disk/dir.h"
#include "spool/format/loss_report.h"
#include "spool/home/internal.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"
#include "spool/recover/whereabouts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum err spool_segment_nonce(struct spool *spool, uint64_t segment_id, uint64_t *ret_nonce)
{
    char name[SPOOL_WHEREABOUTS_NAME_SIZE];
    struct spool_reader_options options =
        spool_whereabouts_reader_options(spool, segment_id, name); /* parked, it keeps its nonce */
    if (faccessat(options.parent_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_UNREADABLE;
    struct spool_segment_ends ends;
    enum err rc = spool_segment_ends_read(&options, &ends, NULL);
    if (rc != ERR_OK)
        return rc;
    *ret_nonce = ends.header_found ? ends.header.nonce : 0;
    spool_segment_ends_free(&ends);
    return ERR_OK;
}

/* Do a link or the cursors name the segment, although it is gone? */
static enum err has_vanished(struct spool *spool, uint64_t segment_id, bool *ret_vanished)
{
    mutex_lock(&spool->lock);
    bool looked = spool->vanished_found || !spool->cursors_found;
    struct spool_entry *entry = spool_catalog_find(&spool->catalog, segment_id);
    bool vanished = entry != NULL && entry->report != NULL && entry->report->vanished;
    for (size_t i = 0; spool->cursors_found && i < spool->parking.gone_count;
         i++) /* removed, as no event was left */
        vanished = vanished || (spool->parking.gone[i].first <= segment_id &&
                                segment_id <= spool->parking.gone[i].last);
    mutex_unlock(&spool->lock);
    for (size_t i = 0; i < SPOOL_NEWEST_SEGMENTS; i++)
        vanished = vanished || spool->at_open.newest_segments[i] == segment_id;
    *ret_vanished = vanished;
    return vanished || looked ? ERR_OK : ERR_UNAVAILABLE;
}

enum err spool_had_segment(struct spool *spool, uint64_t segment_id, uint64_t nonce, bool *ret_ours)
{
    uint64_t here = 0;
    enum err rc = spool_segment_nonce(spool, segment_id, &here);
    if (rc == ERR_NOT_FOUND)
        return has_vanished(spool, segment_id, ret_ours);
    if (rc == ERR_OK)
        *ret_ours = here == 0 || here == nonce;
    return rc;
}

enum err spool_oldest_segment(struct spool *spool, uint64_t *ret_segment_id)
{
    uint64_t *ids = NULL, oldest = UINT64_MAX;
    size_t count = 0;
    enum err rc = spool_dir_list_ids(spool->segments_fd, &ids, &count, NULL);
    for (size_t i = 0; i < count; i++)
        oldest = ids[i] < oldest ? ids[i] : oldest;
    free(ids);
    mutex_lock(&spool->lock);
    for (size_t i = 0; i < spool->catalog.count; i++)
        if (spool->catalog.entries[i].parked && spool->catalog.entries[i].id < oldest)
            oldest = spool->catalog.entries[i].id;
    mutex_unlock(&spool->lock);
    if (rc == ERR_OK)
        *ret_segment_id = oldest;
    return rc;
}
