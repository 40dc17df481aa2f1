/* SPDX-License-Identifier: MIT
 * sim_sched.h - threads as fibers of one thread, and a clock that only the simulation moves.
 *
 * pthread_create() makes a fiber; locks, conditions, sleeps and clocks are the simulation's (the
 * program defines the libc functions, so LevelDB's calls come here, too). A fiber runs until it
 * blocks, sleeps, or yields; then the seed draws which one goes on. When all of them wait for time,
 * the clock jumps to the earliest deadline. Everything is a function of the seed. */
#ifndef PENSTOCK_TESTS_SIM_SCHED_H
#define PENSTOCK_TESTS_SIM_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs fn(arg) as the first fiber and returns when it has returned. Other fibers that are left are
 * dropped. Once per process. */
void sim_sched_run(uint64_t seed, void (*fn)(void *arg), void *arg);

/* A further fiber of the simulation itself: it outlives sim_sched_kill_program(). */
void sim_sched_spawn(const char *name, void (*fn)(void *arg), void *arg);

/* kill -9: every fiber that the program under test has made is dropped where it stands, and so is
 * what it held locked. The memory of the program leaks; nobody looks at it again. */
void sim_sched_kill_program(void);
/* Fibers of the program that are still there. */
size_t sim_sched_program_fibers(void);

/* Fibers of the simulation only: run part of the program (spool_open(), ...) as the program: what
 * it makes belongs to the program, and kill ends this call as well, which then returns false. */
bool sim_sched_call_program(void (*fn)(void *arg), void *arg);

int64_t sim_now_ms(void); /* monotonic, from 1 */
int64_t sim_wall_ms(void);
void sim_set_wall_offset_ms(int64_t offset_ms); /* a clock that jumps */
void sim_sleep_ms(int64_t ms);                  /* the fiber sleeps; others run */
/* Sleeps until the program has made so many more file calls, and goes on in the midst of the last
 * one: a place to kill the program that no clock would meet. False: max_ms have passed. */
bool sim_sleep_calls(uint64_t calls, int64_t max_ms);
void sim_yield(void);

/* Draws from the seed; one stream for all. */
uint64_t sim_random(uint64_t below); /* 0 .. below - 1; below > 0 */
bool sim_chance(unsigned in_1000);

/* Adds a line to the history: `printf` with the virtual time in front. The history's bytes (or
 * their hash) tell whether two runs are equal. Kept in memory; printed when the run is red or
 * asked. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t sim_history_hash(void);
void sim_history_print(void);

/* The run is red: prints why, the seed and the history, and ends the process with 1. */
void sim_red(const char *kind, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

#endif
