/* SPDX-License-Identifier: MIT
 * sim_letters.h - what people do with dead letters. */
#ifndef PENSTOCK_TESTS_SIM_LETTERS_H
#define PENSTOCK_TESTS_SIM_LETTERS_H

#include <stdbool.h>

/* The oldest `count` letters are requeued (as new events, as agent/ does it) or dropped. */
void sim_letters_take(unsigned count, bool requeue);

#endif
