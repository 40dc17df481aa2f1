/* SPDX-License-Identifier: MIT
 * inspect.c - a spool's folders, segments and events, read only. */
#include "spool/spool_inspect.h"

#include "spool/disk/dir.h"
#include "spool/place/cursors_file.h"
#include "spool/place/identity_file.h"
#include "spool/quarantine/kept_files.h"
#include "spool/read/reader.h"
#include "spool/read/segment_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 32 };

static const char quarantine[] = "quarantine", whole[] = "segments", parked[] = "parked";
static const char *const folders[] = {whole, parked, "dead-letter", quarantine};
enum { FOLDER_COUNT = sizeof folders / sizeof folders[0] };

static struct spool_reader_options options_of(const struct spool_inspect *inspect, uint64_t id,
                                              int folder_fd, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%" PRIu64, id);
    return (struct spool_reader_options){.parent_fd = folder_fd,
                                         .name = name,
                                         .segment_id = id,
                                         .seed = inspect->identity.seed,
                                         .count_limit = SPOOL_COUNT_UNKNOWN};
}

/* Does the segment lie in segments/? Then its events there include the parked ones. */
static bool is_whole(const struct spool_inspect *inspect, uint64_t id)
{
    for (size_t i = 0; i < inspect->segment_count; i++)
        if (inspect->segments[i].id == id && inspect->segments[i].folder == whole)
            return true;
    return false;
}

static enum err add_folder(struct spool_inspect *inspect, const char *folder, bool *ret_there,
                           struct errmsg *msg)
{
    int fd = -1;
    uint64_t *ids = NULL;
    size_t count = 0;
    enum err rc = spool_dir_open(inspect->root_fd, folder, false, &fd, msg);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc == ERR_OK)
        rc = spool_dir_list_ids(fd, &ids, &count, msg);
    if (rc == ERR_OK) {
        size_t total = inspect->segment_count + count;
        struct spool_inspect_segment *segments =
            realloc(inspect->segments, (total + 1) * sizeof *segments);
        if (segments == NULL)
            rc = errmsg_set(msg, ERR_NOMEM, "out of memory");
        else
            inspect->segments = segments;
    }
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        char name[NAME_SIZE];
        if (folder == parked && is_whole(inspect, ids[i]))
            continue;
        snprintf(name, sizeof name, "%" PRIu64, ids[i]);
        struct spool_inspect_segment segment = {.folder = folder, .id = ids[i]};
        (void)spool_dir_tree_bytes(fd, name, &segment.bytes);
        inspect->bytes += segment.bytes;
        inspect->segments[inspect->segment_count++] = segment;
    }
    *ret_there = true;
    free(ids);
    if (fd >= 0)
        close(fd);
    return rc;
}

enum err spool_inspect_open(const char *path, struct spool_inspect *ret_inspect, struct errmsg *msg)
{
    struct spool_inspect inspect = {.root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    struct errmsg ignored;
    if (inspect.root_fd < 0)
        return errmsg_set(msg, spool_err_of_errno(errno), "'%s': %s", path, strerror(errno));
    inspect.has_identity =
        spool_identity_read(inspect.root_fd, &inspect.identity, &ignored) == ERR_OK;
    bool there = inspect.has_identity;
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < FOLDER_COUNT; i++)
        rc = add_folder(&inspect, folders[i], &there, msg);
    if (rc == ERR_OK && !there)
        rc = errmsg_set(msg, ERR_NOT_FOUND,
                        "'%s' is no spool: no file PENSTOCK and no folder of segments", path);
    if (rc == ERR_OK && inspect.has_identity)
        rc = spool_cursors_peek(inspect.root_fd, inspect.identity.uuid, inspect.identity.seed,
                                &inspect.cursors, &inspect.has_cursors, msg);
    if (rc != ERR_OK) {
        spool_inspect_close(&inspect);
        return rc;
    }
    *ret_inspect = inspect;
    return ERR_OK;
}

void spool_inspect_close(struct spool_inspect *inspect)
{
    if (inspect->root_fd >= 0)
        close(inspect->root_fd);
    spool_cursor_state_free(&inspect->cursors);
    free(inspect->segments);
    *inspect = (struct spool_inspect){.root_fd = -1};
}

