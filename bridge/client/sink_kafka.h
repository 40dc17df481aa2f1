/* SPDX-License-Identifier: MIT
 * sink_kafka.h - librdkafka's handle of a sink; for the files that wrap that library. */
#ifndef PENSTOCK_BRIDGE_CLIENT_SINK_KAFKA_H
#define PENSTOCK_BRIDGE_CLIENT_SINK_KAFKA_H

#include "bridge/client/sink_txn.h"

struct rd_kafka_s;
struct rd_kafka_error_s;

struct rd_kafka_s *bridge_sink_client(struct bridge_sink *sink); /* rd_kafka_t */

/* A second client, a consumer that joins no group, for reading a group's offsets: librdkafka 2.0's
 * admin call for that (ListConsumerGroupOffsets) aborts the process when the coordinator goes away
 * under it. Made by the first call; NULL: it can't be made. Closed with the sink at the latest. */
struct rd_kafka_s *bridge_sink_group_reader(struct bridge_sink *sink, const char *group);
void bridge_sink_group_reader_close(struct bridge_sink *sink);

/* Takes in and destroys an rd_kafka_error_t; NULL is success. */
enum bridge_txn_result bridge_sink_txn_result(struct rd_kafka_error_s *error,
                                              struct bridge_txn_error *ret_error);

#endif
