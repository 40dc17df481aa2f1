/* SPDX-License-Identifier: MIT
 * lane.h - a topic's way into Kafka: its state, its events in flight, its cursor. Pure but
 * for memory.
 *
 * The head, the one common reading position, offers every event to its topic's lane.
 *
 *   FLOWING      reads with the head
 *   DRAINING     an event failed: takes nothing until all that is in flight is reported, then
 *                rewinds
 *   BACKING_OFF  rewound, waits until due_ms
 *   CATCHING_UP  reads by itself from read_id; FLOWING again when it has reached the head
 *
 *        failure           all reported          due               at the head
 *   any ---------> DRAINING -----------> BACKING_OFF ---> CATCHING_UP -----------> FLOWING
 *                                     FLOWING -- held up the head --> CATCHING_UP
 *
 * Invariants:
 *   1. One path: a lane takes events from the head or from its own reader, never from both, and in
 *      that reader's order. Events that the head passes without the lane lie above the lane's
 *      read_id: its own reader will come to them.
 *   2. Events of the topic with an id <= read_id were taken: they lie below the cursor or in the
 *      window.
 *   3. The window's entries are counted as delivered at the moment the cursor passes them, and not
 *      before; so a restart from the cursor counts each event once.
 *   4. Cursors never go back. The common one (the watermark) is below the first open event of each
 *      lane that has no cursor of its own. A lane's own cursor is below the watermark; once there,
 *      the lane gives that cursor up.
 *   5. A failure drops nothing: all events from the first failed one on are taken again, in order.
 *   6. A lane may have in flight at most what all lanes together leave free: a topic that doesn't
 *      move leaves half of what it found. After trouble a lane starts with one event, and may have
 *      one more with each good report. */
#ifndef PENSTOCK_BRIDGE_LANE_LANE_H
#define PENSTOCK_BRIDGE_LANE_LANE_H

#include "bridge/lane/in_flight.h"
#include "bridge/lane/reader.h"

struct bridge_sink_topic;

enum bridge_lane_mode {
    BRIDGE_LANE_MODE_FLOWING,
    BRIDGE_LANE_MODE_DRAINING,
    BRIDGE_LANE_MODE_BACKING_OFF,
    BRIDGE_LANE_MODE_CATCHING_UP,
};

#define BRIDGE_LANE_ALLOWANCE_NEW 4096 /* events in flight before the first good report */
#define BRIDGE_LANE_ALLOWANCE_MAX (1u << 30)
/* a lane that holds up the head for so long without any good report leaves it */
#define BRIDGE_LANE_STUCK_MS 1000
/* the same for a lane that never had a good report, while other lanes do */
#define BRIDGE_LANE_UNPROVEN_MS 300
/* a lane that holds up the head with one event in flight for so long leaves it */
#define BRIDGE_LANE_SLOW_MS 5000
/* a lane without any good report for so long no longer pins the watermark */
#define BRIDGE_LANE_PIN_MS 2000

struct bridge_lane {
    char *topic;
    size_t topic_size;
    uint32_t index; /* in the table of lanes */
    uint32_t hash;
    struct bridge_sink_topic *sink_topic; /* NULL until it is needed */
    enum bridge_lane_mode mode;
    struct bridge_in_flight window;
    uint64_t read_id;
    uint64_t skip_id; /* the head passes ids up to it once more: the lane took them already */

    uint64_t cursor_id; /* the lane's own cursor, when own_cursor */
    bool own_cursor;
    uint64_t delivered_new; /* delivered and passed by the cursor, not yet told to the spool */
    uint64_t dead_new;      /* likewise, but dead letters */
    uint64_t uncopied_new;  /* of these letters: without a copy in dead_letter.topic */

    uint64_t poison_id; /* the event that failed alone, by its own fault; 0: none. The lane gives it
                         * up when it comes again */
    int poison_code;
    uint64_t search; /* exactly_once: events in flight while the one at fault is searched; 0: no
                      * search */
    uint64_t search_left; /* events yet to go through, the one at fault among them */

    /* exactly_once */
    uint64_t known_id;   /* Kafka's cursor covers the lane's events up to here */
    uint32_t round;      /* number of the reading that known_id comes from */
    uint64_t topic_hash; /* in the cursor in Kafka */
    bool blamed;         /* the transaction failed because of this lane */
    bool probation;      /* after trouble: in transactions of its own */

