/* SPDX-License-Identifier: MIT
 * support_disk.h - the yardstick: what the disk gives to a program that only appends and syncs. */
#ifndef PENSTOCK_BENCH_SUPPORT_DISK_H
#define PENSTOCK_BENCH_SUPPORT_DISK_H

#include <stddef.h>
#include <stdint.h>

struct disk_result {
    uint64_t writes;
    double seconds;
};

/* write(2) + fdatasync(2) of `size` bytes at a time, appending to a new file in `dir`, for about
 * `seconds`. The file is removed. Ends the program with a message when the disk fails. */
struct disk_result disk_append_synced(const char *dir, size_t size, double seconds);

#endif
