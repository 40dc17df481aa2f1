/* SPDX-License-Identifier: MIT
 * mock.h - a Kafka for trying things out, inside this process: librdkafka's mock cluster on
 * a loopback port.
 *
 * In memory only, keeps about 5 MiB a partition, makes topics by itself with 4 partitions. */
#ifndef PENSTOCK_BRIDGE_CLIENT_MOCK_H
#define PENSTOCK_BRIDGE_CLIENT_MOCK_H

#include "base/err.h"

struct bridge_mock;

enum err bridge_mock_start(struct bridge_mock **ret_mock, struct errmsg *msg); /* ERR_IO */
const char *bridge_mock_bootstrap(const struct bridge_mock *mock);
void bridge_mock_stop(struct bridge_mock *mock); /* NULL is fine */

#endif
