/* SPDX-License-Identifier: MIT
 * spool_event_status.h - what became of one event, and how far everything is done. Any thread.
 *
 * The answers err on one side only: "delivered" is never said of what may not be. */
#ifndef PENSTOCK_SPOOL_EVENT_STATUS_H
#define PENSTOCK_SPOOL_EVENT_STATUS_H

#include "base/bytes.h"
#include "spool/spool.h"

enum spool_event_status {
    SPOOL_EVENT_STATUS_UNKNOWN,  /* this spool has never given out such an id, or nothing tells any
                                  * more */
    SPOOL_EVENT_STATUS_ACCEPTED, /* synced, and not known to be anywhere else yet */
    SPOOL_EVENT_STATUS_DELIVERED,
    SPOOL_EVENT_STATUS_DEAD_LETTERED,
    SPOOL_EVENT_STATUS_LOST, /* a loss report names it */
};

/* The fate of the event with that id. While some topic's cursor is behind the id, the topic
 * decides: topic is the event's, or empty when the caller doesn't know it: then it counts as
 * accepted until every cursor has passed. Reads at most one loss report. Of a segment that is done
 * and gone only losses, dead letters, and those that were dropped or requeued in this run, are
 * remembered: any other id below the cursor counts as delivered.
 * Errors: ERR_UNREADABLE, ERR_IO (a loss report can't be read now), ERR_NOMEM */
enum err spool_event_status_get(struct spool *spool, uint64_t event_id, struct bytes topic,
                                enum spool_event_status *ret_fate, struct errmsg *msg);

struct spool_done {
    uint64_t id;     /* every event up to it is done: delivered, dead-lettered or reported lost */
    int64_t time_ms; /* every event accepted before that time is, by the host's clock; 0: not
                      * known */
    bool all;        /* nothing is pending */
};

/* How far it is done for a topic; for an empty one: for all of them. */
void spool_done_get(struct spool *spool, struct bytes topic, struct spool_done *ret_done);

#endif
