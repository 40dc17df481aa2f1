/* SPDX-License-Identifier: MIT
 * spool_fate.h - what became of one event, and how far everything is done. Any thread.
 *
 * The answers err on one side only: "delivered" is never said of what may not be. */
#ifndef PENSTOCK_SPOOL_FATE_H
#define PENSTOCK_SPOOL_FATE_H

#include "base/bytes.h"
#include "spool/spool.h"

enum spool_fate {
    SPOOL_FATE_UNKNOWN,  /* this spool has never given out such an id, or nothing tells any more */
    SPOOL_FATE_ACCEPTED, /* synced, and not known to be anywhere else yet */
    SPOOL_FATE_DELIVERED,
    SPOOL_FATE_DEAD_LETTERED,
    SPOOL_FATE_LOST, /* a loss report names it */
};

/* The fate of the event with that id. While some topic's cursor is behind the id, the topic
 * decides: topic is the event's, or empty when the caller doesn't know it: then it counts as
 * accepted until every cursor has passed. Reads at most one loss report. Of a segment that is done
 * and gone only losses, dead letters, and those that were dropped or requeued in this run, are
 * remembered: any other id below the cursor counts as delivered.
 * Errors: ERR_UNREADABLE, ERR_IO (a loss report can't be read now), ERR_NOMEM */
enum err spool_fate_get(struct spool *spool, uint64_t event_id, struct bytes topic,
                        enum spool_fate *ret_fate, struct errmsg *msg);

struct spool_done {
    uint64_t id;     /* every event up to it is done: delivered, dead-lettered or reported lost */
    int64_t time_ms; /* every event accepted before that time is, by the host's clock; 0: not
                      * known */
    bool all;        /* nothing is pending */
};

/* How far it is done for a topic; for an empty one: for all of them. */
void spool_done_get(struct spool *spool, struct bytes topic, struct spool_done *ret_done);

/* What the text of a loss report (docs/spool-format.md) says about an id. Pure. */
enum spool_loss_word { SPOOL_LOSS_NOT_NAMED, SPOOL_LOSS_NAMED, SPOOL_LOSS_CANT_TELL };
enum spool_loss_word spool_loss_text_about(const char *report, uint64_t event_id);

/* Times at which ids were given out, a bounded number of them: for spool_done.time_ms. Pure;
 * zero-initialised is empty. */
#define SPOOL_TIMES_MAX 512
struct spool_times {
    struct {
        uint64_t id; /* everything accepted before the time has a lower one */
        int64_t time_ms;
    } items[SPOOL_TIMES_MAX];
    unsigned next, count;
};
void spool_times_note(struct spool_times *times, uint64_t first_id, int64_t now_ms);
/* The latest time before which all that was accepted is done, all up to done_id being so; 0: not
 * known. */
int64_t spool_times_until(const struct spool_times *times, uint64_t done_id);

#endif
