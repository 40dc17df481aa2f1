/* SPDX-License-Identifier: MIT
 * id_set.h - a set of event ids, sorted; adding is cheap when they come about in order. Pure
 * but for memory. */
#ifndef PENSTOCK_SPOOL_FORMAT_ID_SET_H
#define PENSTOCK_SPOOL_FORMAT_ID_SET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty. */
struct spool_id_set {
    uint64_t *ids; /* ascending */
    size_t count, capacity;
};

bool spool_id_set_has(const struct spool_id_set *set, uint64_t id);
enum err spool_id_set_reserve(struct spool_id_set *set); /* makes room for one more; ERR_NOMEM */
/* Adds an id; false: the set has it already. There must be room. */
bool spool_id_set_add(struct spool_id_set *set, uint64_t id);
void spool_id_set_free(struct spool_id_set *set);

#endif
