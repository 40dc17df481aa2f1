/* SPDX-License-Identifier: MIT
 * background.h - the thread that counts what earlier runs left, then parks what can be parked
 * and tries again what could not be read. */
#ifndef PENSTOCK_SPOOL_OPEN_BACKGROUND_H
#define PENSTOCK_SPOOL_OPEN_BACKGROUND_H

/* The thread's body; it ends once the spool is closing. */
void *spool_background_main(void *spool);

#endif
