/* SPDX-License-Identifier: MIT
 * sink_txn.h - the seam to the transactions of Kafka's client, and to the cursor that they
 * carry.
 *
 * For a sink that was opened with a transactional id; on its one thread. Every call blocks for at
 * most its timeout; one that says BRIDGE_TXN_LATER is made again with the same arguments (the
 * client goes on with it meanwhile). Delivery reports may come from within commit and abort. */
#ifndef PENSTOCK_BRIDGE_CLIENT_SINK_TXN_H
#define PENSTOCK_BRIDGE_CLIENT_SINK_TXN_H

#include "bridge/client/sink.h"
#include "bridge/rules/cursor_text.h"

enum bridge_txn_result {
    BRIDGE_TXN_OK,
    BRIDGE_TXN_LATER,  /* not yet: the same call again */
    BRIDGE_TXN_ABORT,  /* the transaction can't be committed: abort it */
    BRIDGE_TXN_DEAD,   /* the producer is finished */
    BRIDGE_TXN_FAILED, /* only this call failed */
};

struct bridge_txn_error {
    int code; /* as for bridge_error_of() */
    char text[256];
};

enum bridge_txn_result bridge_sink_txn_init(struct bridge_sink *sink, int timeout_ms,
                                            struct bridge_txn_error *ret_error);
enum bridge_txn_result bridge_sink_txn_begin(struct bridge_sink *sink,
                                             struct bridge_txn_error *ret_error);
enum bridge_txn_result bridge_sink_txn_commit(struct bridge_sink *sink, int timeout_ms,
                                              struct bridge_txn_error *ret_error);
enum bridge_txn_result bridge_sink_txn_abort(struct bridge_sink *sink, int timeout_ms,
                                             struct bridge_txn_error *ret_error);

/* The cluster's id, "" when it isn't known within timeout_ms. */
void bridge_sink_cluster(struct bridge_sink *sink, int timeout_ms,
                         char ret_id[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE]);

/* The cluster's id, asked of a broker right now. False: no broker has answered. */
bool bridge_sink_cluster_now(struct bridge_sink *sink, int timeout_ms,
                             char ret_id[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE]);

/* Does the cluster show the topic, and a leader for each of its partitions? 0, or the code of what
 * is missing; BRIDGE_SINK_UNSEEN when there was no answer in time. */
#define BRIDGE_SINK_UNSEEN (-185)
int bridge_sink_topic_look(struct bridge_sink *sink, struct bridge_sink_topic *topic,
                           int timeout_ms);

#endif
