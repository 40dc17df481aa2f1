/* SPDX-License-Identifier: MIT
 * sim_disk_tree.c - directories, and what a power cut leaves of their names. */
#include "tests/sim/sim_disk_tree.h"

#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANGES_MAX = 256, /* the kernel makes older ones durable by itself */
    SWEEP_EVERY = 64,  /* names that went away */
    BLOCK = 4096,
};

/* A change of names: `inode` appears as to_name in to, and from_name in from is gone. */
struct change {
    struct sim_inode *inode, *from, *to; /* from, to: NULL when there is no such half */
    char *from_name, *to_name;
    bool from_synced, to_synced;
};

static struct {
    struct sim_inode *root, *first, *last;
    uint64_t count;
    struct change changes[CHANGES_MAX];
    size_t change_count;
    size_t removed;
    uint64_t bytes;
    bool strict;
} tree;

/* ---- names ----------------------------------------------------------------------------------- */

static size_t place_of(const struct sim_names *names, const char *text, bool *ret_found)
{
    size_t low = 0, high = names->count;
    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(names->list[middle].text, text);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        abort();
    return copy;
}

static void set_name(struct sim_names *names, const char *text, struct sim_inode *inode)
{
    bool found;
    size_t at = place_of(names, text, &found);
    if (!found) {
        if (names->count == names->capacity) {
            names->capacity = names->capacity == 0 ? 8 : names->capacity * 2;
            names->list = realloc(names->list, names->capacity * sizeof names->list[0]);
            if (names->list == NULL)
                abort();
        }
        memmove(names->list + at + 1, names->list + at,
                (names->count - at) * sizeof names->list[0]);
        names->count++;
        names->list[at].text = copy_text(text);
    }
    names->list[at].inode = inode;
}

static void unset_name(struct sim_names *names, const char *text, const struct sim_inode *inode)
{
    bool found;
    size_t at = place_of(names, text, &found);
    if (!found || names->list[at].inode != inode)
        return;
    free(names->list[at].text);
    names->count--;
    memmove(names->list + at, names->list + at + 1, (names->count - at) * sizeof names->list[0]);
}

static void clear_names(struct sim_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i].text);
    names->count = 0;
}

struct sim_inode *sim_tree_find(const struct sim_inode *dir, const char *name)
{
    bool found;
    size_t at = place_of(&dir->now, name, &found);
    return found ? dir->now.list[at].inode : NULL;
}

/* ---- inodes ---------------------------------------------------------------------------------- */

struct sim_inode *sim_tree_make(bool is_dir)
{
    struct sim_inode *inode = calloc(1, sizeof *inode);
    if (inode == NULL)
        abort();
    inode->number = ++tree.count;
    inode->is_dir = is_dir;
    inode->mtime_ns = sim_wall_ns();
    if (tree.last == NULL)
        tree.first = inode;
    else
        tree.last->next = inode;
    tree.last = inode;
    return inode;
}

struct sim_inode *sim_tree_root(void)
{
    if (tree.root == NULL) {
        tree.strict = sim_chance(400);
        tree.root = sim_tree_make(true);
        tree.root->is_linked = true;
        tree.root->parent = tree.root;
        sim_tree_count(tree.root);
        sim_tree_add(tree.root, "sim", sim_tree_make(true));
        sim_tree_sync_all();
    }
    return tree.root;
}

uint64_t sim_tree_inode_bytes(const struct sim_inode *inode)
{
    return inode->is_dir ? BLOCK : (inode->content.now.size + BLOCK - 1) / BLOCK * BLOCK;
}

uint64_t sim_tree_bytes(void)
{
    sim_tree_root();
    return tree.bytes;
}

void sim_tree_uncount(struct sim_inode *inode)
{
    if (inode->is_counted)
        tree.bytes -= sim_tree_inode_bytes(inode);
    inode->is_counted = false;
}

void sim_tree_count(struct sim_inode *inode)
{
    inode->is_counted = inode->is_linked || inode->opens > 0;
    if (inode->is_counted)
        tree.bytes += sim_tree_inode_bytes(inode);
}

static void mark(struct sim_inode *inode)
{
    if (inode == NULL || inode->is_marked)
        return;
    inode->is_marked = true;
    mark(inode->parent);
    for (size_t i = 0; i < inode->now.count; i++)
        mark(inode->now.list[i].inode);
    for (size_t i = 0; i < inode->durable.count; i++)
        mark(inode->durable.list[i].inode);
}

