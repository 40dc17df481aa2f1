/* SPDX-License-Identifier: MIT
 * links.h - how many events of an old segment count, by the links of those after it. */
#ifndef PENSTOCK_SPOOL_RECOVER_LINKS_H
#define PENSTOCK_SPOOL_RECOVER_LINKS_H

#include "base/err.h"

#include <stdint.h>

struct spool;

/* Frames of an old segment at or beyond this count were moved on or refused: looked up in the links
 * of the segments after it. SPOOL_COUNT_UNKNOWN: there is no such limit. Reads a little from disk.
 * ERR_UNREADABLE, ERR_NOMEM */
enum err spool_links_count_limit(struct spool *spool, uint64_t segment_id, uint32_t *ret_limit,
                                 struct errmsg *msg);

#endif