    uint64_t allowance;          /* events that may be in flight */
    unsigned attempts;           /* failures in a row */
    int64_t due_ms;              /* BACKING_OFF until then */
    int64_t good_ms;             /* last good report, or first event taken after a pause */
    int64_t held_up_since_ms;    /* since when the head waits for this lane; 0: it doesn't */
    int64_t took_ms;             /* last event taken */
    struct bridge_reader reader; /* CATCHING_UP; closed otherwise */
    int64_t waiting_time_ms;     /* when the first event not yet taken was accepted; 0: not known */

    bool proven;       /* the lane has had a good report */
    bool said_trouble; /* trouble was reported, its end not yet */
    int64_t said_ms;
    uint64_t failures;
    int error; /* code of the last failure; 0: none, or over */
    char error_text[160];
};

void bridge_lane_init(struct bridge_lane *lane, uint32_t index);
void bridge_lane_done(struct bridge_lane *lane); /* the window's chunk pins and sink_topic must be
                                                  * gone */

/* Events and bytes in flight in all lanes, and their limits. */
struct bridge_budget {
    uint64_t events, bytes;
    uint64_t events_max, bytes_max;
};

/* Room for one more event now: there is some; the lane's share is used up (NOT_HERE); or the whole
 * budget is (NOWHERE). The last event may exceed bytes_max. */
enum bridge_lane_room { BRIDGE_LANE_ROOM, BRIDGE_LANE_ROOM_NOT_HERE, BRIDGE_LANE_ROOM_NOWHERE };
enum bridge_lane_room bridge_lane_room(const struct bridge_lane *lane,
                                       const struct bridge_budget *budget);

/* A good report came: the allowance grows; trouble is over once something went through. */
void bridge_lane_good(struct bridge_lane *lane, int64_t now_ms);

/* A bad report, or a refusal at handing over. */
void bridge_lane_failed(struct bridge_lane *lane, int code, const char *text);

/* Lane DRAINING, with every event reported: drops the events from the first failed one on, and
 * backs off until due_ms. */
void bridge_lane_rewind(struct bridge_lane *lane, int64_t due_ms);

/* The producer is gone with all that was in flight: the lane keeps the window up to its first open
 * event. floor_id is the watermark, from which the head reads again. The caller has released the
 * chunk pins. */
void bridge_lane_reset(struct bridge_lane *lane, uint64_t floor_id);

/* exactly_once: drops the window, whose events were not committed or no longer count. The lane
 * reads again from its own cursor, or with the head from floor_id. Nothing may be in flight. */
void bridge_lane_restart(struct bridge_lane *lane, uint64_t floor_id);

/* Facts by which a lane that holds up the head is judged. */
struct bridge_lane_view {
    bool connected;   /* a broker is there */
    bool others_good; /* at least one lane has had a good report from this producer */
    bool others_flow; /* lanes of other topics have taken events lately */
};

/* Lane FLOWING that holds up the head: should it leave the head and read by itself? */
bool bridge_lane_should_leave(struct bridge_lane *lane, int64_t now_ms,
                              const struct bridge_lane_view *view,
                              const struct bridge_budget *budget);

/* Leaves the head before an event that was accepted at time_ms. */
void bridge_lane_leave(struct bridge_lane *lane, uint64_t before_id, int64_t time_ms);

/* The head found an event (id) that it had missed before and that the lane, reading by itself, has
 * gone past: the lane reads from there once more. */
void bridge_lane_recall(struct bridge_lane *lane, uint64_t id);

/* Lane CATCHING_UP that has reached the head: reads with the head again. */
void bridge_lane_join(struct bridge_lane *lane);

/* Counts the good events up to the watermark as delivered, and moves the lane's own cursor. True:
 * that cursor stays below the watermark and has to be told to the spool. */
bool bridge_lane_advance(struct bridge_lane *lane, uint64_t watermark_id);

/* When the lane's oldest event not yet done was accepted; 0: there is none, or the time isn't
 * known. */
int64_t bridge_lane_oldest_ms(struct bridge_lane *lane);

#endif
