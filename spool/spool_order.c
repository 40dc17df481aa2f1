/* SPDX-License-Identifier: MIT
 * spool_order.c - windows of ascending indexes. */
#include "spool/spool_order.h"

void spool_window_end_done(struct spool_window_end *end)
{
    spool_index_set_free(&end->seen);
}

enum err spool_window_end_feed(struct spool_window_end *end, uint32_t index)
{
    bool is_new, late;
    if (end->below != 0 && index >= end->below)
        return ERR_OK;
    enum err rc = spool_index_set_reserve(&end->seen, index, &is_new);
    if (rc != ERR_OK || !is_new)
        return rc;
    uint32_t next;
    late = spool_index_set_next(&end->seen, index, &next) && (end->below == 0 || next < end->below);
    if (late) /* what stood before it and comes after it belongs to later windows */
        end->below = next;
    spool_index_set_add(&end->seen, index);
    return ERR_OK;
}

void spool_order_done(struct spool_order *order)
{
    spool_ranges_free(&order->gone);
    *order = (struct spool_order){0};
}

static enum err feed_chunk(struct spool_window_end *end, const struct spool_chunk *chunk)
{
    struct spool_event event;
    enum err rc = ERR_OK;
    for (size_t at = 0; rc == ERR_OK && spool_chunk_next(chunk, &at, &event);)
        rc = spool_window_end_feed(end, spool_id_index(event.id));
    return rc;
}

enum err spool_order_find(struct spool_order *order, const struct spool_reader_options *options, struct errmsg *msg)
{
    struct spool_window_end end = {0};
    struct spool_reader *reader = NULL;
    struct spool_chunk *chunk;
    enum err rc = ERR_END;
    if (order->windows < SPOOL_ORDER_WINDOWS_MAX)
        rc = spool_reader_open(options, &reader, msg);
    while (rc == ERR_OK && (rc = spool_reader_next(reader, SPOOL_READ_TO_END, &chunk, msg)) == ERR_OK) {
        rc = feed_chunk(&end, chunk);
        spool_chunk_unref(chunk);
    }
    spool_reader_close(reader);
    spool_window_end_done(&end);
    if (rc != ERR_END)
        return rc;
    order->as_it_stands = order->windows++ == SPOOL_ORDER_WINDOWS_MAX;
    order->known = true;
    order->below = end.below;
    return ERR_OK;
}
