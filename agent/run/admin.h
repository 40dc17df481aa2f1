/* SPDX-License-Identifier: MIT
 * admin.h - <spool>/admin.sock: requests that only people with rights on the spool's directory may
 * make.
 *
 * A Unix socket, mode 0600, that is there while the spool is open. A request is one line, `drop
 * ID…` or `requeue ID…`; the answer is one line, `ok COUNT` or `error TEXT`. */
#ifndef PENSTOCK_AGENT_RUN_ADMIN_H
#define PENSTOCK_AGENT_RUN_ADMIN_H

#include "agent/pages/state.h"

#define AGENT_ADMIN_SOCKET         "admin.sock"
#define AGENT_ADMIN_LINE_BYTES_MAX (16u << 20)

struct agent_admin;

/* Starts the thread that serves the socket, for the spool that the state has at the time.
 * ERR_NOMEM */
enum err agent_admin_start(struct agent_state *state, struct agent_admin **ret_admin);
/* Call when the state's spool is let go of: returns when the socket no longer holds the spool's
 * filesystem (even an unmounted one would stay). NULL is fine */
void agent_admin_forget(struct agent_admin *admin);
void agent_admin_stop(struct agent_admin *admin); /* before the spool is closed for good; NULL is
                                                   * fine */

/* Answers a request: writes the answer, with its LF. Holds the state's lock for reading
 * meanwhile. */
void agent_admin_answer(struct agent_state *state, const char *line, struct buf *out);

/* agent/run/requeue.c: makes new events of letters (ids ascending), then removes those letters.
 * After an error *ret_count counts those that were done, which are no letters any more. Errors: as
 * spool_submit() and spool_letters_remove(), ERR_TIMEOUT */
enum err agent_requeue(struct spool *spool, const uint64_t *ids, size_t count, size_t *ret_count,
                       struct errmsg *msg);

#endif
