/* SPDX-License-Identifier: MIT
 * preload_fail.h - the plan of preload_fail.c: which call fails, how, and for how long.
 *
 * Every field is an int64, so that another process can write them into the mapped file, too
 * (tests/e2e/harness.py). */
#ifndef PENSTOCK_TESTS_PRELOAD_FAIL_H
#define PENSTOCK_TESTS_PRELOAD_FAIL_H

#include <stdatomic.h>
#include <stdint.h>

/* What is counted apart. A directory is opened, read and synced like a file. */
enum fail_kind {
    FAIL_OPEN,       /* for reading */
    FAIL_OPEN_WRITE, /* for writing, or to make a file */
    FAIL_WRITE,
    FAIL_FDATASYNC,
    FAIL_FSYNC,
    FAIL_RENAME,
    FAIL_MKDIR,
    FAIL_FTRUNCATE,
    FAIL_UNLINK, /* files and directories */
    FAIL_READ,
    FAIL_READDIR,
    FAIL_STAT,
    FAIL_KINDS
};

#define FAIL_BIT(kind) ((int64_t)1 << (kind))
#define FAIL_EVERY     (FAIL_BIT(FAIL_KINDS) - 1)
#define FAIL_CHANGES                                                                               \
    (FAIL_BIT(FAIL_OPEN_WRITE) | FAIL_BIT(FAIL_WRITE) | FAIL_BIT(FAIL_RENAME) |                    \
     FAIL_BIT(FAIL_MKDIR) | FAIL_BIT(FAIL_FTRUNCATE) | FAIL_BIT(FAIL_UNLINK))

struct fail_plan {
    atomic_int_least64_t kinds;    /* bits: which calls are counted and fail; 0: none. Written
                                    * last. */
    atomic_int_least64_t first;    /* the first that fails, from 1, since `seen` was 0 */
    atomic_int_least64_t times;    /* so many of them in a row; 0: for for_ms */
    atomic_int_least64_t for_ms;   /* with times 0: all of them for so long after the first; -1:
                                    * until told otherwise */
    atomic_int_least64_t error;    /* errno; 0: they succeed, but late */
    atomic_int_least64_t half;     /* a write that fails has written half */
    atomic_int_least64_t late_ms;  /* how long they take before they do what they do */
    atomic_int_least64_t seen;     /* calls of those kinds */
    atomic_int_least64_t failed;   /* of them */
    atomic_int_least64_t until_ms; /* monotonic: the end of for_ms; 0: not begun */
    atomic_int_least64_t counts[FAIL_KINDS]; /* calls of each kind, whatever fails */
};

/* Calls below the directory follow that plan from now on. Before other threads run. A preloaded
 * library takes both from the environment: PENSTOCK_FAIL_ROOT, and PENSTOCK_FAIL_PLAN, a file that
 * holds the struct. */
void preload_fail_use(const char *directory, struct fail_plan *plan);

#endif
