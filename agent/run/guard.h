/* SPDX-License-Identifier: MIT
 * guard.h - the thread that looks for the spool, opens it, and watches that it stays where it
 * belongs.
 *
 * While the spool isn't there, ingest listens without one and says why; when the right one appears
 * it goes on by itself. The bridge lives as long as the open spool: what was accepted is delivered
 * even while the path leads elsewhere. */
#ifndef PENSTOCK_AGENT_RUN_GUARD_H
#define PENSTOCK_AGENT_RUN_GUARD_H

#include "agent/pages/state.h"
#include "config/config.h"

struct agent_guard;

/* Both are called on the guard's thread, at most once each. */
struct agent_guard_calls {
    /* the spool was there for the first time; the bridge runs */
    void (*up)(void *arg);
    /* there won't be one: nothing happens any more */
    void (*gave_up)(void *arg, const struct errmsg *why);
    void (*let_go)(
        void *arg); /* the spool that was there is of no more use: nothing may hold its filesystem.
                     * NULL: nobody does */
    void *arg;
};

/* Starts to look, at once. state->ingest must be there; state's spool and bridge are the guard's
 * from now on. config, state and calls outlive it. ERR_NOMEM */
enum err agent_guard_start(const struct config *config, struct agent_state *state,
                           const struct agent_guard_calls *calls, struct agent_guard **ret_guard,
                           struct errmsg *msg);

/* From now on the spool and the bridge, these and those to come, have this config's settings as far
 * as they can change: spool_set_limits(), bridge_set_options(). It outlives the guard. One
 * thread. */
void agent_guard_set(struct agent_guard *guard, const struct config *config);

/* Ends the thread, once whatever it is doing is done. state's spool and bridge stay as they are,
 * the caller's again. NULL is fine. */
void agent_guard_stop(struct agent_guard *guard);

#endif
