/* SPDX-License-Identifier: MIT
 * memory.h - how the program's allocator treats memory that was freed. */
#ifndef PENSTOCK_AGENT_RUN_MEMORY_H
#define PENSTOCK_AGENT_RUN_MEMORY_H

/* Freed memory goes back to the kernel soon: pieces after 50 ms, since buffers are used again and
 * each of their pages would cost a fault (a quarter of a drain's processor time); pages that are
 * empty as a whole at once, else the peak comes near 192 MiB (docs/benchmarks.md). mimalloc from
 * 2.1 on has one delay for both: at once. */
void agent_return_memory_soon(void);

#endif
