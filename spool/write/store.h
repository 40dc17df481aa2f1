/* SPDX-License-Identifier: MIT
 * store.h - the seam in front of LevelDB: a new database, used as a synced log, never opened again.
 *
 * One thread at a time per store; any thread may close a store that no other uses any more. */
#ifndef PENSTOCK_SPOOL_WRITE_STORE_H
#define PENSTOCK_SPOOL_WRITE_STORE_H

#include "base/bytes.h"
#include "base/err.h"

struct spool_store;

/* Makes a new database in the new directory `path`. bytes_max is an upper bound of all writes: the
 * write buffer is made so large that LevelDB writes only its write-ahead log.
 * Errors: ERR_IO (msg has LevelDB's words), ERR_NOMEM */
enum err spool_store_create(const char *path, uint64_t bytes_max, struct spool_store **ret_store,
                            struct errmsg *msg);

struct spool_store_entry {
    uint8_t key[9]; /* a letter for people with a hex dump, and a big-endian id */
    struct bytes value;
};

/* Writes the entries as one record and syncs it: ERR_OK means on disk. After any error the store
 * must not be written again (LevelDB 1.23 would accept writes that are lost at reopen), only
 * closed.
 * Errors: ERR_IO */
enum err spool_store_write(struct spool_store *store, const struct spool_store_entry *entries,
                           size_t entry_count, struct errmsg *msg);

/* The log's size once the entries are written after its log_bytes, by LevelDB's formats
 * (doc/log_format.md: blocks, fragments; db/write_batch.cc: 12 bytes, then tag, key and value of
 * each entry). */
uint64_t spool_store_log_size(uint64_t log_bytes, const struct spool_store_entry *entries,
                              size_t entry_count);

/* Frees everything, the write buffer too: milliseconds for a full one. NULL is fine. */
void spool_store_close(struct spool_store *store);

#endif
