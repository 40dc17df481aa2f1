/* SPDX-License-Identifier: MIT
 * sim_switch.h - stacks, and going from one to another. */
#ifndef PENSTOCK_TESTS_SIM_SWITCH_H
#define PENSTOCK_TESTS_SIM_SWITCH_H

#include <stddef.h>

enum { SIM_STACK_BYTES = 256 << 10 };

/* A place to go on from: saved registers on a stack. */
struct sim_context {
    void *sp;
    void *stack;      /* lowest byte; NULL: the process's own */
    void *asan_stack; /* AddressSanitizer's fake one */
};

/* A context on a stack from the pool, where entry() begins at the first switch; entry() never
 * returns. */
void sim_context_make(struct sim_context *context, void (*entry)(void));
/* Gives the stack back. Of the running context, too: then only a switch may follow. */
void sim_context_free(struct sim_context *context);

/* Saves the running context in `from` and goes on in `to`; returns when somebody goes back. */
void sim_context_switch(struct sim_context *from, struct sim_context *to);
/* The first call of entry(). */
void sim_context_entered(void);

#endif
