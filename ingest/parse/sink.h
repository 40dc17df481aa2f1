/* SPDX-License-Identifier: MIT
 * sink.h - the receiver of the events that a body parser finds. */
#ifndef PENSTOCK_INGEST_PARSE_SINK_H
#define PENSTOCK_INGEST_PARSE_SINK_H

#include "ingest/ingest_problem.h"
#include "spool/spool_event.h"

struct ingest_sink {
    /* The views live during the call only. Errors: as spool_batch_add() */
    enum err (*event)(void *arg, const struct spool_event *event);
    void *arg;
    uint64_t count;              /* of events so far */
    struct spool_event defaults; /* key, time, partition of the request, for events that name
                                  * none */
};

/* Hands an event on; on an error problem names the event ("record 3", "line 7"). */
bool ingest_sink_put(struct ingest_sink *sink, const struct spool_event *event, const char *what,
                     uint64_t number, struct ingest_problem *problem);

#endif
