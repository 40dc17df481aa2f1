/* SPDX-License-Identifier: MIT
 * spool_topic_name.h - Kafka's rule for topic names (org.apache.kafka.common.internals.Topic).
 * Pure. */
#ifndef PENSTOCK_SPOOL_TOPIC_NAME_H
#define PENSTOCK_SPOOL_TOPIC_NAME_H

#include "base/bytes.h"

/* 1 to 249 of [a-zA-Z0-9._-], and neither "." nor "..". */
bool spool_topic_name_valid(struct bytes name);

#endif
