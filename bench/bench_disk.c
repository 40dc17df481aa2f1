/* SPDX-License-Identifier: MIT
 * bench_disk.c - `bench_disk DIR SIZE SECONDS`: synced appends of SIZE bytes; one line of JSON. */
#include "bench/support_disk.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench_disk DIR SIZE SECONDS\n");
        return 2;
    }
    size_t size = strtoul(argv[2], NULL, 10);
    struct disk_result result = disk_append_synced(argv[1], size, atof(argv[3]));
    double rate = (double)result.writes / result.seconds;
    printf("{\"writes_per_s\":%.1f,\"bytes_per_s\":%.1f}\n", rate, rate * (double)size);
    return 0;
}
