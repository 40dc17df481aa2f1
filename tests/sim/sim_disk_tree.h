/* SPDX-License-Identifier: MIT
 * sim_disk_tree.h - inodes and names: as programs see them, as the disk holds them, and the changes
 * in between.
 *
 * A history has one of two readings of what a sync of a directory promises, drawn from the seed:
 * ordered (a journal: a change is safe only with all before it, and a sync takes all before it
 * along) or strict (each change is safe when all its directories were synced). */
#ifndef PENSTOCK_TESTS_SIM_DISK_TREE_H
#define PENSTOCK_TESTS_SIM_DISK_TREE_H

#include "tests/sim/sim_disk_file.h"

struct sim_inode;

struct sim_name {
    char *text;
    struct sim_inode *inode;
};

struct sim_names { /* sorted */
    struct sim_name *list;
    size_t count, capacity;
};

struct sim_inode {
    uint64_t number;
    bool is_dir;
    bool is_linked;       /* has a name now */
    bool is_marked;       /* while unused ones are looked for */
    bool is_counted;      /* its bytes are in the sum */
    unsigned opens;       /* descriptors, and calls that are under way */
    unsigned lock_holder; /* flock: 0 is nobody */
    int64_t mtime_ns;
    struct sim_content content;
    struct sim_names now, durable; /* of a directory */
    struct sim_inode *parent;      /* where its name stands, or stood last */
    char name[256];
    struct sim_inode *next; /* by number */
};

/* The root "/"; SIM_DISK_ROOT lies in it. Made at the first call. */
struct sim_inode *sim_tree_root(void);
struct sim_inode *sim_tree_make(bool is_dir); /* without a name */

struct sim_inode *sim_tree_find(const struct sim_inode *dir, const char *name);
/* Changes of names that await a sync. */
void sim_tree_add(struct sim_inode *dir, const char *name, struct sim_inode *inode);
void sim_tree_remove(struct sim_inode *dir, const char *name);
void sim_tree_rename(struct sim_inode *from_dir, const char *from, struct sim_inode *to_dir,
                     const char *to);
void sim_tree_sync_dir(struct sim_inode *dir);
void sim_tree_sync_all(void); /* all names */

/* Power cut: names and contents as the seed draws. Nothing is open afterwards. */
void sim_tree_cut(void);
/* The process ended: no file is open any more. */
void sim_tree_close_all(void);

/* The path below SIM_DISK_ROOT, for faults; name NULL: of the inode itself. */
void sim_tree_path(const struct sim_inode *inode, const char *name, char *out, size_t size);

/* Bytes in use; an inode's share of them is told anew with each change of its size, its name or its
 * descriptors. */
uint64_t sim_tree_bytes(void);
uint64_t sim_tree_inode_bytes(const struct sim_inode *inode);
/* Before and after such a change. */
void sim_tree_uncount(struct sim_inode *inode);
void sim_tree_count(struct sim_inode *inode);
void sim_tree_count_all(void);

#endif
