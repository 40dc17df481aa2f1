/* SPDX-License-Identifier: MIT
 * background.h - the thread that counts the events earlier runs left, then parks segments and tries
 * unreadable ones again. */
#ifndef PENSTOCK_SPOOL_OPEN_BACKGROUND_H
#define PENSTOCK_SPOOL_OPEN_BACKGROUND_H

/* The thread's body; it ends once the spool is closing. */
void *spool_background_main(void *spool);

#endif
