/* SPDX-License-Identifier: MIT
 * bridge_sink_kafka.h - librdkafka's handle behind a sink; for the files that wrap that library. */
#ifndef PENSTOCK_BRIDGE_SINK_KAFKA_H
#define PENSTOCK_BRIDGE_SINK_KAFKA_H

#include "bridge/bridge_sink_txn.h"

struct rd_kafka_s;
struct rd_kafka_error_s;

struct rd_kafka_s *bridge_sink_client(struct bridge_sink *sink); /* rd_kafka_t */

/* Takes in and destroys an rd_kafka_error_t; NULL is success. */
enum bridge_txn_result bridge_sink_txn_result(struct rd_kafka_error_s *error, struct bridge_txn_error *ret_error);

#endif
