/* SPDX-License-Identifier: MIT
 * delivery_waits.h - all batches of which somebody waits until Kafka has them: the spool's side. */
#ifndef PENSTOCK_SPOOL_COMMIT_DELIVERY_WAITS_H
#define PENSTOCK_SPOOL_COMMIT_DELIVERY_WAITS_H

#include "spool/spool_delivery_wait.h"

struct spool_confirms;
struct spool_confirms *spool_confirms_new(void);            /* NULL: out of memory */
void spool_confirms_close(struct spool_confirms *confirms); /* ends every wait; NULL is fine */
void spool_confirms_register(struct spool_confirms *confirms, struct spool_confirm *confirm,
                             uint64_t first_id);

#endif
