/* SPDX-License-Identifier: MIT
 * vanished.c - vanished segments: links or cursors name them, they are not done, and no longer
 * there. */
#include "spool/spool_inspect.h"

#include "spool/disk/dir.h"
#include "spool/place/cursors_file.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct search {
    const struct spool_inspect *inspect;
    struct spool_cursor_state now; /* read after the segments were listed, so segments retired since
                                    * then are done in it */
    struct spool_inspect_vanished *found;
    size_t count, capacity;
};

static bool exists(const struct spool_inspect *inspect, const char *folder, uint64_t segment_id,
                   const char *suffix)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%" PRIu64 "%s", folder, segment_id, suffix);
    return faccessat(inspect->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Is the segment there? Looks also for those made, parked or quarantined after the segments were
 * listed. */
static bool is_there(const struct spool_inspect *inspect, uint64_t segment_id)
{
    for (size_t i = 0; i < inspect->segment_count; i++)
        if (inspect->segments[i].id == segment_id)
            return true;
    return exists(inspect, "segments", segment_id, "") ||
           exists(inspect, "segments", segment_id, ".new") ||
           exists(inspect, "parked", segment_id, "") ||
           exists(inspect, "quarantine", segment_id, "");
}

static bool is_known(const struct search *search, uint64_t segment_id)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->found[i].id == segment_id)
            return true;
    return false;
}

static enum err expect(struct search *search, struct spool_link link)
{
    uint32_t below = spool_cursor_state_done_below(&search->now, link.segment_id);
    const struct spool_parked_item *item = spool_cursor_state_parked(&search->now, link.segment_id);
    if (item != NULL && item->event_count == 0)
        return ERR_OK; /* removed, as no event was left */
    bool known = link.event_count != SPOOL_COUNT_UNKNOWN && item == NULL;
    if (link.segment_id == 0 || below == SPOOL_INDEX_MAX || (known && link.event_count <= below) ||
        is_known(search, link.segment_id) || is_there(search->inspect, link.segment_id))
        return ERR_OK;
    if (search->count == search->capacity) {
        size_t capacity = search->capacity * 2 + 8;
        struct spool_inspect_vanished *found = realloc(search->found, capacity * sizeof *found);
        if (found == NULL)
            return ERR_NOMEM;
        search->found = found;
        search->capacity = capacity;
    }
    search->found[search->count++] = (struct spool_inspect_vanished){
        .id = link.segment_id,
        .count_known = known,
        .first = below,
        .lost = item != NULL ? (item->event_count == SPOOL_PARKED_UNKNOWN ? 0 : item->event_count)
                : known      ? link.event_count - below
                             : 0,
        .parked = item != NULL,
    };
    return ERR_OK;
}

/* Expects the segments that one links to. Ends that can't be read are passed over: reading the
 * segment itself reports that. */
static enum err expect_linked_by(struct search *search, int folder_fd, uint64_t segment_id)
{
    char name[32];
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    struct spool_reader_options options = {.parent_fd = folder_fd,
                                           .name = name,
                                           .segment_id = segment_id,
                                           .seed = search->inspect->identity.seed,
                                           .count_limit = SPOOL_COUNT_UNKNOWN};
    struct spool_segment_ends ends = {0};
    if (spool_segment_ends_read(&options, &ends, NULL) != ERR_OK)
        return ERR_OK;
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < ends.link_count; i++)
        rc = expect(search, ends.links[i]);
    spool_segment_ends_free(&ends);
    return rc;
}

static enum err expect_linked_in(struct search *search, const char *folder, struct errmsg *msg)
{
    const struct spool_inspect *inspect = search->inspect;
    int fd = -1;
    enum err rc = spool_dir_open(inspect->root_fd, folder, false, &fd, msg);
    if (rc != ERR_OK)
        return rc == ERR_NOT_FOUND ? ERR_OK : rc;
    for (size_t i = 0; rc == ERR_OK && i < inspect->segment_count; i++)
        if (strcmp(inspect->segments[i].folder, folder) == 0)
            rc = expect_linked_by(search, fd, inspect->segments[i].id);
    close(fd);
    return rc;
}

static enum err expect_all(struct search *search, struct errmsg *msg)
{
    enum err rc = expect_linked_in(search, "segments", msg);
    if (rc == ERR_OK)
        rc = expect_linked_in(search, "parked", msg);
    for (size_t i = 0; rc == ERR_OK && i < search->now.parked_count; i++)
        rc = expect(search, (struct spool_link){search->now.parked[i].first, SPOOL_COUNT_UNKNOWN});
    for (size_t i = 0; rc == ERR_OK && i < SPOOL_NEWEST_SEGMENTS;
         i++) /* after the links, which also tell the number of events */
        rc = expect(search,
                    (struct spool_link){search->now.newest_segments[i], SPOOL_COUNT_UNKNOWN});
    return rc;
}

/* Drops segments that, by later cursors, are done: they were made, done and removed during the
 * search. */
static void drop_done(struct search *search)
{
    size_t kept = 0;
    for (size_t i = 0; i < search->count; i++)
        if (spool_cursor_state_done_below(&search->now, search->found[i].id) != SPOOL_INDEX_MAX)
            search->found[kept++] = search->found[i];
    search->count = kept;
}

static enum err peek(struct search *search, bool *ret_found, struct errmsg *msg)
{
    const struct spool_inspect *inspect = search->inspect;
    spool_cursor_state_free(&search->now);
    search->now = (struct spool_cursor_state){0};
    *ret_found = false;
    return inspect->has_identity
               ? spool_cursors_peek(inspect->root_fd, inspect->identity.uuid,
                                    inspect->identity.seed, &search->now, ret_found, msg)
               : ERR_OK;
}

enum err spool_inspect_vanished(const struct spool_inspect *inspect,
                                struct spool_inspect_vanished **ret_vanished, size_t *ret_count,
                                struct errmsg *msg)
{
    struct search search = {.inspect = inspect};
    bool found = false;
    enum err rc = peek(&search, &found, msg);
    if (rc == ERR_OK && found) /* without cursors it isn't known which segments were done and
                                * rightly removed */
        rc = expect_all(&search, msg);
    if (rc == ERR_OK && search.count > 0)
        rc = peek(&search, &found, msg);
    drop_done(&search);
    spool_cursor_state_free(&search.now);
    if (rc != ERR_OK) {
        free(search.found);
        return rc;
    }
    *ret_vanished = search.found;
    *ret_count = search.count;
    return ERR_OK;
}
