/* SPDX-License-Identifier: MIT
 * reader.c - the spool's chunks taken apart into events. */
#include "bridge/lane/reader.h"

enum err bridge_reader_open(struct bridge_reader *reader, struct spool *spool, uint64_t after_id)
{
    *reader = (struct bridge_reader){.before_id = after_id, .passed_id = after_id};
    return spool_tail_open(spool, after_id, &reader->tail);
}

void bridge_reader_close(struct bridge_reader *reader)
{
    bridge_chunk_pin_release(reader->hold);
    spool_tail_close(reader->tail);
    *reader = (struct bridge_reader){0};
}

static enum err bridge_reader_load_chunk(struct bridge_reader *reader,
                                         struct bridge_chunk_pin_pool *pool, struct errmsg *msg)
{
    /* made before reading, since a chunk that was read must not be lost */
    struct bridge_chunk_pin *hold = bridge_chunk_pin_new(pool);
    if (hold == NULL)
        return ERR_NOMEM;
    uint64_t before_id = spool_tail_position(reader->tail);
    struct spool_chunk *chunk;
    enum err rc = spool_tail_next(reader->tail, &chunk, msg);
    if (rc != ERR_OK) {
        bridge_chunk_pin_release(hold);
        return rc;
    }
    bridge_chunk_pin_fill(hold, chunk);
    reader->hold = hold;
    reader->before_id = before_id;
    reader->next_pos = 0;
    reader->chunks_read++;
    return ERR_OK;
}

enum err bridge_reader_load(struct bridge_reader *reader, struct bridge_chunk_pin_pool *pool,
                            struct errmsg *msg)
{
    for (;;) {
        if (reader->hold == NULL) {
            enum err rc = bridge_reader_load_chunk(reader, pool, msg);
            if (rc != ERR_OK)
                return rc;
        }
        if (spool_chunk_next(reader->hold->chunk, &reader->next_pos, &reader->event)) {
            reader->has_event = true;
            return ERR_OK;
        }
        bridge_chunk_pin_release(reader->hold);
        reader->hold = NULL;
    }
}

uint64_t bridge_reader_passed(const struct bridge_reader *reader)
{
    if (reader->hold == NULL)
        return spool_tail_position(reader->tail);
    return reader->passed_id > reader->before_id ? reader->passed_id : reader->before_id;
}

uint64_t bridge_reader_position(const struct bridge_reader *reader)
{
    return reader->has_event ? reader->event.id - 1 : bridge_reader_passed(reader);
}
