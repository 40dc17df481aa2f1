/* SPDX-License-Identifier: MIT
 * confirmed.h - the answer to a request that has waited until Kafka has its events: the place of
 * each event. Pure. */
#ifndef PENSTOCK_INGEST_REQUEST_CONFIRMED_H
#define PENSTOCK_INGEST_REQUEST_CONFIRMED_H

#include "base/buf.h"
#include "spool/spool_delivery_wait.h"

void ingest_confirmed_render(const struct spool_delivery_wait *confirm, bool v2, struct buf *out);

#endif
