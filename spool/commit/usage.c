/* SPDX-License-Identifier: MIT
 * usage.c - how many bytes the spool takes and how many are free. */
#include "spool/commit/usage.h"

#include "base/clock.h"
#include "spool/commit/space.h"
#include "spool/disk/dir.h"
#include "spool/home/internal.h"

#include <sys/statvfs.h>

void spool_usage_measure(struct spool *spool)
{
    struct statvfs status;
    if (fstatvfs(spool->root_fd, &status) == 0)
        atomic_store(&spool->usage.free_bytes, (uint64_t)status.f_bavail * status.f_frsize);
    uint64_t used = atomic_load(&spool->usage.other_bytes);
    mutex_lock(&spool->lock);
    for (size_t i = 0; i < spool->catalog.count; i++)
        used += spool->catalog.entries[i].disk_bytes;
    mutex_unlock(&spool->lock);
    atomic_store(&spool->usage.used_bytes, used);
}

void spool_usage_walk(struct spool *spool)
{
    uint64_t bytes = 0, all = 0;
    if (spool_dir_tree_bytes(spool->root_fd, ".", &all) != ERR_OK)
        return;
    mutex_lock(&spool->lock);
    for (size_t i = 0; i < spool->catalog.count; i++)
        bytes += spool->catalog.entries[i].disk_bytes;
    mutex_unlock(&spool->lock);
    atomic_store(&spool->usage.other_bytes, all > bytes ? all - bytes : 0);
    spool->usage.walked_ms = clock_monotonic_ms();
}

void spool_usage_committed(struct spool *spool, uint64_t frame_bytes)
{
    struct spool_usage *usage = &spool->usage;
    atomic_fetch_add(&usage->used_bytes, frame_bytes);
    uint64_t free_bytes = atomic_load(&usage->free_bytes);
    atomic_fetch_sub(&usage->free_bytes, frame_bytes < free_bytes ? frame_bytes : free_bytes);
}

enum err spool_usage_check(struct spool *spool, uint64_t queued_bytes, uint64_t batch_bytes,
                           struct errmsg *msg)
{
    struct spool_usage *usage = &spool->usage;
    struct spool_space space = {
        .used_bytes = atomic_load(&usage->used_bytes),
        .free_bytes = atomic_load(&usage->free_bytes),
        .new_bytes = queued_bytes + batch_bytes,
    };
    enum err rc = spool_space_check(spool->limits, &space, atomic_load(&usage->refusing), msg);
    atomic_store(&usage->refusing, rc != ERR_OK);
    return rc;
}
