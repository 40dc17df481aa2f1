/* SPDX-License-Identifier: MIT
 * tsan_threads.h - a program that uses librdkafka mentions this, so that tsan_threads.c is linked
 * into it. */
#ifndef PENSTOCK_TESTS_TSAN_THREADS_H
#define PENSTOCK_TESTS_TSAN_THREADS_H

extern int tsan_threads_linked;

#endif
