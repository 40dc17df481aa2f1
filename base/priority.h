/* SPDX-License-Identifier: MIT
 * priority.h - threads that others needn't wait for. */
#ifndef PENSTOCK_BASE_PRIORITY_H
#define PENSTOCK_BASE_PRIORITY_H

/* Lowers the calling thread's share of the CPU, and that of the threads it makes from now on: nice
 * is 1 (a little) to 19. On Linux a nice value belongs to a thread. Fails silently: it is only
 * about speed. */
void priority_lower(int nice);

#endif
