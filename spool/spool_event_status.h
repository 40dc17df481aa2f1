/* SPDX-License-Identifier: MIT
 * spool_event_status.h - what became of one event, and how far everything is done. Any thread.
 *
 * The answers are careful: "delivered" is said only of events that surely are. */
#ifndef PENSTOCK_SPOOL_EVENT_STATUS_H
#define PENSTOCK_SPOOL_EVENT_STATUS_H

#include "base/bytes.h"
#include "spool/spool.h"

enum spool_event_status {
    SPOOL_EVENT_STATUS_UNKNOWN,  /* no such id in this spool, or no record of it is left */
    SPOOL_EVENT_STATUS_ACCEPTED, /* synced; not yet known to be delivered, a dead letter or lost */
    SPOOL_EVENT_STATUS_DELIVERED,
    SPOOL_EVENT_STATUS_DEAD_LETTERED,
    SPOOL_EVENT_STATUS_LOST, /* a loss report names it */
};

/* Tells what became of the event with that id. While some topic's cursor is before the id, the
 * topic decides: topic is the event's, or empty when the caller doesn't know it; the event then
 * counts as accepted until every cursor has passed. Reads at most one loss report. Of a retired
 * segment only these are remembered: losses, dead letters, and letters dropped or requeued in this
 * run. Every other id below the cursor counts as delivered.
 * Errors: ERR_UNREADABLE, ERR_IO (a loss report can't be read now), ERR_NOMEM */
enum err spool_event_status_get(struct spool *spool, uint64_t event_id, struct bytes topic,
                                enum spool_event_status *ret_fate, struct errmsg *msg);

struct spool_done {
    uint64_t id;     /* the cursor: events up to this id are delivered, dead letters or reported
                      * lost */
    int64_t time_ms; /* events accepted before this time are done, by the host's clock; 0: not
                      * known */
    bool all;        /* no event is pending */
};

/* How far the events of a topic are done; with an empty topic: of all topics. */
void spool_done_get(struct spool *spool, struct bytes topic, struct spool_done *ret_done);

#endif
