/* SPDX-License-Identifier: MIT
 * segment.c - making a segment, writing to it, ending it. */
#include "spool/write/segment.h"

#include "base/clock.h"
#include "base/random.h"
#include "spool/disk/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME_SIZE = 32,
    RESERVE_BYTES = 256 << 10, /* at a time; not more, as both ends of a segment must still be found
                                * quickly, see spool/read/segment_ends.c */
    RESERVE_FOR_BYTES_MAX = 16 << 10, /* for larger writes, writing the bytes twice costs more than
                                       * the journal */
};

static enum err write_header(const struct spool_segment_place *place, struct spool_segment *segment,
                             struct errmsg *msg)
{
    struct spool_segment_header header = {
        .version = SPOOL_FORMAT_VERSION, .nonce = segment->nonce, .seed = place->seed};
    memcpy(header.spool_uuid, place->spool_uuid, sizeof header.spool_uuid);
    struct buf body = {0};
    uint8_t frame[SPOOL_FRAME_SIZE_MIN + 64];
    if (!spool_header_put(&body, &header)) {
        buf_free(&body);
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    }
    size_t size = (size_t)(spool_frame_put_other(frame, SPOOL_FRAME_HEADER, clock_wall_ms(),
                                                 buf_bytes(&body)) -
                           frame);
    buf_free(&body);
    spool_frame_stamp(frame, spool_id_of(segment->id, 0), 0, place->seed);
    struct spool_store_entry entry = {.key = "h", .value = bytes_of(frame, size)};
    return spool_store_write(segment->store, &entry, 1, msg);
}

/* Finds the only .log file of a fresh database. */
static enum err open_log(int dir_fd, int *ret_fd, struct errmsg *msg)
{
    int list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    if (dir == NULL) {
        if (list_fd >= 0)
            close(list_fd);
        return errmsg_set(msg, spool_err_of_errno(errno), "list the new segment: %s",
                          strerror(errno));
    }
    int fd = -1;
    for (struct dirent *entry; fd < 0 && (entry = readdir(dir)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size > 4 && strcmp(entry->d_name + size - 4, ".log") == 0)
            fd = openat(dir_fd, entry->d_name, O_WRONLY | O_CLOEXEC);
    }
    closedir(dir);
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "the new segment has no log that can be opened");
    *ret_fd = fd;
    return ERR_OK;
}

static enum err log_size(const struct spool_segment *segment, uint64_t *ret_bytes,
                         struct errmsg *msg)
{
    struct stat status;
    if (fstat(segment->log_fd, &status) != 0)
        return errmsg_set(msg, ERR_IO, "fstat the segment's log: %s", strerror(errno));
    *ret_bytes = (uint64_t)status.st_size;
    return ERR_OK;
}

/* Makes the entries of the complete directory durable, then its name. */
static enum err publish(const struct spool_segment_place *place, struct spool_segment *segment,
                        const char *new_name, struct errmsg *msg)
{
    int dir_fd = -1;
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%" PRIu64, segment->id);
    enum err rc = spool_dir_open(place->segments_fd, new_name, false, &dir_fd, msg);
    if (rc == ERR_NOT_FOUND)
        return errmsg_set(msg, ERR_IO, "the path leads to another directory than the spool's own");
    if (rc != ERR_OK)
        return rc;
    rc = spool_dir_sync(dir_fd, msg);
    if (rc == ERR_OK)
        rc = open_log(dir_fd, &segment->log_fd, msg);
    close(dir_fd);
    if (rc == ERR_OK)
        rc = spool_dir_move(place->segments_fd, new_name, place->segments_fd, name, msg);
    return rc == ERR_OK ? log_size(segment, &segment->log_bytes, msg) : rc;
}

/* LevelDB opens by path. The path through the descriptor in /proc always leads to the spool's own
 * directory, also when another one was mounted over it or put in its place. Without /proc the plain
 * path is checked right before use. */
static enum err path_for_store(const struct spool_segment_place *place, const char *name, char *out,
                               size_t size, struct errmsg *msg)
{
    struct stat own, at_path;
    int n = snprintf(out, size, "/proc/self/fd/%d", place->segments_fd);
    if (fstat(place->segments_fd, &own) != 0)
        return errmsg_set(msg, ERR_IO, "fstat the segments' directory: %s", strerror(errno));
    if (stat(out, &at_path) != 0) {
        n = snprintf(out, size, "%s", place->segments_path);
        if (stat(out, &at_path) != 0)
            return errmsg_set(msg, ERR_IO, "%s", strerror(errno));
    }
    if (at_path.st_dev != own.st_dev || at_path.st_ino != own.st_ino)
        return errmsg_set(msg, ERR_IO, "the path leads to another directory than the spool's own");
    if (n < 0 || snprintf(out + n, size - (size_t)n, "/%s", name) >= (int)(size - (size_t)n))
        return errmsg_set(msg, ERR_IO, "%s", strerror(ENAMETOOLONG));
    return ERR_OK;
}

/* LevelDB would make the directory, too, but without telling why it can't. */
static enum err make_directory(const struct spool_segment_place *place, const char *name,
                               struct errmsg *msg)
{
    if (mkdirat(place->segments_fd, name, 0700) != 0 && errno != EEXIST)
        return errmsg_set(msg, ERR_IO, "make the directory: %s", strerror(errno));
    return ERR_OK;
}

