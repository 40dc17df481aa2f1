/* SPDX-License-Identifier: MIT
 * steps.h - exactly_once: events and the cursor go into Kafka in one transaction, and the
 * spool hears of it afterwards.
 *
 *   INIT --> READ --> [TOPIC] --> READY --> OPEN --> CLOSING --> COMMITTING --> READY
 *    ^        ^                               |         |            |
 *    |        +------------ ABORTING <--------+---------+------------+      what can be aborted
 *    +--- a new producer <--------------------+---------+------------+      what can't
 *
 * READ is the one way back from every trouble: the cursor is read from Kafka, and all lanes go on
 * after that cursor, in any case of the transaction before. Events in the windows are in Kafka only
 * once their transaction is committed; the spool's cursors move only then.
 *
 * The head starts at the spool's own cursor, which may be older than Kafka's: events that Kafka's
 * cursor covers (a lane's known_id) are passed and counted as delivered, not sent. The offset in
 * Kafka never goes back.
 *
 * A lane in trouble leaves: the others go on in common transactions. The lane is tried in
 * transactions of its own, which hurt no other lane when they fail, until it has caught up. All on
 * the bridge's thread. */
#ifndef PENSTOCK_BRIDGE_EXACTLY_ONCE_STEPS_H
#define PENSTOCK_BRIDGE_EXACTLY_ONCE_STEPS_H

#include "bridge/client/advice.h"
#include "bridge/client/cursor_sender.h"
#include "bridge/client/cursor_topic.h"
#include "bridge/lane/lanes.h"

enum bridge_txn_state {
    BRIDGE_TXN_OFF,     /* at_least_once */
    BRIDGE_TXN_INIT,    /* a new producer: an earlier one with the transactional id is fenced */
    BRIDGE_TXN_READ,    /* Kafka's cursor is to be read */
    BRIDGE_TXN_STOPPED, /* Kafka's cursor is not this spool's: waiting for people */
    BRIDGE_TXN_TOPIC,   /* the cursor topic is to be made */
    BRIDGE_TXN_READY,
    BRIDGE_TXN_OPEN,
    BRIDGE_TXN_CLOSING, /* takes nothing more; waits for the reports */
    BRIDGE_TXN_COMMITTING,
    BRIDGE_TXN_ABORTING,
};

/* Before the first event of a run that follows another mode (or nothing): the cursor goes into
 * Kafka, then the mode onto the disk. So after a crash at any point it is known which cursor is the
 * right one. */
enum bridge_txn_mark { BRIDGE_TXN_MARKED, BRIDGE_TXN_MARK_KAFKA, BRIDGE_TXN_MARK_DISK };

struct bridge_txn {
    enum bridge_txn_state state;
    struct bridge_cursor_place place;
    char group[64];
    char cluster[BRIDGE_CURSOR_TEXT_CLUSTER_SIZE];
    enum bridge_txn_mark mark;
    bool begun_before; /* the spool's cursor was written by this run, which has believed a cursor */
    int64_t due_ms;    /* of a step that failed */
    unsigned attempts;
    int64_t since_ms;     /* in this state, since */
    int64_t opened_ms;    /* the transaction */
    int64_t committed_ms; /* 0: not in this run */
    int64_t read_ms;      /* when Kafka's cursor was read; 0: the client for that is closed */
    int64_t said_ms;
    int said_code;
    enum bridge_step said_step;
    uint64_t commits, aborts;

    /* Kafka's cursor */
    uint64_t floor_id;               /* the offset */
    uint32_t round;                  /* counts the readings; a lane asks once in each */
    bool from_spool;                 /* the spool's own cursors were taken instead */
    struct bridge_cursor_text known; /* otherwise the lanes that lag after the offset */

    /* the transaction that is open */
    struct bridge_lane *sole; /* the transaction's only lane; NULL: open to all lanes */
    bool was_sole;
    bool spoilt; /* the transaction can't be committed */
    bool asked;  /* the cursor is on its way into it */
    bool sent;   /* the cursor is in it */
    struct bridge_cursor_sender sender;
    uint64_t offset_id;
    char meta[BRIDGE_CURSOR_TEXT_SIZE_MAX + 1];

    int64_t looked_ms; /* at the lanes that hold the transaction up */
    size_t behind;     /* lanes that don't flow */
    uint64_t nonce_segment_id, nonce;
};

struct bridge;

/* bridge/exactly_once/steps.c: the states. */
enum err bridge_txn_open(struct bridge *bridge); /* first of all; ERR_NOMEM */
void bridge_txn_close(struct bridge *bridge);    /* last of all; not while it hangs */
bool bridge_txn_hangs(struct bridge *bridge);    /* in a call that can't be ended: the producer
                                                  * can't be closed */
void bridge_txn_start(struct bridge *bridge);    /* a producer was made */
void bridge_txn_tend(struct bridge *bridge);
bool bridge_txn_may_flow(const struct bridge *bridge); /* may events be passed now? */
bool bridge_txn_settled(const struct bridge *bridge);  /* no transaction is under way */
/* True: a transaction is open from now on; false: not now. */
bool bridge_txn_begin(struct bridge *bridge);
void bridge_txn_spoil(struct bridge *bridge); /* the transaction can't be committed any more */
int64_t bridge_txn_deadline_ms(const struct bridge *bridge);
void bridge_txn_stop(struct bridge *bridge); /* ends an open transaction, within a moment */
void bridge_txn_trouble(struct bridge *bridge, enum bridge_step step,
                        const struct bridge_txn_error *error); /* reports the trouble */

/* bridge/exactly_once/resume.c: from Kafka's cursor to lanes and head. */
void bridge_txn_read(struct bridge *bridge); /* the step of BRIDGE_TXN_READ */
void bridge_txn_meet_slow(struct bridge *bridge, struct bridge_lane *lane);

/* bridge/exactly_once/position.c: from lanes and head to Kafka's cursor. */
void bridge_txn_plan(struct bridge *bridge); /* fills offset_id and meta */
uint64_t bridge_txn_position(const struct bridge *bridge);

/* bridge/exactly_once/lanes_in_trouble.c: lanes in trouble. */
/* May this event go into the transaction? False: not now, or the lane has left because of it (its
 * mode tells). */
bool bridge_txn_admit(struct bridge *bridge, struct bridge_lane *lane,
                      const struct spool_event *event);
void bridge_txn_refused(struct bridge *bridge, struct bridge_lane *lane,
                        const struct spool_event *event, int code);
void bridge_txn_report(struct bridge *bridge, struct bridge_lane *lane, int code);
/* Blames lanes without a report, if their topic doesn't look well; with `whatever` all such
 * lanes. */
void bridge_txn_blame_silent(struct bridge *bridge, bool whatever);
void bridge_txn_back_off(struct bridge *bridge, struct bridge_lane *lane);
/* A lane is BACKING_OFF, and its time has come. Is this a moment for it? Between transactions, or
 * within an open one. */
bool bridge_txn_may_try(const struct bridge *bridge);
void bridge_txn_try(struct bridge *bridge, struct bridge_lane *lane);
bool bridge_txn_choose(struct bridge *bridge); /* is the next transaction, or the open one, one
                                                * lane's alone? */
/* Does the lane take events from its own reader now? */
bool bridge_txn_takes(const struct bridge *bridge, const struct bridge_lane *lane);
void bridge_txn_lanes_committed(struct bridge *bridge);

#endif
