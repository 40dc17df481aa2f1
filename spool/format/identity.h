/* SPDX-License-Identifier: MIT
 * identity.h - the identity of a spool: its id, its secret, its age. */
#ifndef PENSTOCK_SPOOL_FORMAT_IDENTITY_H
#define PENSTOCK_SPOOL_FORMAT_IDENTITY_H

#include <stdint.h>

struct spool_identity {
    uint16_t version; /* of the format */
    uint8_t uuid[16];
    uint64_t seed;      /* secret: with it a client could make bytes that pass as frames */
    int64_t created_ms; /* wall clock */
};

#endif
