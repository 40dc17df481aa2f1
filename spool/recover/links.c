/* SPDX-License-Identifier: MIT
 * links.c - links of old segments. */
#include "spool/recover/links.h"

#include "spool/home/internal.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"
#include "spool/recover/whereabouts.h"

/* The old segment after segment_id; 0 when there is none. */
static uint64_t next_old_segment(struct spool *spool, uint64_t segment_id)
{
    mutex_lock(&spool->lock);
    struct spool_entry *entry = spool_catalog_above(&spool->catalog, segment_id);
    while (entry != NULL && entry->emptied) /* segments that an emptied one links to aren't read any
                                             * more */
        entry = spool_catalog_above(&spool->catalog, entry->id);
    uint64_t id = entry != NULL && entry->state == SPOOL_ENTRY_OLD ? entry->id : 0;
    mutex_unlock(&spool->lock);
    return id;
}

/* Reads both ends of a segment, which may get parked meanwhile. */
static enum err read_ends(struct spool *spool, uint64_t segment_id,
                          struct spool_segment_ends *ret_ends, struct errmsg *msg)
{
    char name[SPOOL_WHEREABOUTS_NAME_SIZE];
    struct spool_reader_options options = spool_whereabouts_reader_options(spool, segment_id, name);
    enum err rc = spool_segment_ends_read(&options, ret_ends, msg);
    bool parked;
    (void)spool_whereabouts_folder(spool, segment_id, &parked);
    if (rc != ERR_OK || parked == options.parked)
        return rc;
    spool_segment_ends_free(ret_ends);
    options = spool_whereabouts_reader_options(spool, segment_id, name);
    return spool_segment_ends_read(&options, ret_ends, msg);
}

enum err spool_links_count_limit(struct spool *spool, uint64_t segment_id, uint32_t *ret_limit,
                                 struct errmsg *msg)
{
    uint64_t next = segment_id;
    bool parked;
    *ret_limit = SPOOL_COUNT_UNKNOWN;
    (void)spool_whereabouts_folder(spool, segment_id, &parked);
    if (parked) /* only events below the limit were parked */
        return ERR_OK;
    while ((next = next_old_segment(spool, next)) != 0) {
        struct spool_segment_ends ends = {0};
        enum err rc = read_ends(spool, next, &ends, msg);
        if (rc != ERR_OK)
            return rc; /* without the limit, events that were moved on would come a second time */
        size_t link_count = ends.link_count;
        for (size_t i = 0; i < link_count; i++)
            if (ends.links[i].segment_id == segment_id)
                *ret_limit = ends.links[i].event_count;
        spool_segment_ends_free(&ends);
        if (link_count > 0)
            break;
    }
    return ERR_OK;
}