/* Frees inodes that nothing leads to: no name, no change, no descriptor. */
static void sweep(void)
{
    mark(tree.root);
    for (struct sim_inode *inode = tree.first; inode != NULL; inode = inode->next)
        if (inode->opens > 0)
            mark(inode);
    for (size_t i = 0; i < tree.change_count; i++) {
        mark(tree.changes[i].inode);
        mark(tree.changes[i].from);
        mark(tree.changes[i].to);
    }
    struct sim_inode **link = &tree.first;
    tree.last = NULL;
    for (struct sim_inode *inode; (inode = *link) != NULL;) {
        if (inode->is_marked) {
            inode->is_marked = false;
            tree.last = inode;
            link = &inode->next;
            continue;
        }
        *link = inode->next;
        sim_tree_uncount(inode);
        sim_content_free(&inode->content);
        clear_names(&inode->now);
        clear_names(&inode->durable);
        free(inode->now.list);
        free(inode->durable.list);
        free(inode);
    }
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool shares(const struct sim_inode *dir, const char *name, const struct sim_inode *other_dir,
                   const char *other)
{
    return dir != NULL && dir == other_dir && strcmp(name, other) == 0;
}

/* Whether a change makes sense only after another: both are about one name. */
static bool depends(const struct change *change, const struct change *on)
{
    return shares(change->from, change->from_name, on->from, on->from_name) ||
           shares(change->from, change->from_name, on->to, on->to_name) ||
           shares(change->to, change->to_name, on->from, on->from_name) ||
           shares(change->to, change->to_name, on->to, on->to_name);
}

static void apply(const struct change *change)
{
    if (change->from != NULL)
        unset_name(&change->from->durable, change->from_name, change->inode);
    if (change->to != NULL)
        set_name(&change->to->durable, change->to_name, change->inode);
}

static void drop_change(size_t index)
{
    free(tree.changes[index].from_name);
    free(tree.changes[index].to_name);
    tree.change_count--;
    memmove(&tree.changes[index], &tree.changes[index + 1],
            (tree.change_count - index) * sizeof tree.changes[0]);
}

/* Makes a change durable, after those that it depends on. Returns how many that were. */
static size_t make_durable(size_t index)
{
    size_t made = 0;
    for (size_t i = 0; i < index; i++)
        if (depends(&tree.changes[index], &tree.changes[i])) {
            size_t before = make_durable(i);
            index -= before;
            made += before;
            i = (size_t)-1;
        }
    apply(&tree.changes[index]);
    drop_change(index);
    return made + 1;
}

void sim_tree_sync_all(void)
{
    while (tree.change_count > 0)
        make_durable(0);
}

static void sync_ordered(const struct sim_inode *dir)
{
    size_t count = 0;
    for (size_t i = 0; i < tree.change_count; i++)
        if (tree.changes[i].from == dir || tree.changes[i].to == dir)
            count = i + 1;
    while (count-- > 0)
        make_durable(0);
}

static void sync_strict(const struct sim_inode *dir)
{
    for (size_t i = 0; i < tree.change_count; i++) {
        tree.changes[i].from_synced |= tree.changes[i].from == dir;
        tree.changes[i].to_synced |= tree.changes[i].to == dir;
    }
    for (size_t i = 0; i < tree.change_count;) {
        const struct change *change = &tree.changes[i];
        if ((change->from == NULL || change->from_synced) &&
            (change->to == NULL || change->to_synced))
            i -= make_durable(i) - 1;
        else
            i++;
    }
}

void sim_tree_sync_dir(struct sim_inode *dir)
{
    if (tree.strict)
        sync_strict(dir);
    else
        sync_ordered(dir);
}

static void add_change(struct sim_inode *inode, struct sim_inode *from, const char *from_name,
                       struct sim_inode *to, const char *to_name)
{
    if (tree.change_count == CHANGES_MAX)
        make_durable(0);
    tree.changes[tree.change_count++] = (struct change){
        .inode = inode,
        .from = from,
        .to = to,
        .from_name = from == NULL ? NULL : copy_text(from_name),
        .to_name = to == NULL ? NULL : copy_text(to_name),
    };
    int64_t now_ns = sim_wall_ns();
    if (from != NULL)
        from->mtime_ns = now_ns;
    if (to != NULL)
        to->mtime_ns = now_ns;
}

static void unlink_now(struct sim_inode *dir, const char *name)
{
    struct sim_inode *inode = sim_tree_find(dir, name);
    if (inode == NULL)
        return;
    unset_name(&dir->now, name, inode);
    sim_tree_uncount(inode);
    inode->is_linked = false;
    sim_tree_count(inode);
}

static void link_now(struct sim_inode *dir, const char *name, struct sim_inode *inode)
{
    sim_tree_uncount(inode);
    set_name(&dir->now, name, inode);
    inode->is_linked = true;
    inode->parent = dir;
    snprintf(inode->name, sizeof inode->name, "%s", name);
    sim_tree_count(inode);
}

void sim_tree_add(struct sim_inode *dir, const char *name, struct sim_inode *inode)
{
    link_now(dir, name, inode);
    add_change(inode, NULL, NULL, dir, name);
}

void sim_tree_remove(struct sim_inode *dir, const char *name)
{
    struct sim_inode *inode = sim_tree_find(dir, name);
    unlink_now(dir, name);
    add_change(inode, dir, name, NULL, NULL);
    if (++tree.removed % SWEEP_EVERY == 0)
        sweep();
}

void sim_tree_rename(struct sim_inode *from_dir, const char *from, struct sim_inode *to_dir,
                     const char *to)
{
    struct sim_inode *inode = sim_tree_find(from_dir, from);
    if (sim_tree_find(to_dir, to) == inode)
        return;
    unlink_now(to_dir, to);
    unset_name(&from_dir->now, from, inode);
    link_now(to_dir, to, inode);
    add_change(inode, from_dir, from, to_dir, to);
}

/* ---- power cuts ------------------------------------------------------------------------------ */

void sim_tree_close_all(void)
{
    for (struct sim_inode *inode = tree.first; inode != NULL; inode = inode->next) {
        inode->opens = 0;
        inode->lock_holder = 0;
    }
    sim_tree_count_all();
    sweep();
}

/* Which changes were on their way to the disk: all, none, or some. */
static void cut_changes(void)
{
    unsigned in_1000 = (unsigned[]){0, 500, 500, 1000}[sim_random(4)];
    size_t keep = in_1000 == 500 ? (size_t)sim_random(tree.change_count + 1)
                                 : tree.change_count * in_1000 / 1000;
    if (!tree.strict) {
        while (keep-- > 0)
            make_durable(0);
    } else {
        for (size_t i = 0; i < tree.change_count;) {
            bool possible = true;
            for (size_t j = 0; j < i; j++)
                possible &= !depends(&tree.changes[i], &tree.changes[j]);
            if (sim_chance(in_1000) && possible)
                (void)make_durable(i);
            else
                i++;
        }
    }
    while (tree.change_count > 0)
        drop_change(tree.change_count - 1);
}

static void show_durable(struct sim_inode *inode)
{
    if (!inode->is_dir) {
        sim_content_cut(&inode->content);
        return;
    }
    clear_names(&inode->now);
    for (size_t i = 0; i < inode->durable.count; i++) {
        struct sim_inode *child = inode->durable.list[i].inode;
        set_name(&inode->now, inode->durable.list[i].text, child);
        child->parent = inode;
        child->is_linked = true;
        snprintf(child->name, sizeof child->name, "%s", inode->durable.list[i].text);
        show_durable(child);
    }
}

void sim_tree_cut(void)
{
    cut_changes();
    for (struct sim_inode *inode = tree.first; inode != NULL; inode = inode->next)
        inode->is_linked = false;
    sim_tree_root()->is_linked = true;
    show_durable(tree.root);
    sim_tree_close_all();
}

/* ---- sums and paths -------------------------------------------------------------------------- */

void sim_tree_count_all(void)
{
    tree.bytes = 0;
    for (struct sim_inode *inode = tree.first; inode != NULL; inode = inode->next) {
        inode->is_counted = false;
        sim_tree_count(inode);
    }
}

static size_t put_path(const struct sim_inode *inode, char *out, size_t size, int depth)
{
    if (inode == tree.root || inode->parent == tree.root || inode->parent == NULL || depth == 32)
        return 0;
    size_t at = put_path(inode->parent, out, size, depth + 1);
    int n = snprintf(out + at, size - at, "%s%s", at > 0 ? "/" : "", inode->name);
    return at + (size_t)n < size ? at + (size_t)n : size - 1;
}

void sim_tree_path(const struct sim_inode *inode, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    size_t at = put_path(inode, out, size, 0);
    if (name != NULL)
        snprintf(out + at, size - at, "%s%s", at > 0 ? "/" : "", name);
}
