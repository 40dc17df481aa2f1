/* SPDX-License-Identifier: MIT
 * letters.c - the store of dead letters: written one by one; to remove some, the rest is written
 * anew. */
#include "spool/spool_letters.h"

#include "base/clock.h"
#include "spool/disk/dir.h"
#include "spool/home/internal.h"
#include "spool/home/locks.h"
#include "spool/ledger/segment_ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 4 << 20, NAME_SIZE = 32 };

void spool_letters_init(struct spool *spool)
{
    spool->letters.folder_fd = -1;
    mutex_init(&spool->letters.lock, SPOOL_LOCK_LETTERS);
    mutex_init(&spool->letters.ids_lock, SPOOL_LOCK_LETTER_IDS);
}

void spool_letters_done(struct spool *spool)
{
    struct spool_letters *letters = &spool->letters;
    spool_segment_free(letters->segment);
    if (letters->folder_fd >= 0)
        close(letters->folder_fd);
    spool_id_set_free(&letters->ids);
    spool_id_set_free(&letters->removed);
    mutex_destroy(&letters->lock);
    mutex_destroy(&letters->ids_lock);
}

/* ---- which there are ------------------------------------------------------------------------- */

/* Adds an id, for which there must be room. */
static void add(struct spool_letters *letters, uint64_t id, uint64_t bytes)
{
    mutex_lock(&letters->ids_lock);
    spool_id_set_add(&letters->ids, id);
    atomic_store(&letters->count, letters->ids.count);
    mutex_unlock(&letters->ids_lock);
    atomic_fetch_add(&letters->bytes, bytes);
}

static enum err reserve(struct spool_letters *letters)
{
    mutex_lock(&letters->ids_lock);
    enum err rc = spool_id_set_reserve(&letters->ids);
    mutex_unlock(&letters->ids_lock);
    return rc;
}

struct loading {
    struct spool_id_set ids;
    uint64_t bytes;
};

static bool load_one(void *arg, const struct spool_letter *letter)
{
    struct loading *loading = arg;
    if (spool_id_set_reserve(&loading->ids) != ERR_OK)
        return false;
    if (spool_id_set_add(&loading->ids, letter->id))
        loading->bytes += letter->frame.size;
    return true;
}

static void take_over(struct spool_letters *letters, struct loading *loading)
{
    struct spool_id_set before = letters->ids;
    mutex_lock(&letters->ids_lock);
    letters->ids = loading->ids;
    atomic_store(&letters->count, letters->ids.count);
    mutex_unlock(&letters->ids_lock);
    atomic_store(&letters->bytes, loading->bytes);
    spool_id_set_free(&before);
}

static enum err load(struct spool *spool, struct errmsg *msg)
{
    struct spool_letters *letters = &spool->letters;
    if (atomic_load(&letters->loaded))
        return ERR_OK;
    enum err rc = ERR_OK;
    if (letters->folder_fd < 0) {
        rc = spool_dir_open(spool->root_fd, SPOOL_LETTERS_FOLDER, false, &letters->folder_fd, msg);
        if (rc == ERR_NOT_FOUND) { /* the first letter makes the folder */
            atomic_store(&letters->loaded, true);
            return ERR_OK;
        }
    }
    struct loading loading = {0};
    if (rc == ERR_OK)
        rc = spool_letters_read(letters->folder_fd, spool->identity.seed, load_one, &loading, msg);
    atomic_store(&letters->loaded, rc == ERR_OK);
    if (rc == ERR_OK)
        take_over(letters, &loading);
    else
        spool_id_set_free(&loading.ids);
    return rc == ERR_CLOSED ? ERR_NOMEM : rc;
}

enum err spool_letters_load(struct spool *spool, struct errmsg *msg)
{
    mutex_lock(&spool->letters.lock);
    enum err rc = load(spool, msg);
    mutex_unlock(&spool->letters.lock);
    return rc;
}

static bool has(struct spool_letters *letters, const struct spool_id_set *set, uint64_t id)
{
    mutex_lock(&letters->ids_lock);
    bool there = spool_id_set_has(set, id);
    mutex_unlock(&letters->ids_lock);
    return there;
}

bool spool_letters_have(struct spool *spool, uint64_t id)
{
    struct spool_letters *letters = &spool->letters;
    return atomic_load(&letters->count) > 0 && has(letters, &letters->ids, id);
}

bool spool_letters_known(const struct spool *spool)
{
    return atomic_load(&spool->letters.loaded);
}

