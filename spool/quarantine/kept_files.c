/* SPDX-License-Identifier: MIT
 * kept_files.c - the files that are kept of damaged segments. */
#include "spool/quarantine/kept_files.h"

#include "base/buf.h"
#include "spool/disk/dir.h"
#include "spool/disk/durable_file.h"
#include "spool/read/segment_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { NAME_SIZE = 32, READ_SIZE = 256 << 10, REPORT_SIZE_MAX = 8 << 20 };

#define KEPT    "\"evidence\":\"kept\""
#define REMOVED "\"evidence\":\"removed\""

/* ---- listing --------------------------------------------------------------------------------- */

static bool checksum(int fd, XXH3_state_t *state, uint64_t *ret_sum)
{
    uint8_t *data = malloc(READ_SIZE);
    ssize_t size = data == NULL ? -1 : 1;
    XXH3_64bits_reset(state);
    while (size > 0) {
        size = read(fd, data, READ_SIZE);
        if (size < 0 && errno == EINTR)
            size = 1;
        else if (size > 0)
            XXH3_64bits_update(state, data, (size_t)size);
    }
    free(data);
    *ret_sum = XXH3_64bits_digest(state);
    return size == 0;
}

static enum err list_file(int dir_fd, const char *name, bool checksums,
                          struct spool_loss_file *file)
{
    struct stat status;
    *file = (struct spool_loss_file){.name = strdup(name)};
    if (file->name == NULL)
        return ERR_NOMEM;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &status) == 0)
        file->bytes = (uint64_t)status.st_size;
    XXH3_state_t *state = fd >= 0 && checksums ? XXH3_createState() : NULL;
    if (state != NULL)
        file->has_xxh3 = checksum(fd, state, &file->xxh3);
    XXH3_freeState(state);
    if (fd >= 0)
        close(fd);
    return ERR_OK;
}

enum err spool_kept_files_list(int dir_fd, bool checksums, struct spool_loss_report *report,
                               struct errmsg *msg)
{
    struct spool_segment_files files = {0};
    enum err rc = spool_segment_files_list(dir_fd, &files, msg);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < report->file_count; i++) /* left by an earlier try */
        free(report->files[i].name);
    free(report->files);
    report->file_count = 0;
    report->files = calloc(files.count + 1, sizeof *report->files);
    if (report->files == NULL)
        rc = errmsg_set(msg, ERR_NOMEM, "out of memory");
    for (size_t i = 0; rc == ERR_OK && i < files.count; i++)
        if (strcmp(files.names[i], SPOOL_LOSS_REPORT_NAME) != 0)
            rc = list_file(dir_fd, files.names[i], checksums, &report->files[report->file_count++]);
    spool_segment_files_free(&files);
    return rc;
}

/* ---- the whole quarantine -------------------------------------------------------------------- */

static bool stat_report(int quarantine_fd, uint64_t segment_id, struct stat *ret_status)
{
    char path[NAME_SIZE + sizeof SPOOL_LOSS_REPORT_NAME];
    snprintf(path, sizeof path, "%" PRIu64 "/" SPOOL_LOSS_REPORT_NAME, segment_id);
    return fstatat(quarantine_fd, path, ret_status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool spool_kept_files_has_report(int quarantine_fd, uint64_t segment_id)
{
    struct stat status;
    return stat_report(quarantine_fd, segment_id, &status);
}

/* Bytes of a segment's files on disk; 0 when only the report is there. */
static uint64_t kept_bytes(int quarantine_fd, uint64_t segment_id)
{
    char name[NAME_SIZE];
    int dir_fd = -1;
    uint64_t bytes = 0;
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    struct spool_segment_files files = {0};
    if (spool_dir_open(quarantine_fd, name, false, &dir_fd, NULL) != ERR_OK)
        return 0;
    if (spool_segment_files_list(dir_fd, &files, NULL) == ERR_OK)
        for (size_t i = 0; i < files.count; i++) {
            struct stat status;
            if (strcmp(files.names[i], SPOOL_LOSS_REPORT_NAME) != 0 &&
                fstatat(dir_fd, files.names[i], &status, AT_SYMLINK_NOFOLLOW) == 0)
                bytes += (uint64_t)status.st_blocks * 512 + 1; /* an empty file is evidence, too */
        }
    spool_segment_files_free(&files);
    close(dir_fd);
    return bytes;
}

enum err spool_kept_files_measure(int quarantine_fd, struct spool_kept_files_sums *ret_sums)
{
    struct spool_kept_files_sums sums = {0};
    uint64_t *ids = NULL;
    size_t count = 0;
    enum err rc = spool_dir_list_ids(quarantine_fd, &ids, &count, NULL);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        uint64_t bytes = kept_bytes(quarantine_fd, ids[i]);
        sums.report_count++;
        sums.kept_bytes += bytes;
        if (bytes == 0 || !stat_report(quarantine_fd, ids[i], &status))
            continue; /* a segment without its report is kept */
        int64_t put_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
        if (sums.oldest_id == 0 || put_ms < sums.oldest_ms) {
            sums.oldest_id = ids[i];
            sums.oldest_ms = put_ms;
        }
    }
    free(ids);
    *ret_sums = sums;
    return ERR_OK;
}

/* ---- removing -------------------------------------------------------------------------------- */

/* Changes the report to "removed" before the files go: files that are still there although the
 * report says otherwise do no harm. */
static enum err say_removed(int dir_fd, struct errmsg *msg)
{
    struct buf text = {0}, changed = {0};
    enum err rc =
        spool_durable_file_read(dir_fd, SPOOL_LOSS_REPORT_NAME, REPORT_SIZE_MAX, &text, msg);
    const char *at = rc == ERR_OK ? strstr(buf_string(&text), KEPT) : NULL;
    if (at != NULL) {
        size_t before = (size_t)(at - (const char *)text.data), behind = before + sizeof KEPT - 1;
        buf_append(&changed, text.data, before);
        buf_append_string(&changed, REMOVED);
        buf_append(&changed, text.data + behind, text.size - behind);
        rc = changed.failed ? errmsg_set(msg, ERR_NOMEM, "out of memory")
                            : spool_durable_file_replace(dir_fd, SPOOL_LOSS_REPORT_NAME,
                                                         buf_bytes(&changed), msg);
    }
    buf_free(&text);
    buf_free(&changed);
    return rc == ERR_FULL ? ERR_OK : rc; /* on a full disk the files must go all the same */
}

enum err spool_kept_files_remove(int quarantine_fd, uint64_t segment_id, struct errmsg *msg)
{
    char name[NAME_SIZE];
    int dir_fd = -1;
    struct spool_segment_files files = {0};
    snprintf(name, sizeof name, "%" PRIu64, segment_id);
    enum err rc = spool_dir_open(quarantine_fd, name, false, &dir_fd, msg);
    if (rc != ERR_OK)
        return rc;
    rc = say_removed(dir_fd, msg);
    if (rc == ERR_OK)
        rc = spool_segment_files_list(dir_fd, &files, msg);
    for (size_t i = 0; i < files.count; i++) {
        char *slash = strchr(files.names[i], '/');
        if (slash != NULL)
            *slash = '\0'; /* remove a directory as a whole */
        if (strcmp(files.names[i], SPOOL_LOSS_REPORT_NAME) != 0 &&
            spool_dir_remove_tree(dir_fd, files.names[i]) != ERR_OK)
            rc = errmsg_set(msg, ERR_IO, "remove '%s/%s'", name, files.names[i]);
    }
    spool_segment_files_free(&files);
    close(dir_fd);
    return rc;
}
