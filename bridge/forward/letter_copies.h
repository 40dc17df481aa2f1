/* SPDX-License-Identifier: MIT
 * letter_copies.h - dead_letter.topic: a copy of each dead letter goes to a topic, for whoever
 * watches that.
 *
 * The letter itself lies in dead-letter/ before, and that is what counts: a copy that can't be made
 * is said and counted, and its lane goes on. Under exactly_once the copy goes with the transaction
 * whose cursor passes the letter, so both or neither happen; otherwise the lane waits for its
 * report, and a crash can make a second one. One at a time. When the topic takes none, none is
 * tried for a while, so that no letter waits for it again. All on the bridge's thread. */
#ifndef PENSTOCK_BRIDGE_FORWARD_LETTER_COPIES_H
#define PENSTOCK_BRIDGE_FORWARD_LETTER_COPIES_H

#include "base/buf.h"
#include "spool/spool_letters.h"

#define BRIDGE_LETTER_COPIES_TOKEN (~0ull) /* of its reports: no lane has so high an index */

struct bridge;
struct bridge_lane;
struct bridge_sink_topic;

/* What is left out so that it fits. */
enum bridge_letter_copy_size { BRIDGE_COPY_WHOLE, BRIDGE_COPY_NO_VALUE, BRIDGE_COPY_BARE };

enum bridge_letter_copy_state {
    BRIDGE_COPY_UNSENT,
    BRIDGE_COPY_SENT,
    BRIDGE_COPY_GOOD,
    BRIDGE_COPY_FAILED
};

struct bridge_letter_copies {
    struct bridge_sink_topic *topic; /* NULL until it is needed, and after trouble */
    uint64_t id;                     /* the letter's event; 0: none is under way */
    enum bridge_letter_copy_state state;
    enum bridge_letter_copy_size size;
    struct spool_letter_reason reason;
    int64_t sent_ms;
    int64_t absent_ms;       /* the topic is waited for since then; 0: it isn't */
    int64_t paused_until_ms; /* it takes none: not tried before */
    uint64_t made, failed;
};

/* Is another letter's copy under way, so that this one has to wait? */
bool bridge_letter_copies_busy(const struct bridge *bridge, const struct spool_event *event);

/* The lane is about to pass a letter. reason: NULL when an earlier run wrote it. True: pass it.
 * False: not now, again at lane->due_ms. */
bool bridge_letter_copies_make(struct bridge *bridge, struct bridge_lane *lane,
                               const struct spool_event *event,
                               const struct spool_letter_reason *reason);

void bridge_letter_copies_report(struct bridge *bridge, int code); /* of the one that was sent */
/* there is none, and the transaction waits for it */
void bridge_letter_copies_silent(struct bridge *bridge);
void bridge_letter_copies_committed(struct bridge *bridge);
void bridge_letter_copies_aborted(struct bridge *bridge); /* and every report is in */
void bridge_letter_copies_forget(struct bridge *bridge);  /* the producer goes */

/* What the copy of an event consists of; *headers holds what it points to. Pure. spool_id: as text;
 * NULL: the client adds the id by itself. False: memory is out. */
bool bridge_letter_copy_of(const struct spool_event *event,
                           const struct spool_letter_reason *reason, const char *spool_id,
                           enum bridge_letter_copy_size size, struct buf *headers,
                           struct spool_event *ret_copy);

#endif
