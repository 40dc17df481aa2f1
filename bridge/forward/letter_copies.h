/* SPDX-License-Identifier: MIT
 * letter_copies.h - copies of dead letters go to dead_letter.topic, for people who watch that
 * topic.
 *
 * The letter itself is written to dead-letter/ before, and that is what counts: a copy that can't
 * be made is reported and counted, and its lane goes on. Under exactly_once the copy goes into the
 * transaction whose cursor passes the letter, so both happen or neither. Otherwise the lane waits
 * for the copy's report, and a crash can make a second copy. One copy at a time. When the topic
 * takes none, no copy is tried for a while, so that letters don't wait again. All on the bridge's
 * thread. */
#ifndef PENSTOCK_BRIDGE_FORWARD_LETTER_COPIES_H
#define PENSTOCK_BRIDGE_FORWARD_LETTER_COPIES_H

#include "base/buf.h"
#include "spool/spool_letters.h"

#define BRIDGE_LETTER_COPIES_TOKEN (~0ull) /* of a copy's report: no lane has so high an index */

struct bridge;
struct bridge_lane;
struct bridge_sink_topic;

/* Parts of the event that are left out so that the copy fits. */
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
    int64_t absent_ms;       /* since when a copy waits for the topic; 0: none does */
    int64_t paused_until_ms; /* after a refusal: no copy is tried before */
    uint64_t made, failed;
};

/* Is another letter's copy under way, so that this one has to wait? */
bool bridge_letter_copies_busy(const struct bridge *bridge, const struct spool_event *event);

/* Makes the copy of a letter that the lane is about to pass. reason: NULL when an earlier run wrote
 * the letter. True: pass the letter. False: not now, again at lane->due_ms. */
bool bridge_letter_copies_make(struct bridge *bridge, struct bridge_lane *lane,
                               const struct spool_event *event,
                               const struct spool_letter_reason *reason);

void bridge_letter_copies_report(struct bridge *bridge, int code); /* of the copy that was sent */
/* No report has come, and the transaction waits for it. */
void bridge_letter_copies_silent(struct bridge *bridge);
void bridge_letter_copies_committed(struct bridge *bridge);
void bridge_letter_copies_aborted(struct bridge *bridge); /* after every report */
void bridge_letter_copies_forget(struct bridge *bridge);  /* the producer is closed */

/* Builds the copy of an event; *headers holds the bytes of its headers. Pure. spool_id: as text;
 * NULL: the sink adds the id by itself. False: memory is out. */
bool bridge_letter_copy_of(const struct spool_event *event,
                           const struct spool_letter_reason *reason, const char *spool_id,
                           enum bridge_letter_copy_size size, struct buf *headers,
                           struct spool_event *ret_copy);

#endif