bool spool_letters_had(struct spool *spool, uint64_t id)
{
    return has(&spool->letters, &spool->letters.removed, id);
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum err begin_segment(struct spool *spool, uint64_t bytes_max, struct errmsg *msg)
{
    struct spool_letters *letters = &spool->letters;
    char path[4096];
    if (letters->folder_fd < 0) {
        enum err rc =
            spool_dir_open(spool->root_fd, SPOOL_LETTERS_FOLDER, true, &letters->folder_fd, msg);
        if (rc != ERR_OK)
            return rc;
    }
    snprintf(path, sizeof path, "%s/" SPOOL_LETTERS_FOLDER, spool->options.path);
    const struct spool_segment_place place = {
        .segments_path = path,
        .segments_fd = letters->folder_fd,
        .spool_uuid = spool->identity.uuid,
        .seed = spool->identity.seed,
        .bytes_max = bytes_max,
    };
    letters->segment_bytes_max = bytes_max;
    return spool_segment_make(&place, spool_segment_ids_take(spool), &letters->segment, msg);
}

static void end_segment(struct spool_letters *letters)
{
    spool_segment_free(letters->segment);
    letters->segment = NULL;
}

static size_t put_escaped(char *out, size_t used, size_t size, const char *text)
{
    for (; *text != '\0' && used + 3 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[used++] = '\\';
        out[used++] = (char)((unsigned char)*text < 0x20 ? ' ' : *text);
    }
    return used;
}

/* Appends the two frames of a letter, unstamped. */
static enum err put_frames(struct buf *frames, uint64_t id,
                           const struct spool_letter_reason *reason, struct bytes frame)
{
    char json[SPOOL_LETTERS_ERROR_SIZE + 2 * SPOOL_LETTERS_TEXT_SIZE + 64], key[24];
    size_t used =
        (size_t)snprintf(json, sizeof json, "{\"error\":\"%s\",\"text\":\"", reason->error);
    used = put_escaped(json, used, sizeof json, reason->text);
    used += (size_t)snprintf(json + used, sizeof json - used, "\"}");
    snprintf(key, sizeof key, "%" PRIu64, id);
    const struct spool_event event = {
        .time_ms = reason->time_ms,
        .topic = bytes_of_string(SPOOL_LETTERS_TOPIC),
        .key = bytes_of_string(key),
        .value = bytes_of(json, used),
        .partition = SPOOL_PARTITION_ANY,
    };
    size_t reason_size = spool_frame_size(&event), moved_size = SPOOL_FRAME_SIZE_MIN + frame.size;
    if (moved_size > SPOOL_FRAME_SIZE_MAX || reason_size == 0)
        return ERR_TOO_LARGE;
    if (!buf_reserve(frames, reason_size + moved_size))
        return ERR_NOMEM;
    spool_frame_put(frames->data + frames->size, &event);
    frames->size += reason_size;
    spool_frame_put_other(frames->data + frames->size, SPOOL_FRAME_MOVED, reason->time_ms, frame);
    frames->size += moved_size;
    return ERR_OK;
}

static enum err write_letter(struct spool *spool, uint64_t id,
                             const struct spool_letter_reason *reason, struct bytes frame,
                             struct errmsg *msg)
{
    struct spool_letters *letters = &spool->letters;
    struct buf frames = {0};
    struct spool_group group = {0};
    enum err rc = put_frames(&frames, id, reason, frame);
    uint64_t room = 2 * frames.size + 4096;
    if (rc == ERR_OK && letters->segment != NULL &&
        letters->segment->log_bytes + room > letters->segment_bytes_max)
        end_segment(letters);
    if (rc == ERR_OK && letters->segment == NULL)
        rc = begin_segment(spool, room > SEGMENT_BYTES ? room : SEGMENT_BYTES, msg);
    if (rc == ERR_OK)
        rc = spool_group_add(&group, &frames, 2);
    if (rc == ERR_OK) {
        spool_group_stamp(&group, letters->segment->id, letters->segment->event_count,
                          spool->identity.seed);
        rc = spool_group_entries(&group, bytes_of(NULL, 0), bytes_of(NULL, 0));
    }
    if (rc == ERR_OK) {
        rc = spool_segment_write(letters->segment, group.entries, group.entry_count, 2, msg);
        if (rc != ERR_OK)
            end_segment(letters); /* the next letter begins another segment */
    }
    spool_group_done(&group);
    buf_free(&frames);
    return rc;
}

enum err spool_letters_put(struct spool *spool, const struct spool_event *event,
                           const struct spool_letter_reason *reason, struct errmsg *msg)
{
    struct spool_letters *letters = &spool->letters;
    uint64_t id = event->origin_id != 0 ? event->origin_id : event->id,
             bytes_max = spool->limits->letters_bytes_max;
    struct bytes frame = spool_frame_original(event->frame);
    mutex_lock(&letters->lock);
    enum err rc = load(spool, msg);
    bool there = rc == ERR_OK && spool_id_set_has(&letters->ids, id);
    if (rc == ERR_OK && !there && atomic_load(&letters->bytes) + frame.size > bytes_max)
        rc = errmsg_set(msg, ERR_FULL,
                        "dead-letter/ holds %" PRIu64 " bytes, dead_letter.max_size is %" PRIu64,
                        (uint64_t)atomic_load(&letters->bytes), bytes_max);
    atomic_store(&letters->full, rc == ERR_FULL);
    if (rc == ERR_OK && !there)
        rc = reserve(letters);
    if (rc == ERR_OK && !there && (rc = write_letter(spool, id, reason, frame, msg)) == ERR_OK)
        add(letters, id, frame.size);
    mutex_unlock(&letters->lock);
    return rc;
}

/* ---- taking away ----------------------------------------------------------------------------- */

enum err spool_letters_each(struct spool *spool, spool_letters_fn *fn, void *arg,
                            struct errmsg *msg)
{
    struct spool_letters *letters = &spool->letters;
    mutex_lock(&letters->lock);
    enum err rc = load(spool, msg);
    if (rc == ERR_OK && letters->folder_fd >= 0)
        rc = spool_letters_read(letters->folder_fd, spool->identity.seed, fn, arg, msg);
    mutex_unlock(&letters->lock);
    return rc;
}

struct removal {
    struct spool *spool;
    const uint64_t *ids;
    size_t count;
    enum err rc;
    struct errmsg *msg;
};

static bool is_removed(const struct removal *removal, uint64_t id)
{
    return bsearch(&id, removal->ids, removal->count, sizeof id, spool_id_compare) != NULL;
}

static bool keep_one(void *arg, const struct spool_letter *letter)
{
    struct removal *removal = arg;
    struct spool_letter_reason reason = letter->reason;
    if (!is_removed(removal, letter->id))
        removal->rc =
            write_letter(removal->spool, letter->id, &reason, letter->frame, removal->msg);
    return removal->rc == ERR_OK;
}

static enum err write_anew(struct removal *removal)
{
    struct spool_letters *letters = &removal->spool->letters;
    enum err rc = spool_letters_read(letters->folder_fd, removal->spool->identity.seed, keep_one,
                                     removal, removal->msg);
    return removal->rc != ERR_OK ? removal->rc : rc;
}

/* Notes the removed letters, so that a receipt doesn't call them delivered. */
static enum err note_removed(struct removal *removal)
{
    struct spool_letters *letters = &removal->spool->letters;
    enum err rc = ERR_OK;
    mutex_lock(&letters->ids_lock);
    for (size_t i = 0; rc == ERR_OK && i < removal->count; i++)
        if (spool_id_set_has(&letters->ids, removal->ids[i]) &&
            (rc = spool_id_set_reserve(&letters->removed)) == ERR_OK)
            spool_id_set_add(&letters->removed, removal->ids[i]);
    mutex_unlock(&letters->ids_lock);
    return rc;
}

static void remove_segments(struct spool_letters *letters, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%" PRIu64, ids[i]);
        /* a segment that stays only shows removed letters again */
        (void)spool_dir_remove_tree(letters->folder_fd, name);
    }
    (void)spool_dir_sync(letters->folder_fd, NULL);
}

