/* SPDX-License-Identifier: MIT
 * damage_phase.h - runs a piece of a test in a process of its own, so that signals and hangs are
 * caught and named. */
#ifndef PENSTOCK_TESTS_DAMAGE_PHASE_H
#define PENSTOCK_TESTS_DAMAGE_PHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum phase_end { PHASE_OK, PHASE_FAILED, PHASE_SIGNAL, PHASE_HANG };

struct phase_result {
    enum phase_end end;
    char text[600]; /* what went wrong */
};

/* Forks, runs fn(arg), which returns or calls phase_fail() or _exit(0), and waits for its end,
 * limit_ms at most. */
void phase_run(void (*fn)(void *arg), void *arg, int64_t limit_ms, struct phase_result *ret_result);

/* In the child: ends it with these words. */
_Noreturn void phase_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* phase_run() that fails the running test unless all went well. */
void phase_must(void (*fn)(void *arg), void *arg, const char *what);

#endif
