/* SPDX-License-Identifier: MIT
 * guard.h - the thread that looks for the spool, opens it, and watches that it stays in its
 * place.
 *
 * While the spool isn't there, ingest listens without one and says why. When the right spool
 * appears, the guard gives it to ingest. The bridge lives as long as the open spool: accepted
 * events are delivered even while the path leads elsewhere. */
#ifndef PENSTOCK_AGENT_RUN_GUARD_H
#define PENSTOCK_AGENT_RUN_GUARD_H

#include "agent/pages/state.h"
#include "config/config.h"

struct agent_guard;

/* Callbacks, on the guard's thread; up and gave_up at most once. */
struct agent_guard_calls {
    /* the spool was there for the first time; the bridge runs */
    void (*up)(void *arg);
    /* no spool can be opened: the guard has given up */
    void (*gave_up)(void *arg, const struct errmsg *why);
    /* the spool is of no more use: its filesystem must be held no longer; NULL: no callback */
    void (*let_go)(void *arg);
    void *arg;
};

/* Starts to look at once. state->ingest must be there; state's spool and bridge belong to the guard
 * from now on. config, state and calls outlive the guard. ERR_NOMEM */
enum err agent_guard_start(const struct config *config, struct agent_state *state,
                           const struct agent_guard_calls *calls, struct agent_guard **ret_guard,
                           struct errmsg *msg);

/* Applies this config's settings, as far as they can change, to the spool and the bridge and to
 * those that follow: spool_set_limits(), bridge_set_options(). config outlives the guard. One
 * thread. */
void agent_guard_set(struct agent_guard *guard, const struct config *config);

/* Ends the thread, after its current step. state's spool and bridge stay as they are and belong to
 * the caller again. NULL is fine. */
void agent_guard_stop(struct agent_guard *guard);

#endif
