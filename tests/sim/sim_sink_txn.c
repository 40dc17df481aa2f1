/* SPDX-License-Identifier: MIT
 * sim_sink_txn.c - transactions are not modelled: what the bridge's objects need to link. */
#include "bridge/client/cursor_topic.h"
#include "bridge/client/sink_txn.h"
#include "bridge/client/sink_kafka.h"

#include <stdlib.h>

enum bridge_txn_result bridge_sink_txn_init(struct bridge_sink *sink, int timeout_ms,
                                            struct bridge_txn_error *ret_error)
{
    (void)sink, (void)timeout_ms, (void)ret_error;
    abort();
}

enum bridge_txn_result bridge_sink_txn_begin(struct bridge_sink *sink,
                                             struct bridge_txn_error *ret_error)
{
    (void)sink, (void)ret_error;
    abort();
}

enum bridge_txn_result bridge_sink_txn_commit(struct bridge_sink *sink, int timeout_ms,
                                              struct bridge_txn_error *ret_error)
{
    (void)sink, (void)timeout_ms, (void)ret_error;
    abort();
}

enum bridge_txn_result bridge_sink_txn_abort(struct bridge_sink *sink, int timeout_ms,
                                             struct bridge_txn_error *ret_error)
{
    (void)sink, (void)timeout_ms, (void)ret_error;
    abort();
}

void bridge_sink_cluster(struct bridge_sink *sink, int timeout_ms,
                         char ret_id[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE])
{
    (void)sink, (void)timeout_ms;
    ret_id[0] = '\0';
}

bool bridge_sink_cluster_now(struct bridge_sink *sink, int timeout_ms,
                             char ret_id[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE])
{
    (void)sink, (void)timeout_ms;
    ret_id[0] = '\0';
    return false;
}

int bridge_sink_topic_look(struct bridge_sink *sink, struct bridge_sink_topic *topic,
                           int timeout_ms)
{
    (void)sink, (void)topic, (void)timeout_ms;
    return 0; /* no copies of dead letters are made in the simulation */
}

enum bridge_txn_result bridge_cursor_topic_make(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                int timeout_ms, struct bridge_txn_error *ret_error)
{
    (void)sink, (void)place, (void)timeout_ms, (void)ret_error;
    abort();
}

enum bridge_txn_result bridge_cursor_topic_send(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                uint64_t offset_id, const char *meta,
                                                int timeout_ms, struct bridge_txn_error *ret_error)
{
    (void)sink, (void)place, (void)offset_id, (void)meta, (void)timeout_ms, (void)ret_error;
    abort();
}

enum bridge_txn_result bridge_cursor_topic_read(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                int timeout_ms, struct bridge_cursor_read *ret,
                                                struct bridge_txn_error *ret_error)
{
    (void)sink, (void)place, (void)timeout_ms, (void)ret, (void)ret_error;
    abort();
}

void bridge_sink_group_reader_close(struct bridge_sink *sink)
{
    (void)sink; /* none was opened */
}
