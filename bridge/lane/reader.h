/* SPDX-License-Identifier: MIT
 * reader.h - a place in the spool, event by event: a tail and the chunk that it is in.
 * Bridge thread only. */
#ifndef PENSTOCK_BRIDGE_LANE_READER_H
#define PENSTOCK_BRIDGE_LANE_READER_H

#include "bridge/lane/chunk_pin.h"
#include "spool/spool.h"

struct bridge_reader {
    struct spool_tail *tail;       /* NULL: closed */
    struct bridge_chunk_pin *hold; /* the chunk being read; NULL: between chunks */
    size_t next_pos;               /* in the chunk, after event */
    bool has_event;
    struct spool_event event; /* the next one to be passed */
    uint64_t before_id;       /* position of the tail before the chunk */
    uint64_t passed_id;       /* the highest id passed since the reader was opened */
    uint64_t chunks_read;
};

/* ERR_NOMEM */
enum err bridge_reader_open(struct bridge_reader *reader, struct spool *spool, uint64_t after_id);
void bridge_reader_close(struct bridge_reader *reader); /* a closed reader is fine */

/* Loads reader->event unless it is there, without passing it. Errors: ERR_END (nothing there now),
 * ERR_UNREADABLE and ERR_NOMEM (try later) */
enum err bridge_reader_load(struct bridge_reader *reader, struct bridge_chunk_pin_pool *pool,
                            struct errmsg *msg);

static inline enum err bridge_reader_peek(struct bridge_reader *reader,
                                          struct bridge_chunk_pin_pool *pool, struct errmsg *msg)
{
    return reader->has_event ? ERR_OK : bridge_reader_load(reader, pool, msg);
}

static inline void bridge_reader_pass(struct bridge_reader *reader)
{
    if (reader->event.id > reader->passed_id)
        reader->passed_id = reader->event.id;
    reader->has_event = false;
}

/* Id up to which every event was passed, or doesn't exist. bridge_reader_passed() ignores the event
 * that was read ahead; bridge_reader_position() stands right before it. */
uint64_t bridge_reader_passed(const struct bridge_reader *reader);
uint64_t bridge_reader_position(const struct bridge_reader *reader);

#endif