/* The number of events that count, by the link of the next segment that has links. */
static uint32_t count_limit(const struct spool_inspect *inspect,
                            const struct spool_inspect_segment *segment, int folder_fd)
{
    uint32_t limit = SPOOL_COUNT_UNKNOWN;
    if (strcmp(segment->folder, whole) != 0)
        return limit;
    for (size_t i = 0; i < inspect->segment_count; i++) {
        const struct spool_inspect_segment *next = &inspect->segments[i];
        if (next->folder != whole || next->id <= segment->id)
            continue;
        char name[NAME_SIZE];
        struct spool_reader_options options = options_of(inspect, next->id, folder_fd, name);
        struct spool_segment_ends ends = {0};
        if (spool_segment_ends_read(&options, &ends, NULL) != ERR_OK)
            break;
        size_t link_count = ends.link_count;
        for (size_t link = 0; link < link_count; link++)
            if (ends.links[link].segment_id == segment->id)
                limit = ends.links[link].event_count;
        spool_segment_ends_free(&ends);
        if (link_count > 0)
            break;
    }
    return limit;
}

static enum err copy_findings(const struct spool_findings *findings, struct spool_findings *ret)
{
    struct spool_findings copy = *findings;
    copy.lost = copy.uncertain = (struct spool_ranges){0};
    enum err rc = spool_ranges_from(&findings->lost, 0, &copy.lost);
    if (rc == ERR_OK)
        rc = spool_ranges_from(&findings->uncertain, 0, &copy.uncertain);
    if (rc != ERR_OK) {
        spool_inspect_findings_free(&copy);
        return rc;
    }
    *ret = copy;
    return ERR_OK;
}

void spool_inspect_findings_free(struct spool_findings *findings)
{
    spool_ranges_free(&findings->lost);
    spool_ranges_free(&findings->uncertain);
}

static enum err read_segment(struct spool_reader *reader, spool_inspect_fn *fn, void *arg,
                             struct errmsg *msg)
{
    struct spool_chunk *chunk;
    enum err rc;
    while ((rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        bool go_on = fn == NULL || fn(arg, chunk);
        spool_chunk_unref(chunk);
        if (!go_on)
            return ERR_CLOSED;
    }
    return rc == ERR_END ? ERR_OK : rc;
}

static enum err read_in_folder(const struct spool_inspect *inspect,
                               const struct spool_inspect_segment *segment, spool_inspect_fn *fn,
                               void *arg, struct spool_findings *ret_findings, struct errmsg *msg)
{
    int folder_fd = -1;
    char name[NAME_SIZE];
    struct spool_reader *reader = NULL;
    enum err rc = spool_dir_open(inspect->root_fd, segment->folder, false, &folder_fd, msg);
    if (rc != ERR_OK)
        return rc == ERR_NOT_FOUND ? ERR_END : rc;
    struct spool_reader_options options = options_of(inspect, segment->id, folder_fd, name);
    options.count_limit = count_limit(inspect, segment, folder_fd);
    options.parked = strcmp(segment->folder, parked) == 0;
    rc = spool_reader_open(&options, &reader, msg);
    if (rc == ERR_OK)
        rc = read_segment(reader, fn, arg, msg);
    if (rc == ERR_OK)
        rc = copy_findings(spool_reader_findings(reader), ret_findings);
    spool_reader_close(reader);
    bool gone = rc == ERR_OK && faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
                errno == ENOENT;
    if (gone)
        spool_inspect_findings_free(ret_findings);
    close(folder_fd);
    return gone ? ERR_END : rc;
}

/* A segment that has left segments/ since it was listed may be parked. If it left in the middle of
 * the reading, its events may have been handed out already, so it isn't read again in parked/. */
enum err spool_inspect_read(const struct spool_inspect *inspect,
                            const struct spool_inspect_segment *segment, spool_inspect_fn *fn,
                            void *arg, struct spool_findings *ret_findings, struct errmsg *msg)
{
    char path[NAME_SIZE + sizeof whole];
    snprintf(path, sizeof path, "%s/%" PRIu64, whole, segment->id);
    struct spool_inspect_segment left = *segment;
    if (strcmp(segment->folder, whole) == 0 &&
        faccessat(inspect->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        left.folder = parked;
    return read_in_folder(inspect, &left, fn, arg, ret_findings, msg);
}

bool spool_inspect_is_reported(const struct spool_inspect *inspect,
                               const struct spool_inspect_segment *segment)
{
    int fd = -1;
    if (strcmp(segment->folder, quarantine) != 0 ||
        spool_dir_open(inspect->root_fd, quarantine, false, &fd, NULL) != ERR_OK)
        return false;
    bool reported = spool_kept_files_has_report(fd, segment->id);
    close(fd);
    return reported;
}
