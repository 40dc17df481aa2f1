/* SPDX-License-Identifier: MIT
 * store_size.c - how long LevelDB's write-ahead log becomes by a write. Pure. */
#include "spool/write/store.h"

#include "base/codec.h"

enum {
    BLOCK_SIZE = 32768, /* doc/log_format.md */
    FRAGMENT_HEADER = 7,
    BATCH_HEADER = 12, /* db/write_batch.cc, kHeader: sequence number and count */
    KEY_HEADER = 2,    /* tag, and the size of a short key as a varint */
};

static uint64_t record_size(const struct spool_store_entry *entries, size_t entry_count)
{
    uint64_t size = BATCH_HEADER;
    for (size_t i = 0; i < entry_count; i++)
        size += KEY_HEADER + sizeof entries[i].key + codec_varint_size(entries[i].value.size) +
                entries[i].value.size;
    return size;
}

uint64_t spool_store_log_size(uint64_t log_bytes, const struct spool_store_entry *entries,
                              size_t entry_count)
{
    uint64_t left = record_size(entries, entry_count);
    do {
        uint64_t in_block = BLOCK_SIZE - log_bytes % BLOCK_SIZE;
        if (in_block < FRAGMENT_HEADER) { /* too little for a header: filled with zeros */
            log_bytes += in_block;
            in_block = BLOCK_SIZE;
        }
        uint64_t fragment = left < in_block - FRAGMENT_HEADER ? left : in_block - FRAGMENT_HEADER;
        log_bytes += FRAGMENT_HEADER + fragment;
        left -= fragment;
    } while (left > 0);
    return log_bytes;
}
