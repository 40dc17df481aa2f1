/* SPDX-License-Identifier: MIT
 * producer.h - the producer's life, and whether Kafka is there. Bridge thread only. */
#ifndef PENSTOCK_BRIDGE_OPEN_PRODUCER_H
#define PENSTOCK_BRIDGE_OPEN_PRODUCER_H

#include "base/err.h"

#include <stdbool.h>

struct bridge;

enum err bridge_producer_open(struct bridge *bridge, struct errmsg *msg);
/* Closes the producer without waiting; what is in flight counts as failed in the windows. */
void bridge_producer_close(struct bridge *bridge);
void bridge_producer_tend(struct bridge *bridge);
void bridge_producer_trouble(void *bridge, int code, const char *text);
void bridge_producer_line(void *bridge, bool problem, const char *text);

#endif
