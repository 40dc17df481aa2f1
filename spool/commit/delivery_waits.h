/* SPDX-License-Identifier: MIT
 * delivery_waits.h - all batches of which somebody waits until Kafka has them: the spool's side. */
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
