/* SPDX-License-Identifier: MIT
 * process.h - what the kernel says about this process. */
#ifndef PENSTOCK_AGENT_PAGES_PROCESS_H
#define PENSTOCK_AGENT_PAGES_PROCESS_H

#include <stdint.h>

struct agent_process {
    uint64_t resident_bytes;
    uint64_t resident_bytes_max; /* the most so far */
    uint64_t cpu_us;             /* user and system */
    uint64_t open_descriptors;
    uint64_t descriptors_max;
    uint64_t threads;
};

/* Figures that can't be read stay 0. Any thread; reads /proc, never the disk. */
void agent_process_get(struct agent_process *ret_process);

#endif
