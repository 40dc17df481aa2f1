/* SPDX-License-Identifier: MIT
 * process.c - what the kernel says about this process. */
#include "agent/pages/process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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
    return count - 1; /* without the descriptor of the directory itself */
}

/* Number after a name at the beginning of a line: "VmRSS:     1234 kB". */
static bool line_number(const char *line, const char *name, uint64_t *ret_number)
{
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0)
        return false;
    *ret_number = strtoull(line + length, NULL, 10);
    return true;
}

static void read_status(struct agent_process *process)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t number;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (line_number(line, "VmRSS:", &number))
            process->resident_bytes = number * 1024;
        else if (line_number(line, "VmHWM:", &number))
            process->resident_bytes_max = number * 1024;
        else if (line_number(line, "Threads:", &number))
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
