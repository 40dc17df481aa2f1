/* SPDX-License-Identifier: MIT
 * power_disk.h - a disk that remembers what of it is safe: the tape is played to it, operation by
 * operation.
 *
 * Contents: of each file what its last sync covered, and the operations since. Names: the tree as
 * it is safe, and the changes that a power cut may take away - by two readings of what a sync
 * promises, see struct disk_names. Everything points into the tape, which must live on. Out of
 * memory ends the program. */
#ifndef PENSTOCK_TESTS_POWER_DISK_H
#define PENSTOCK_TESTS_POWER_DISK_H

#include "base/buf.h"
#include "tests/power/power_tape.h"

#define DISK_NONE UINT32_MAX

struct disk_file {
    uint64_t inode;
    bool is_dir;
    bool is_log;                    /* its first name says so */
    bool broken;                    /* a sync failed: nothing gets safe any more */
    struct buf safe;                /* content at the last sync */
    uint64_t safe_hash;             /* of that; 0: not known yet */
    const struct power_op **unsafe; /* operations since, in order */
    size_t unsafe_count, unsafe_capacity;
};

struct disk_name {
    uint32_t dir, file; /* in disk.files */
    const char *name;
};

struct disk_tree {
    struct disk_name *rows;
    size_t count, capacity;
};

/* One change of names: `file` appears as to_name in to_dir, and from_name in from_dir is gone. A
 * rename is one change. */
struct disk_change {
    uint32_t to_dir, from_dir, file; /* DISK_NONE: no such half */
    const char *to_name, *from_name;
    bool to_synced, from_synced; /* strict: that directory was synced since; safe when both were */
};

/* What is safe, and the changes behind it in order. */
struct disk_names {
    struct disk_tree safe;
    struct disk_change *changes;
    size_t count, capacity;
};

struct disk {
    struct disk_file *files; /* 0 is the root */
    size_t file_count, file_capacity;
    struct disk_names ordered; /* the file system has a journal: one change is safe only with all
                                * before it */
    struct disk_names strict;  /* each change is safe when its directories were synced, and not
                                * before */
    bool ignore_dir_syncs;     /* planted faults: as if no directory was ever synced, */
    bool ignore_file_syncs;    /* or no log of a segment */
};

void disk_init(struct disk *disk);
void disk_free(struct disk *disk);
void disk_play(struct disk *disk, const struct power_op *op);

/* Changes of names are applied to a tree in any subset, in their order. */
void disk_tree_copy(struct disk_tree *tree, const struct disk_tree *from);
void disk_tree_apply(struct disk_tree *tree, const struct disk_change *change);
bool disk_change_is_safe(const struct disk_change *change);

/* Applies one operation to a content; `size` bytes of a write's data, which zeros replace when data
 * is NULL. */
void disk_content_write(struct buf *content, const uint8_t *data, uint64_t offset, uint64_t size);
void disk_content_resize(struct buf *content, uint64_t size);
void disk_content_apply(struct buf *content, const struct power_op *op);

void disk_out_of_memory(void);

#endif