/* Removes letters: the rest is synced in new segments before the old ones go. */
static enum err remove_some(struct removal *removal)
{
    struct spool_letters *letters = &removal->spool->letters;
    uint64_t *old = NULL;
    size_t old_count = 0;
    end_segment(letters);
    enum err rc = spool_dir_list_ids(letters->folder_fd, &old, &old_count, removal->msg);
    if (rc == ERR_OK)
        rc = write_anew(removal);
    if (rc == ERR_OK)
        rc = note_removed(removal);
    if (rc == ERR_OK) {
        end_segment(letters);
        remove_segments(letters, old, old_count);
        atomic_store(&letters->loaded, false);
        rc = load(removal->spool, removal->msg);
        atomic_store(&letters->full, false);
    }
    free(old);
    return rc;
}

enum err spool_letters_remove(struct spool *spool, const uint64_t *ids, size_t count,
                              size_t *ret_removed, struct errmsg *msg)
{
    struct spool_letters *letters = &spool->letters;
    struct removal removal = {spool, ids, count, ERR_OK, msg};
    size_t there = 0;
    mutex_lock(&letters->lock);
    enum err rc = load(spool, msg);
    for (size_t i = 0; rc == ERR_OK && i < count; i++)
        there += spool_id_set_has(&letters->ids, ids[i]);
    if (rc == ERR_OK && there > 0)
        rc = remove_some(&removal);
    mutex_unlock(&letters->lock);
    if (rc == ERR_OK && ret_removed != NULL)
        *ret_removed = there;
    return rc;
}