enum err spool_segment_make(const struct spool_segment_place *place, uint64_t id,
                            struct spool_segment **ret_segment, struct errmsg *msg)
{
    struct spool_segment *segment = calloc(1, sizeof *segment);
    if (segment == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    segment->id = id;
    segment->nonce = place->nonce != 0 ? place->nonce : random_u64();
    segment->log_fd = -1;
    char path[4096], new_name[NAME_SIZE];
    snprintf(new_name, sizeof new_name, "%" PRIu64 ".new", id);
    enum err rc = path_for_store(place, new_name, path, sizeof path, msg);
    if (rc == ERR_OK)
        rc = make_directory(place, new_name, msg);
    if (rc == ERR_OK)
        rc = spool_store_create(path, place->bytes_max, &segment->store, msg);
    if (rc == ERR_OK)
        rc = write_header(place, segment, msg);
    if (rc == ERR_OK)
        rc = publish(place, segment, new_name, msg);
    if (rc != ERR_OK) {
        errmsg_wrap(msg, "make segment '%s/%s'", place->segments_path, new_name);
        spool_segment_free(segment);
        /* an empty segment does no harm if it stays */
        (void)spool_dir_remove_tree(place->segments_fd, new_name);
        return rc;
    }
    *ret_segment = segment;
    return ERR_OK;
}

enum err spool_segment_count_topic(struct spool_segment *segment, uint32_t topic_index,
                                   uint32_t event_count, uint64_t bytes)
{
    if (topic_index >= segment->topic_capacity) {
        size_t capacity = segment->topic_capacity == 0 ? 64 : segment->topic_capacity;
        while (capacity <= topic_index)
            capacity *= 2;
        uint32_t *counts = realloc(segment->topic_counts, capacity * sizeof *counts);
        if (counts == NULL)
            return ERR_NOMEM;
        memset(counts + segment->topic_capacity, 0,
               (capacity - segment->topic_capacity) * sizeof *counts);
        segment->topic_counts = counts;
        uint64_t *sizes = realloc(segment->topic_bytes, capacity * sizeof *sizes);
        if (sizes == NULL)
            return ERR_NOMEM;
        memset(sizes + segment->topic_capacity, 0,
               (capacity - segment->topic_capacity) * sizeof *sizes);
        segment->topic_bytes = sizes;
        segment->topic_capacity = capacity;
    }
    segment->topic_counts[topic_index] += event_count;
    segment->topic_bytes[topic_index] += bytes;
    return ERR_OK;
}

/* The log is filled with zeros ahead of its writes. A sync of a file that grows, or whose blocks
 * were only reserved by fallocate(), costs a commit of the file system's journal each time;
 * overwriting zeros costs the write alone (docs/benchmarks.md). Readers know that unused zeros may
 * stand at the end. */
static void reserve(struct spool_segment *segment, uint64_t log_bytes_next)
{
    static uint8_t zeros[RESERVE_BYTES];
    if (log_bytes_next <= segment->reserved_bytes ||
        log_bytes_next - segment->log_bytes > RESERVE_FOR_BYTES_MAX)
        return;
    uint64_t from =
        segment->reserved_bytes > segment->log_bytes ? segment->reserved_bytes : segment->log_bytes;
    ssize_t size = pwrite(segment->log_fd, zeros, sizeof zeros, (off_t)from);
    if (size > 0) /* on an error the log grows as it is written */
        segment->reserved_bytes = from + (uint64_t)size;
}

/* Is the log as long as the bytes that were written? LevelDB reports success, but this checks it.
 * Within reserved room the file isn't looked at: reading its times makes Linux (6.13 and later)
 * store the exact time of the next write, and the sync must then write that too. */
static enum err check_size(struct spool_segment *segment, uint64_t log_bytes, struct errmsg *msg)
{
    uint64_t file_bytes = log_bytes;
    enum err rc =
        log_bytes <= segment->reserved_bytes ? ERR_OK : log_size(segment, &file_bytes, msg);
    if (rc == ERR_OK && file_bytes != log_bytes)
        rc = errmsg_set(msg, ERR_IO, "the segment's log has %" PRIu64 " bytes, not %" PRIu64,
                        file_bytes, log_bytes);
    if (rc == ERR_OK)
        segment->log_bytes = log_bytes;
    return rc;
}

enum err spool_segment_write(struct spool_segment *segment, const struct spool_store_entry *entries,
                             size_t entry_count, uint32_t event_count, struct errmsg *msg)
{
    uint64_t log_bytes = spool_store_log_size(segment->log_bytes, entries, entry_count);
    reserve(segment, log_bytes);
    enum err rc = spool_store_write(segment->store, entries, entry_count, msg);
    if (rc == ERR_OK)
        rc = check_size(segment, log_bytes, msg);
    segment->failed = rc != ERR_OK;
    if (rc == ERR_OK)
        segment->event_count += event_count;
    return rc;
}

void spool_segment_free(struct spool_segment *segment)
{
    if (segment == NULL)
        return;
    spool_store_close(segment->store);
    if (segment->reserved_bytes > segment->log_bytes && !segment->failed &&
        ftruncate(segment->log_fd, (off_t)segment->log_bytes) != 0)
        segment->reserved_bytes = 0; /* the zeros stay */
    if (segment->log_fd >= 0)
        close(segment->log_fd);
    free(segment->topic_counts);
    free(segment->topic_bytes);
    free(segment);
}
