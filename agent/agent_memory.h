/* SPDX-License-Identifier: MIT
 * agent_memory.h - how the program's allocator treats memory that was freed. */
#ifndef PENSTOCK_AGENT_MEMORY_H
#define PENSTOCK_AGENT_MEMORY_H

/* From now on it goes back to the kernel at once. The usual delay keeps what thread after thread has freed: 229 instead of 127 to
 * 146 MiB at the peak, and costs as much time (docs/benchmarks.md). */
void agent_return_memory_at_once(void);

#endif
