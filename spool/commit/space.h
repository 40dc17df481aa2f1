/* SPDX-License-Identifier: MIT
 * space.h - the limits on space: may more be taken? Pure.
 *
 * After a refusal, more is taken only when some room is free again, so that the answer doesn't
 * flap. */
#ifndef PENSTOCK_SPOOL_COMMIT_SPACE_H
#define PENSTOCK_SPOOL_COMMIT_SPACE_H

#include "base/err.h"
#include "spool/spool_options.h"

struct spool_space {
    uint64_t used_bytes; /* of all files below the path */
    uint64_t free_bytes; /* of the filesystem */
    uint64_t new_bytes;  /* queued and asked for */
};

/* The space that ingest leaves free: min_free, and at least two segments. */
uint64_t spool_space_floor(const struct spool_options *options);

/* was_refused: the answer before was ERR_FULL. Errors: ERR_FULL (msg names the limit) */
enum err spool_space_check(const struct spool_options *options, const struct spool_space *space,
                           bool was_refused, struct errmsg *msg);

#endif
