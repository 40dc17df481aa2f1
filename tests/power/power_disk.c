/* SPDX-License-Identifier: MIT
 * power_disk.c - plays a tape: contents and names, and what of them is safe. */
#include "tests/power/power_disk.h"

#include <stdio.h>
#include <stdlib.h>

void disk_out_of_memory(void)
{
    fputs("out of memory\n", stderr);
    abort();
}

/* Makes room for one more element. */
static void *grow(void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    void *more = realloc(items, *capacity * item_size);
    if (more == NULL)
        disk_out_of_memory();
    return more;
}

/* ---- contents -------------------------------------------------------------------------------- */

void disk_content_resize(struct buf *content, uint64_t size)
{
    if (size > content->size) {
        if (!buf_reserve(content, size - content->size))
            disk_out_of_memory();
        memset(content->data + content->size, 0, size - content->size);
    }
    content->size = size;
}

void disk_content_write(struct buf *content, const uint8_t *data, uint64_t offset, uint64_t size)
{
    if (offset + size > content->size)
        disk_content_resize(content, offset + size);
    if (size > 0 && data != NULL)
        memcpy(content->data + offset, data, size);
    else if (size > 0)
        memset(content->data + offset, 0, size);
}

void disk_content_apply(struct buf *content, const struct power_op *op)
{
    if (op->kind == POWER_WRITE)
        disk_content_write(content, op->data, op->offset, op->size);
    else if (op->kind == POWER_TRUNCATE)
        disk_content_resize(content, op->size);
    else if (op->kind == POWER_EXTEND && op->offset + op->size > content->size)
        disk_content_resize(content, op->offset + op->size);
}

static void add_unsafe(struct disk_file *file, const struct power_op *op)
{
    file->unsafe =
        grow(file->unsafe, file->unsafe_count, &file->unsafe_capacity, sizeof *file->unsafe);
    file->unsafe[file->unsafe_count++] = op;
}

/* True when that changed the file's size, which takes the journal with it. */
static bool sync_file(struct disk_file *file)
{
    size_t size_before = file->safe.size;
    if (file->broken)
        return false;
    for (size_t i = 0; i < file->unsafe_count; i++)
        disk_content_apply(&file->safe, file->unsafe[i]);
    if (file->unsafe_count > 0)
        file->safe_hash = 0;
    file->unsafe_count = 0;
    return file->safe.size != size_before;
}

/* ---- names ----------------------------------------------------------------------------------- */

static size_t find_name(const struct disk_tree *tree, uint32_t dir, const char *name)
{
    size_t i = 0;
    while (i < tree->count && (tree->rows[i].dir != dir || strcmp(tree->rows[i].name, name) != 0))
        i++;
    return i;
}

void disk_tree_copy(struct disk_tree *tree, const struct disk_tree *from)
{
    if (tree->capacity < from->count) {
        tree->capacity = from->capacity;
        free(tree->rows);
        if ((tree->rows = malloc(tree->capacity * sizeof *tree->rows)) == NULL)
            disk_out_of_memory();
    }
    if (from->count > 0)
        memcpy(tree->rows, from->rows, from->count * sizeof *tree->rows);
    tree->count = from->count;
}

void disk_tree_apply(struct disk_tree *tree, const struct disk_change *change)
{
    if (change->from_dir != DISK_NONE) {
        size_t i = find_name(tree, change->from_dir, change->from_name);
        if (i < tree->count)
            tree->rows[i] = tree->rows[--tree->count];
    }
    if (change->to_dir != DISK_NONE) {
        size_t i = find_name(tree, change->to_dir, change->to_name);
        tree->rows = grow(tree->rows, i, &tree->capacity, sizeof *tree->rows);
        tree->rows[i] = (struct disk_name){change->to_dir, change->file, change->to_name};
        if (i == tree->count)
            tree->count++;
    }
}

static void add_change(struct disk_names *names, const struct disk_change *change)
{
    names->changes = grow(names->changes, names->count, &names->capacity, sizeof *names->changes);
    names->changes[names->count++] = *change;
}

/* The first `count` changes become safe. */
static void fold(struct disk_names *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        disk_tree_apply(&names->safe, &names->changes[i]);
    memmove(names->changes, names->changes + count,
            (names->count - count) * sizeof *names->changes);
    names->count -= count;
}

bool disk_change_is_safe(const struct disk_change *change)
{
    return (change->to_dir == DISK_NONE || change->to_synced) &&
           (change->from_dir == DISK_NONE || change->from_synced);
}

/* Nothing leads to that directory any more, whatever a power cut takes away: not in the least of
 * all trees, and no change that may be there makes it appear. */
static bool is_gone(const struct disk_names *names, const struct disk_tree *least, uint32_t dir)
{
    if (dir == 0 || dir == DISK_NONE)
        return dir == DISK_NONE;
    for (size_t i = 0; i < least->count; i++)
        if (least->rows[i].file == dir)
            return false;
    for (size_t i = 0; i < names->count; i++)
        if (names->changes[i].file == dir && names->changes[i].to_dir != DISK_NONE &&
            !disk_change_is_safe(&names->changes[i]))
            return false;
    return true;
}

/* Unlinking within a directory that is removed next is never synced: what happened there doesn't
 * matter any more. */
