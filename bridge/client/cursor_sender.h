/* SPDX-License-Identifier: MIT
 * cursor_sender.h - a thread that puts the cursor into the open transaction, so that the bridge's
 * own goes on taking reports.
 *
 * That one call of librdkafka's does not keep to its timeout: while the group's coordinator is away
 * it hangs until that is back. The transaction may not be used otherwise meanwhile, and
 * the client can't be closed. One call at a time. */
#ifndef PENSTOCK_BRIDGE_CLIENT_CURSOR_SENDER_H
#define PENSTOCK_BRIDGE_CLIENT_CURSOR_SENDER_H

#include "bridge/client/cursor_topic.h"

#include <pthread.h>

struct bridge_cursor_sender {
    pthread_t thread;
    pthread_mutex_t lock; /* guards all of the following */
    pthread_cond_t changed;
    enum { BRIDGE_SENDER_IDLE, BRIDGE_SENDER_ASKED, BRIDGE_SENDER_DONE, BRIDGE_SENDER_STOP } state;
    struct bridge_sink *sink;
    struct bridge_cursor_place place;
    uint64_t offset_id;
    const char *meta;
    enum bridge_txn_result result;
    struct bridge_txn_error error;
};

enum err bridge_cursor_sender_start(struct bridge_cursor_sender *sender); /* ERR_NOMEM */
/* No call may be under way. */
void bridge_cursor_sender_stop(struct bridge_cursor_sender *sender);

/* place and meta stay as they are until the answer is taken. The sink is woken when it is there. */
void bridge_cursor_sender_ask(struct bridge_cursor_sender *sender, struct bridge_sink *sink,
                              const struct bridge_cursor_place *place, uint64_t offset_id,
                              const char *meta);
bool bridge_cursor_sender_busy(struct bridge_cursor_sender *sender);
/* False: no answer yet. */
bool bridge_cursor_sender_answer(struct bridge_cursor_sender *sender,
                                 enum bridge_txn_result *ret_result,
                                 struct bridge_txn_error *ret_error);

#endif
