/* SPDX-License-Identifier: MIT
 * crc32c.h - CRC-32C (Castagnoli, RFC 3720 B.4), as LevelDB's log and Kafka's batches use it.
 * Uses the processor's instruction where there is one. Any thread may call. */
#ifndef PENSTOCK_BASE_CRC32C_H
#define PENSTOCK_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of data appended to bytes whose checksum is crc (0 at the start). */
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size);

static inline uint32_t crc32c(const void *data, size_t size)
{
    return crc32c_extend(0, data, size);
}

#endif