static void forget_gone(struct disk_names *names)
{
    struct disk_tree least = {0};
    size_t kept = 0;
    disk_tree_copy(&least, &names->safe);
    for (size_t i = 0; i < names->count; i++)
        if (disk_change_is_safe(&names->changes[i]))
            disk_tree_apply(&least, &names->changes[i]);
    for (size_t i = 0; i < names->count; i++)
        if (!is_gone(names, &least, names->changes[i].to_dir) ||
            !is_gone(names, &least, names->changes[i].from_dir))
            names->changes[kept++] = names->changes[i];
    names->count = kept;
    kept = 0;
    for (size_t i = 0; i < names->safe.count; i++)
        if (!is_gone(names, &least, names->safe.rows[i].dir))
            names->safe.rows[kept++] = names->safe.rows[i];
    names->safe.count = kept;
    free(least.rows);
}

static void fold_safe(struct disk_names *names)
{
    size_t safe = 0;
    while (safe < names->count && disk_change_is_safe(&names->changes[safe]))
        safe++;
    fold(names, safe);
}

static void sync_dir(struct disk *disk, uint32_t dir)
{
    struct disk_names *names = &disk->strict;
    for (size_t i = 0; i < names->count; i++) {
        struct disk_change *change = &names->changes[i];
        change->to_synced = change->to_synced || change->to_dir == dir;
        change->from_synced = change->from_synced || change->from_dir == dir;
    }
    forget_gone(names);
    fold_safe(names);
}

/* Did the journal hold something of that directory? Then syncing it takes all of the journal
 * along. */
static bool is_in_journal(const struct disk_names *names, uint32_t dir)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->changes[i].to_dir == dir || names->changes[i].from_dir == dir)
            return true;
    return false;
}

static bool was_made_in_journal(const struct disk_names *names, uint32_t file)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->changes[i].file == file && names->changes[i].from_dir == DISK_NONE)
            return true;
    return false;
}

/* ---- playing --------------------------------------------------------------------------------- */

static uint32_t find_file(const struct disk *disk, uint64_t inode)
{
    for (size_t i = disk->file_count; i-- > 0;) /* numbers are used again: the newest counts */
        if (disk->files[i].inode == inode)
            return (uint32_t)i;
    fprintf(stderr, "the tape names a file that it doesn't know\n");
    abort();
}

static uint32_t add_file(struct disk *disk, uint64_t inode, bool is_dir)
{
    disk->files = grow(disk->files, disk->file_count, &disk->file_capacity, sizeof *disk->files);
    disk->files[disk->file_count] = (struct disk_file){.inode = inode, .is_dir = is_dir};
    return (uint32_t)disk->file_count++;
}

static void rename_file(struct disk *disk, const struct power_op *op, struct disk_change *change)
{
    struct disk_tree all = {0};
    disk_tree_copy(&all, &disk->ordered.safe);
    for (size_t i = 0; i < disk->ordered.count; i++)
        disk_tree_apply(&all, &disk->ordered.changes[i]);
    change->from_dir = find_file(disk, op->dir);
    change->from_name = op->name;
    if (op->kind == POWER_RENAME) {
        size_t i = find_name(&all, change->from_dir, op->name);
        if (i == all.count) {
            fprintf(stderr, "the tape renames '%s', which it never made\n", op->name);
            abort();
        }
        change->file = all.rows[i].file;
        change->to_dir = find_file(disk, op->to_dir);
        change->to_name = op->to_name;
    }
    free(all.rows);
}

static void play_name(struct disk *disk, const struct power_op *op)
{
    struct disk_change change = {.to_dir = DISK_NONE, .from_dir = DISK_NONE, .file = DISK_NONE};
    if (op->kind == POWER_CREATE || op->kind == POWER_MKDIR) {
        change.to_dir = find_file(disk, op->dir);
        change.to_name = op->name;
        change.file = add_file(disk, op->object, op->kind == POWER_MKDIR);
        disk->files[change.file].is_log = strstr(op->name, ".log") != NULL;
    } else {
        rename_file(disk, op, &change);
    }
    add_change(&disk->ordered, &change);
    add_change(&disk->strict, &change);
}

static void play_sync(struct disk *disk, const struct power_op *op)
{
    uint32_t i = find_file(disk, op->object);
    bool journal;
    if (disk->files[i].is_dir ? disk->ignore_dir_syncs
                              : disk->ignore_file_syncs && disk->files[i].is_log)
        return;
    if (disk->files[i].is_dir) {
        journal = is_in_journal(&disk->ordered, i);
        sync_dir(disk, i);
    } else {
        journal = sync_file(&disk->files[i]) || was_made_in_journal(&disk->ordered, i);
    }
    if (journal && !disk->files[i].broken)
        fold(&disk->ordered, disk->ordered.count);
}

void disk_play(struct disk *disk, const struct power_op *op)
{
    switch (op->kind) {
    case POWER_ROOT: add_file(disk, op->object, true); break;
    case POWER_CREATE:
    case POWER_MKDIR:
    case POWER_RENAME:
    case POWER_REMOVE: play_name(disk, op); break;
    case POWER_WRITE:
    case POWER_TRUNCATE:
    case POWER_EXTEND: add_unsafe(&disk->files[find_file(disk, op->object)], op); break;
    case POWER_SYNC: play_sync(disk, op); break;
    case POWER_SYNC_FAILED: disk->files[find_file(disk, op->object)].broken = true; break;
    case POWER_WRITE_FAILED:
    case POWER_MARK:
    case POWER_KIND_COUNT: break;
    }
}

void disk_init(struct disk *disk)
{
    *disk = (struct disk){0};
}

static void free_names(struct disk_names *names)
{
    free(names->safe.rows);
    free(names->changes);
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        buf_free(&disk->files[i].safe);
        free(disk->files[i].unsafe);
    }
    free(disk->files);
    free_names(&disk->ordered);
    free_names(&disk->strict);
    *disk = (struct disk){0};
}
