/* SPDX-License-Identifier: MIT
 * whereabouts.h - where a segment lies: whole in segments/, or its pending events in parked/. */
#ifndef PENSTOCK_SPOOL_RECOVER_WHEREABOUTS_H
#define PENSTOCK_SPOOL_RECOVER_WHEREABOUTS_H

#include "spool/read/reader.h"

struct spool;

/* Where a segment lies: parked/ (then *ret_parked) or segments/. Any thread. */
int spool_whereabouts_folder(struct spool *spool, uint64_t segment_id, bool *ret_parked);

#define SPOOL_WHEREABOUTS_NAME_SIZE 32

/* For reading all of a segment there. name is what the options point to. */
struct spool_reader_options spool_whereabouts_reader_options(
    struct spool *spool, uint64_t segment_id, char name[SPOOL_WHEREABOUTS_NAME_SIZE]);

#endif
