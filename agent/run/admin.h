/* SPDX-License-Identifier: MIT
 * admin.h - <spool>/admin.sock: what only those may ask for who may read the spool's
 * directory.
 *
 * A Unix socket, mode 0600, that is there while the spool is open. A request is one line, `drop
 * ID…` or `requeue ID…`; the answer is one line, `ok COUNT` or `error TEXT`. */
#ifndef PENSTOCK_AGENT_RUN_ADMIN_H
#define PENSTOCK_AGENT_RUN_ADMIN_H

#include "agent/pages/state.h"

#define AGENT_ADMIN_SOCKET         "admin.sock"
#define AGENT_ADMIN_LINE_BYTES_MAX (16u << 20)

struct agent_admin;

/* Starts the thread that serves it, for whatever spool the state has. ERR_NOMEM */
enum err agent_admin_start(struct agent_state *state, struct agent_admin **ret_admin);
/* The state's spool is let go of: returns when the socket no longer holds its filesystem (even an
 * unmounted one would stay). NULL is fine */
void agent_admin_forget(struct agent_admin *admin);
void agent_admin_stop(struct agent_admin *admin); /* before the spool is closed for good; NULL is
                                                   * fine */

/* What a request comes to: writes the answer, with its LF. Holds the state's lock for reading
 * meanwhile. */
void agent_admin_answer(struct agent_state *state, const char *line, struct buf *out);

/* agent/run/requeue.c: makes new events of letters (ids ascending), then removes those. On an error
 * some may have been done: those are counted, and no letters any more. Errors: as spool_submit()
 * and spool_letters_remove(), ERR_TIMEOUT */
enum err agent_requeue(struct spool *spool, const uint64_t *ids, size_t count, size_t *ret_count,
                       struct errmsg *msg);

#endif
