/* SPDX-License-Identifier: MIT
 * sim_switch.c - switches of stacks without a system call. */
#include "tests/sim/sim_switch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* kill -9 leaks everything. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}
#endif

static void *pool[1024]; /* stacks that no fiber uses */
static size_t pool_count;

/* ---- stacks ---------------------------------------------------------------------------------- */

static void *take_stack(void)
{
    if (pool_count > 0)
        return pool[--pool_count];
    void *stack = mmap(NULL, SIM_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        abort();
    (void)mprotect(stack, 4096, PROT_NONE); /* too deep a call ends the process */
    return stack;
}

void sim_context_free(struct sim_context *context)
{
    if (context->stack != NULL && pool_count < sizeof pool / sizeof pool[0])
        pool[pool_count++] = context->stack;
    context->stack = NULL;
}

/* ---- switches -------------------------------------------------------------------------------- */

#if defined(__x86_64__)
void sim_switch_stacks(void **save_sp, void *sp);
__asm__(".text\n"
        ".globl sim_switch_stacks\n"
        ".type sim_switch_stacks,@function\n"
        "sim_switch_stacks:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size sim_switch_stacks,.-sim_switch_stacks\n");

static void *first_frame(uint8_t *top, void (*entry)(void))
{
    void **sp = (void **)(void *)top;
    *--sp = NULL; /* where entry() would return to; the stack stands as after a call */
    *--sp = (void *)(uintptr_t)entry;
    for (int i = 0; i < 6; i++)
        *--sp = NULL;
    return sp;
}
#elif defined(__aarch64__)
void sim_switch_stacks(void **save_sp, void *sp);
__asm__(".text\n"
        ".globl sim_switch_stacks\n"
        ".type sim_switch_stacks,%function\n"
        "sim_switch_stacks:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size sim_switch_stacks,.-sim_switch_stacks\n");

static void *first_frame(uint8_t *top, void (*entry)(void))
{
    void **sp = (void **)(void *)(top - 160);
    memset(sp, 0, 160);
    sp[11] = (void *)(uintptr_t)entry; /* x30 */
    return sp;
}
#else
#error "the simulation switches stacks on x86-64 and arm64 only"
#endif

void sim_context_make(struct sim_context *context, void (*entry)(void))
{
    *context = (struct sim_context){.stack = take_stack()};
#ifdef SIM_ASAN
    __asan_unpoison_memory_region((char *)context->stack + 4096, SIM_STACK_BYTES - 4096);
#endif
    context->sp = first_frame((uint8_t *)context->stack + SIM_STACK_BYTES - 64, entry);
}

#ifdef SIM_ASAN
static struct sim_context *left; /* whom the running context was entered from */
static struct sim_context own;   /* where the process's own stack lies */

void sim_context_entered(void)
{
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(NULL, &bottom, &size);
    if (own.stack == NULL && left != NULL && left->stack == NULL) {
        own.stack = (void *)(uintptr_t)bottom;
        own.sp = (void *)size;
    }
}

void sim_context_switch(struct sim_context *from, struct sim_context *to)
{
    const void *bottom = to->stack != NULL ? to->stack : own.stack;
    left = from;
    __sanitizer_start_switch_fiber(&from->asan_stack, bottom,
                                   to->stack != NULL ? SIM_STACK_BYTES : (size_t)own.sp);
    sim_switch_stacks(&from->sp, to->sp);
    __sanitizer_finish_switch_fiber(from->asan_stack, NULL, NULL);
}
#else
void sim_context_entered(void)
{
}

void sim_context_switch(struct sim_context *from, struct sim_context *to)
{
    sim_switch_stacks(&from->sp, to->sp);
}
#endif
