/* SPDX-License-Identifier: MIT
 * read.c - dead letters, read back. */
#include "spool/spool_letters.h"

#include "spool/disk/dir.h"
#include "spool/format/id_set.h"
#include "spool/place/identity_file.h"
#include "spool/read/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
    spool_letters_fn *fn;
    void *arg;
    struct spool_id_set seen; /* after a crash a letter may lie there twice */
    uint64_t reason_id;       /* event of the reason read last */
    struct spool_letter_reason reason;
};

/* ---- reasons --------------------------------------------------------------------------------- */

/* Takes the text of "name":"…", with no escapes but \" and \\: this program wrote it, and the
 * frame's checksum covers it. */
static void take_text(const char *json, const char *name, char *out, size_t size)
{
    char pattern[32];
    snprintf(pattern, sizeof pattern, "\"%s\":\"", name);
    const char *p = strstr(json, pattern);
    size_t used = 0;
    for (p = p == NULL ? "\"" : p + strlen(pattern); *p != '\0' && *p != '"' && used + 1 < size;
         p++) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        out[used++] = *p;
    }
    out[used] = '\0';
}

static void take_reason(struct reading *reading, const struct spool_event *event)
{
    char json[SPOOL_LETTERS_ERROR_SIZE + 2 * SPOOL_LETTERS_TEXT_SIZE + 128], id[24];
    snprintf(json, sizeof json, "%.*s", (int)event->value.size, (const char *)event->value.data);
    snprintf(id, sizeof id, "%.*s", (int)(event->key.size < 20 ? event->key.size : 20),
             (const char *)event->key.data);
    reading->reason_id = strtoull(id, NULL, 10);
    reading->reason.time_ms = event->time_ms;
    take_text(json, "error", reading->reason.error, sizeof reading->reason.error);
    take_text(json, "text", reading->reason.text, sizeof reading->reason.text);
}

/* ---- letters --------------------------------------------------------------------------------- */

static enum err take_event(struct reading *reading, const struct spool_event *event)
{
    if (event->origin_id == 0) {
        take_reason(reading, event);
        return ERR_OK;
    }
    enum err rc = spool_id_set_reserve(&reading->seen);
    if (rc != ERR_OK || !spool_id_set_add(&reading->seen, event->origin_id))
        return rc;
    struct spool_letter letter = {
        .id = event->origin_id, .event = *event, .frame = spool_frame_original(event->frame)};
    if (reading->reason_id == letter.id)
        letter.reason = reading->reason;
    return reading->fn(reading->arg, &letter) ? ERR_OK : ERR_CLOSED;
}

static enum err read_segment(struct reading *reading, int folder_fd, uint64_t id, uint64_t seed,
                             struct errmsg *msg)
{
    char name[32];
    snprintf(name, sizeof name, "%" PRIu64, id);
    const struct spool_reader_options options = {
        .parent_fd = folder_fd,
        .name = name,
        .segment_id = id,
        .seed = seed,
        .count_limit = SPOOL_COUNT_UNKNOWN,
    };
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    enum err rc = spool_reader_open(&options, &reader, msg);
    while (rc == ERR_OK &&
           (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        struct spool_event event;
        for (size_t at = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event);)
            rc = take_event(reading, &event);
        spool_chunk_unref(chunk);
    }
    spool_reader_close(reader);
    return rc == ERR_END ? ERR_OK : rc;
}

enum err spool_letters_read(int folder_fd, uint64_t seed, spool_letters_fn *fn, void *arg,
                            struct errmsg *msg)
{
    struct reading reading = {.fn = fn, .arg = arg};
    uint64_t *ids = NULL;
    size_t count = 0;
    enum err rc = spool_dir_list_ids(folder_fd, &ids, &count, msg);
    for (size_t i = 0; rc == ERR_OK && i < count; i++)
        rc = read_segment(&reading, folder_fd, ids[i], seed, msg);
    free(ids);
    spool_id_set_free(&reading.seen);
    return rc;
}

enum err spool_letters_read_path(const char *path, spool_letters_fn *fn, void *arg,
                                 struct errmsg *msg)
{
    struct spool_identity identity;
    int folder_fd = -1, root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return errmsg_set(msg, spool_err_of_errno(errno), "'%s': %s", path, strerror(errno));
    enum err rc = spool_identity_read(root_fd, &identity, msg);
    if (rc == ERR_OK)
        rc = spool_dir_open(root_fd, SPOOL_LETTERS_FOLDER, false, &folder_fd, msg);
    close(root_fd);
    if (folder_fd < 0)
        return rc == ERR_NOT_FOUND ? ERR_OK : rc; /* no letter was ever written */
    rc = spool_letters_read(folder_fd, identity.seed, fn, arg, msg);
    close(folder_fd);
    return rc;
}
