/* SPDX-License-Identifier: MIT
 * delivery_waits.h - the spool's side of the delivery waits: all batches whose delivery a client
 * waits for. */
#ifndef PENSTOCK_SPOOL_COMMIT_DELIVERY_WAITS_H
#define PENSTOCK_SPOOL_COMMIT_DELIVERY_WAITS_H

#include "spool/spool_delivery_wait.h"

struct spool_delivery_waits;
struct spool_delivery_waits *spool_delivery_waits_new(void); /* NULL: out of memory */
/* ends every wait; NULL is fine */
void spool_delivery_waits_close(struct spool_delivery_waits *confirms);
void spool_delivery_waits_register(struct spool_delivery_waits *confirms,
                                   struct spool_delivery_wait *confirm, uint64_t first_id);

#endif
