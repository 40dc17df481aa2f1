/* SPDX-License-Identifier: MIT
 * close_later.h - closing a spool that is of no more use, on a thread of its own: its disk may
 * never answer. */
#ifndef PENSTOCK_AGENT_RUN_CLOSE_LATER_H
#define PENSTOCK_AGENT_RUN_CLOSE_LATER_H

#include "bridge/bridge.h"
#include "spool/spool.h"

struct agent_close_later; /* a spool that is being closed; an empty list is NULL */

/* Stops the bridge (NULL is fine) and closes the spool; no other thread may use them any more.
 * Waits at most wait_ms. False: the closing isn't done yet, and goes on. One thread at a time per
 * list. */
bool agent_close_later(struct agent_close_later **list, struct spool *spool, struct bridge *bridge,
                       int64_t wait_ms);

/* Waits for all spools that are still being closed. */
void agent_close_later_done(struct agent_close_later **list);

#endif
