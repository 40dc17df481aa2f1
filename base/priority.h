/* SPDX-License-Identifier: MIT
 * priority.h - lower priority for threads that may wait. */
#ifndef PENSTOCK_BASE_PRIORITY_H
#define PENSTOCK_BASE_PRIORITY_H

/* Lowers the calling thread's share of the CPU, and that of the threads that it makes from now on:
 * nice is 1 (a little) to 19. On Linux a nice value belongs to a thread. Fails silently, since only
 * speed depends on it. */
void priority_lower(int nice);

#endif
