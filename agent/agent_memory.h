/* SPDX-License-Identifier: MIT
 * agent_memory.h - how the program's allocator treats memory that was freed. */
#ifndef PENSTOCK_AGENT_MEMORY_H
#define PENSTOCK_AGENT_MEMORY_H

/* From now on it goes back to the kernel after 10 ms, as in later versions of the allocator. At once costs a fault per page each time a
 * buffer is used again: a quarter of the processor time of a drain, a third of the events taken in a second. Later leaves no room below
 * 192 MiB (docs/benchmarks.md). */
void agent_return_memory_soon(void);

#endif
