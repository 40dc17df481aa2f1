/* SPDX-License-Identifier: MIT
 * cursor_trust.h - whether the cursor in Kafka is this spool's: a copied, restored or wiped one
 * must not go on from it.
 *
 * Pure: the decision from what was found. */
#ifndef PENSTOCK_BRIDGE_RULES_CURSOR_TRUST_H
#define PENSTOCK_BRIDGE_RULES_CURSOR_TRUST_H

#include <stdbool.h>
#include <stdint.h>

/* What was found at the start, or after a producer's trouble. */
struct bridge_cursor_trust_view {
    bool found;         /* there is a cursor in Kafka */
    bool readable;      /* … and what stands beside it is ours */
    bool same_cluster;  /* … and names this cluster, or none */
    uint64_t kafka_id;  /* the offset */
    uint64_t local_id;  /* the spool's own cursor */
    bool local_written; /* the spool had one: it isn't new, and its file was readable */
    bool local_newer;   /* an at_least_once run wrote it: Kafka's is older, whatever it says */
    bool segment_ours;  /* the segment of kafka_id was made by this spool: its nonce is on the disk,
                       * or it was damaged or vanished there */
    bool before_all;    /* the segment of kafka_id lies before every segment on this disk */
};

enum bridge_cursor_trust {
    BRIDGE_CURSOR_TRUST_KAFKA,   /* go on behind Kafka's cursor; what lies between is done */
    BRIDGE_CURSOR_TRUST_LOCAL,   /* go on behind the local one, nothing strange about it */
    BRIDGE_CURSOR_TRUST_EXPIRED, /* go on behind the local one; some may be repeated: to be said
                                  * loudly */
    BRIDGE_CURSOR_TRUST_NOBODY,  /* the spool is a copy, restored, or went back: stop */
};

enum bridge_cursor_trust bridge_cursor_trust_of(const struct bridge_cursor_trust_view *view);
const char *bridge_cursor_trust_name(enum bridge_cursor_trust trust); /* "kafka" */

#endif
