/* SPDX-License-Identifier: MIT
 * store_leveldb.c - the store on LevelDB's C API; the only file that includes it. */
#include "spool/write/store.h"

#include <leveldb/c.h>
#include <stdlib.h>

#define LEVELDB_WRITE_BUFFER_MAX (1ull << 30) /* db_impl.cc, SanitizeOptions() clips it there */

struct spool_store {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_writeoptions_t *synced;
    leveldb_writebatch_t *batch; /* kept for its capacity */
};

static enum err take_error(char *error, struct errmsg *msg)
{
    enum err rc = errmsg_set(msg, ERR_IO, "LevelDB: %s", error);
    leveldb_free(error);
    return rc;
}

static void set_options(struct spool_store *store, uint64_t bytes_max)
{
    uint64_t write_buffer =
        bytes_max > LEVELDB_WRITE_BUFFER_MAX / 2 ? LEVELDB_WRITE_BUFFER_MAX : 2 * bytes_max;
    leveldb_options_set_create_if_missing(store->options, 1);
    leveldb_options_set_error_if_exists(store->options, 1);
    leveldb_options_set_paranoid_checks(store->options, 1);
    leveldb_options_set_compression(store->options, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(store->options, (size_t)write_buffer);
    /* the minimum that LevelDB accepts; only the log is open */
    leveldb_options_set_max_open_files(store->options, 74);
    leveldb_writeoptions_set_sync(store->synced, 1);
}

enum err spool_store_create(const char *path, uint64_t bytes_max, struct spool_store **ret_store,
                            struct errmsg *msg)
{
    struct spool_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return errmsg_set(msg, ERR_NOMEM, "out of memory");
    store->options = leveldb_options_create();
    store->synced = leveldb_writeoptions_create();
    store->batch = leveldb_writebatch_create();
    set_options(store, bytes_max);
    char *error = NULL;
    store->db = leveldb_open(store->options, path, &error);
    if (error != NULL) {
        spool_store_close(store);
        return take_error(error, msg);
    }
    *ret_store = store;
    return ERR_OK;
}

enum err spool_store_write(struct spool_store *store, const struct spool_store_entry *entries,
                           size_t entry_count, struct errmsg *msg)
{
    leveldb_writebatch_clear(store->batch);
    for (size_t i = 0; i < entry_count; i++)
        leveldb_writebatch_put(store->batch, (const char *)entries[i].key, sizeof entries[i].key,
                               (const char *)entries[i].value.data, entries[i].value.size);
    char *error = NULL;
    leveldb_write(store->db, store->synced, store->batch, &error);
    return error == NULL ? ERR_OK : take_error(error, msg);
}

void spool_store_close(struct spool_store *store)
{
    if (store == NULL)
        return;
    if (store->db != NULL)
        leveldb_close(store->db);
    leveldb_writebatch_destroy(store->batch);
    leveldb_writeoptions_destroy(store->synced);
    leveldb_options_destroy(store->options);
    free(store);
}
