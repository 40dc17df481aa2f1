/* SPDX-License-Identifier: MIT
 * close_later.h - closing a spool that is of no more use, on a thread of its own: its disk may
 * never answer. */
#ifndef PENSTOCK_AGENT_RUN_CLOSE_LATER_H
#define PENSTOCK_AGENT_RUN_CLOSE_LATER_H

#include "bridge/bridge.h"
#include "spool/spool.h"

struct agent_close_later; /* one that is being closed; a list begins with NULL */

/* Stops the bridge (NULL is fine) and closes the spool; nobody else uses them any more. Waits for
 * that for so long. False: it isn't done yet, and goes on. One thread at a time per list. */
bool agent_close_later(struct agent_close_later **list, struct spool *spool, struct bridge *bridge,
                       int64_t wait_ms);

/* Waits for all that were not done. */
void agent_close_later_done(struct agent_close_later **list);

#endif
