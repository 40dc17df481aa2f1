/* SPDX-License-Identifier: MIT
 * sim_disk_operator.c - what people, damage and the end of a process do to the disk, without a call
 * of the program. */
#include "tests/sim/sim_disk_calls.h"
#include "tests/sim/sim_fiber.h"
#include "tests/sim/sim_sched.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- the end of a process -------------------------------------------------------------------- */

void sim_disk_kill(void)
{
    sim_fd_close_all();
    sim_tree_root();
    sim_tree_close_all();
}

void sim_disk_power_cut(void)
{
    sim_fd_close_all();
    sim_tree_root();
    sim_tree_cut();
}

/* ---- looking --------------------------------------------------------------------------------- */

static bool find(const char *path, struct sim_place *place)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", SIM_DISK_ROOT, path);
    return sim_path_find(AT_FDCWD, whole, place) == SIM_PATH_MODEL;
}

static struct sim_inode *find_inode(const char *path)
{
    struct sim_place place;
    return find(path, &place) ? place.inode : NULL;
}

size_t sim_disk_list(const char *dir, char names[][64], size_t max)
{
    const struct sim_inode *inode = find_inode(dir);
    size_t count = inode == NULL ? 0 : inode->now.count < max ? inode->now.count : max;
    for (size_t i = 0; i < count; i++)
        snprintf(names[i], 64, "%s", inode->now.list[i].text);
    return count;
}

bool sim_disk_exists(const char *path)
{
    return find_inode(path) != NULL;
}

uint64_t sim_disk_size(const char *path)
{
    const struct sim_inode *inode = find_inode(path);
    return inode == NULL ? 0 : inode->content.now.size;
}

size_t sim_disk_read(const char *path, void *buf, size_t size)
{
    const struct sim_inode *inode = find_inode(path);
    return inode == NULL ? 0 : (size_t)sim_content_read(&inode->content, buf, size, 0);
}

uint64_t sim_disk_bytes(void)
{
    return sim_tree_bytes();
}

/* ---- changing -------------------------------------------------------------------------------- */

bool sim_disk_rot(const char *path, uint64_t offset)
{
    struct sim_inode *inode = find_inode(path);
    return inode != NULL && sim_content_rot(&inode->content, offset);
}

static void remove_tree(struct sim_inode *dir, const char *name)
{
    struct sim_inode *inode = sim_tree_find(dir, name);
    while (inode->now.count > 0) {
        char child[256];
        snprintf(child, sizeof child, "%s", inode->now.list[inode->now.count - 1].text);
        remove_tree(inode, child);
    }
    sim_tree_remove(dir, name);
}

bool sim_disk_remove(const char *path)
{
    struct sim_place place;
    if (!find(path, &place) || place.inode == NULL || place.dir == place.inode)
        return false;
    remove_tree(place.dir, place.name);
    sim_tree_sync_all();
    return true;
}

static void copy_tree(const struct sim_inode *from, struct sim_inode *dir, const char *name)
{
    struct sim_inode *to = sim_tree_make(from->is_dir);
    sim_tree_add(dir, name, to);
    if (!from->is_dir) {
        sim_tree_uncount(to);
        sim_content_copy(&to->content, &from->content);
        sim_tree_count(to);
    }
    for (size_t i = 0; i < from->now.count; i++)
        copy_tree(from->now.list[i].inode, to, from->now.list[i].text);
}

bool sim_disk_copy(const char *from, const char *to)
{
    struct sim_place target;
    const struct sim_inode *source = find_inode(from);
    if (source == NULL || !find(to, &target) || target.inode != NULL)
        return false;
    copy_tree(source, target.dir, target.name);
    sim_tree_sync_all();
    return true;
}

bool sim_disk_move(const char *from, const char *to)
{
    struct sim_place source, target;
    if (!find(from, &source) || source.inode == NULL || !find(to, &target) || target.inode != NULL)
        return false;
    sim_tree_rename(source.dir, source.name, target.dir, target.name);
    sim_tree_sync_all();
    return true;
}
