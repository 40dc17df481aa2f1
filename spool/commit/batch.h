/* SPDX-License-Identifier: MIT
 * batch.h - a batch on its way from an ingest thread to the committer. */
#ifndef PENSTOCK_SPOOL_COMMIT_BATCH_H
#define PENSTOCK_SPOOL_COMMIT_BATCH_H

#include "base/buf.h"
#include "spool/spool.h"

struct spool_topic;
struct spool_delivery_wait;

#define SPOOL_BATCH_EVENTS_MAX (1u << 22)

struct spool_batch {
    struct spool *spool;
    struct spool_topic *topic;
    struct buf frames;
    uint32_t event_count;
    bool moved;            /* holds events that were accepted before: they are never refused for
                            * their topic's share */
    uint32_t group_offset; /* of its first event in the group that is being committed */
    size_t queued_bytes;   /* part of committer.queued_bytes */
    spool_done_fn *done;
    void *done_arg;
    struct spool_batch *next;
    struct spool_delivery_wait *confirm; /* borrowed; NULL: no wait for Kafka */
};

/* Adds an event of another segment, its whole frame inside a new one; the topic is the batch's.
 * Errors: ERR_FULL, ERR_TOO_LARGE, ERR_NOMEM */
enum err spool_batch_add_moved(struct spool_batch *batch, int64_t time_ms, struct bytes frame);

#endif
