/* SPDX-License-Identifier: MIT
 * sim_fiber.h - the scheduler as the interposed libc functions see it: the running fiber, waiting
 * and waking.
 *
 * An object that fibers wait for is just an address. Outside sim_sched_run() there is no fiber, and
 * the interposed functions do what libc does or nothing. */
#ifndef PENSTOCK_TESTS_SIM_FIBER_H
#define PENSTOCK_TESTS_SIM_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_FOREVER INT64_MAX

/* Whether sim_sched_run() runs. */
bool sim_fiber_is_running(void);
/* Whether the running fiber is one of the program under test. */
bool sim_fiber_is_program(void);
/* From 1; 0 outside sim_sched_run(). */
uint32_t sim_fiber_id(void);
/* A piece of text for deadlocks: at most 15 characters are kept. */
bool sim_fiber_set_name(uint32_t id, const char *name);

/* A fiber of the program. Returns its id. */
uint32_t sim_fiber_start(void *(*fn)(void *arg), void *arg);
/* Waits for its end. False: no such fiber, or it was killed. */
bool sim_fiber_join(uint32_t id, void **ret_value);

int64_t sim_now_ns(void); /* monotonic */
int64_t sim_wall_ns(void);
/* A call that costs so much time, and where the seed may let others go on. */
void sim_fiber_point(int64_t cost_ns);

/* Waits until somebody wakes the object's waiters or the time has come; what: a word for
 * deadlocks. False: the time has come. until_ns is on the wall clock when `wall`. */
bool sim_fiber_wait(const void *object, const char *what, int64_t until_ns, bool wall);
/* Lets one waiter that the seed draws, or all, go on. */
void sim_fiber_wake_one(const void *object);
void sim_fiber_wake_all(const void *object);

/* The point of sim_sleep_calls(): a file call was made. */
void sim_fiber_count_call(void);

/* Goes into the hash of the history, but not into its text. */
void sim_note_value(uint64_t value);
/* Begins the stream of random numbers. */
void sim_note_begin(uint64_t seed);

/* The memory of shared libraries that begins anew with each process. */
void sim_statics_save(void);
void sim_statics_restore(void);

#endif
