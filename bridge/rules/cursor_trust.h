/* SPDX-License-Identifier: MIT
 * cursor_trust.h - whether the cursor in Kafka is this spool's: a spool that was copied, restored
 * or wiped must not go on from it.
 *
 * Pure: the decision from what was found. */
#ifndef PENSTOCK_BRIDGE_RULES_CURSOR_TRUST_H
#define PENSTOCK_BRIDGE_RULES_CURSOR_TRUST_H

#include <stdbool.h>
#include <stdint.h>

/* Findings at the start, or after a producer's trouble. */
struct bridge_cursor_trust_view {
    bool found;         /* Kafka has a cursor */
    bool readable;      /* … and the text beside it is ours */
    bool same_cluster;  /* … and names this cluster, or none */
    uint64_t kafka_id;  /* the offset */
    uint64_t local_id;  /* the spool's own cursor */
    bool local_written; /* the spool had a cursor: it isn't new, and its file was readable */
    bool local_newer;   /* an at_least_once run wrote the spool's cursor: Kafka's is older, whatever
                         * it says */
    bool segment_ours;  /* the segment of kafka_id was made by this spool: its nonce is on the disk,
                       * or it was damaged or vanished there */
    bool before_all;    /* the segment of kafka_id lies before every segment on this disk */
};

enum bridge_cursor_trust {
    BRIDGE_CURSOR_TRUST_KAFKA,   /* go on after Kafka's cursor; events between the two cursors are
                                  * done */
    BRIDGE_CURSOR_TRUST_LOCAL,   /* go on after the spool's own cursor, as expected */
    BRIDGE_CURSOR_TRUST_EXPIRED, /* go on after the spool's own cursor; some events may be repeated,
                                  * which is reported as a problem */
    BRIDGE_CURSOR_TRUST_NOBODY,  /* the spool is a copy, restored, or went back: stop */
};

enum bridge_cursor_trust bridge_cursor_trust_of(const struct bridge_cursor_trust_view *view);
const char *bridge_cursor_trust_name(enum bridge_cursor_trust trust); /* "kafka" */

#endif
