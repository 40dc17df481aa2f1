/* SPDX-License-Identifier: MIT
 * agent_process.c - what the kernel says about this process. */
#include "agent/agent_process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static uint64_t count_descriptors(void)
{
    uint64_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count - 1; /* the directory's own */
}

static void read_status(struct agent_process *process)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long number;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmRSS: %llu kB", &number) == 1)
            process->resident_bytes = number * 1024;
        else if (sscanf(line, "VmHWM: %llu kB", &number) == 1)
            process->resident_bytes_max = number * 1024;
        else if (sscanf(line, "Threads: %llu", &number) == 1)
            process->threads = number;
    }
    if (file != NULL)
        fclose(file);
}

void agent_process_get(struct agent_process *ret_process)
{
    struct agent_process process = {.open_descriptors = count_descriptors()};
    struct rusage usage;
    struct rlimit limit;
    read_status(&process);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        process.cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        process.descriptors_max = limit.rlim_cur;
    *ret_process = process;
}
