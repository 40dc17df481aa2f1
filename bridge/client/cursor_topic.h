/* SPDX-License-Identifier: MIT
 * cursor_topic.h - the cursor in Kafka: a committed offset on partition 0 of a topic that is
 * never written to.
 *
 * The same rules as in bridge/client/sink_txn.h. */
#ifndef PENSTOCK_BRIDGE_CLIENT_CURSOR_TOPIC_H
#define PENSTOCK_BRIDGE_CLIENT_CURSOR_TOPIC_H

#include "bridge/client/sink_txn.h"

struct bridge_cursor_place {
    const char *group; /* also the transactional id */
    const char *topic;
};

/* Makes the topic with one partition, when there is none. */
enum bridge_txn_result bridge_cursor_topic_make(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                int timeout_ms, struct bridge_txn_error *ret_error);

/* Puts the cursor into the open transaction. */
enum bridge_txn_result bridge_cursor_topic_send(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                uint64_t offset_id, const char *meta,
                                                int timeout_ms, struct bridge_txn_error *ret_error);

/* Reads the cursor back, once no transaction that would change it is pending. ret->meta is
 * malloc'ed; NULL when there is no cursor. */
struct bridge_cursor_read {
    bool found;
    uint64_t offset_id;
    char *meta;
};
enum bridge_txn_result bridge_cursor_topic_read(struct bridge_sink *sink,
                                                const struct bridge_cursor_place *place,
                                                int timeout_ms, struct bridge_cursor_read *ret,
                                                struct bridge_txn_error *ret_error);

#endif
