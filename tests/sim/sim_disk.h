/* SPDX-License-Identifier: MIT
 * sim_disk.h - a filesystem in memory below the libc calls: what is synced, what a power cut may
 * leave, calls that fail, bytes that rot.
 *
 * Paths below SIM_DISK_ROOT are the model's; all others are the machine's own (read only). */
#ifndef PENSTOCK_TESTS_SIM_DISK_H
#define PENSTOCK_TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_DISK_ROOT "/sim"

enum sim_disk_op {
    SIM_DISK_OPEN = 1,
    SIM_DISK_READ = 2,
    SIM_DISK_WRITE = 4,
    SIM_DISK_SYNC = 8,
    SIM_DISK_RENAME = 16,
    SIM_DISK_UNLINK = 32,
    SIM_DISK_MKDIR = 64,
    SIM_DISK_LIST = 128,
    SIM_DISK_ALL = 255,
};

/* From now until virtual time until_ms, calls of these kinds on paths that contain `part` (a piece
 * of the path, "" for all) fail with this errno; per_1000: so many of them. ENOSPC on writes may be
 * short writes. Several may be active. Returns a handle for sim_disk_mend(). */
unsigned sim_disk_fail(unsigned ops, const char *part, int error, unsigned per_1000,
                       int64_t until_ms);
void sim_disk_mend(unsigned handle);
void sim_disk_mend_all(void);

/* Each call of these kinds takes so long from now on (0: none); INT64_MAX: hangs until changed. */
void sim_disk_delay(unsigned ops, const char *part, int64_t ms);

/* The size of the filesystem; a write beyond it fails with ENOSPC. */
void sim_disk_set_size(uint64_t bytes);

/* A power cut: of everything not synced the seed draws what is left (nothing, all, a prefix, torn
 * pages of 4096 bytes or sectors of 512, sizes without content as zeros; renames and new names
 * without an fsync of their directory are there or not). Open descriptors are gone. Call after
 * sim_sched_kill_program(). */
void sim_disk_power_cut(void);
/* The process died, the machine did not: everything written is there; its descriptors are
 * closed. */
void sim_disk_kill(void);

/* For operators and for damage: paths are below SIM_DISK_ROOT, "segments/5". */
size_t sim_disk_list(const char *dir, char names[][64], size_t max); /* sorted */
bool sim_disk_exists(const char *path);
uint64_t sim_disk_size(const char *path);
/* Flips a bit of one byte, on the disk and in the cache. False: no such byte. */
bool sim_disk_rot(const char *path, uint64_t offset);
bool sim_disk_remove(const char *path);               /* a tree, at once and durable */
bool sim_disk_copy(const char *from, const char *to); /* a tree, at once and durable */
bool sim_disk_move(const char *from, const char *to);
size_t sim_disk_read(const char *path, void *buf, size_t size);
unsigned sim_disk_descriptors(void); /* open ones, of the program */
uint64_t sim_disk_bytes(void);       /* in files */

#endif
