/* SPDX-License-Identifier: MIT
 * support_disk.c - append and sync, nothing else. */
#include "bench/support_disk.h"

#include "base/clock.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct disk_result disk_append_synced(const char *dir, size_t size, double seconds)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/raw-%d", dir, (int)getpid());
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    char *bytes = malloc(size);
    if (fd < 0 || bytes == NULL)
        err(1, "%s", path);
    memset(bytes, 'x', size);
    if (fdatasync(fd) != 0)
        err(1, "sync %s", path);
    struct disk_result result = {0};
    int64_t start_ns = clock_monotonic_ns(), end_ns = start_ns + (int64_t)(seconds * 1e9),
            now_ns = start_ns;
    for (; now_ns < end_ns; now_ns = clock_monotonic_ns()) {
        if (write(fd, bytes, size) != (ssize_t)size || fdatasync(fd) != 0)
            err(1, "write %s", path);
        result.writes++;
    }
    result.seconds = (double)(now_ns - start_ns) / 1e9;
    free(bytes);
    close(fd);
    unlink(path);
    return result;
}
