/* SPDX-License-Identifier: MIT
 * memory.h - how the program's allocator treats memory that was freed. */
#ifndef PENSTOCK_AGENT_RUN_MEMORY_H
#define PENSTOCK_AGENT_RUN_MEMORY_H

/* From now on it goes back to the kernel soon: pieces after 50 ms, since buffers are used again and
 * each of their pages would cost a fault (a quarter of a drain's processor time); what is empty as
 * a whole at once, else the peak comes near 192 MiB (docs/benchmarks.md). */
void agent_return_memory_soon(void);

#endif
