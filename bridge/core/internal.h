/* SPDX-License-Identifier: MIT
 * internal.h - the state of a running bridge. For the files below bridge/ only.
 *
 * One thread (bridge/open/bridge.c) does everything. Other threads only wake that thread, and read
 * what it has published under `lock`. */
#ifndef PENSTOCK_BRIDGE_CORE_INTERNAL_H
#define PENSTOCK_BRIDGE_CORE_INTERNAL_H

#include "bridge/bridge.h"
#include "bridge/client/sink.h"
#include "bridge/exactly_once/steps.h"
#include "bridge/forward/letter_copies.h"
#include "bridge/lane/lanes.h"
#include "bridge/rules/connection.h"

#include <pthread.h>
#include <stdatomic.h>

#define BRIDGE_ADVANCE_MS 50 /* at most this often the spool is told the cursors */
/* at least this often the cursors are advanced while something is in flight */
#define BRIDGE_LOOK_MS          500
#define BRIDGE_PUBLISH_MS       200   /* lanes are copied for other threads at most this often */
#define BRIDGE_HEAD_EVENTS      2000  /* passed by the head between two polls for reports */
#define BRIDGE_SIDE_EVENTS      500   /* passed by lanes that catch up, while the head is busy */
#define BRIDGE_SIDE_READERS_MAX 8     /* lanes that read by themselves at the same time */
#define BRIDGE_SKIP_EVENTS      10000 /* of lagging lanes, passed by the head in BRIDGE_SKIP_MS */
#define BRIDGE_SKIP_MS          100   /* the time for so many, while no lane flows */
#define BRIDGE_READ_RETRY_MS    200   /* wait after the spool could not be read */
/* a lane without a report for so long: further events are copied, so that they pin no chunk */
#define BRIDGE_SUSPECT_MS 100
#define BRIDGE_STUCK_MS   10000 /* in flight for so long without a report: the lane is stuck */
#define BRIDGE_AWAY_MS    500   /* Kafka was not seen for so long: draining doesn't wait */

struct bridge_mock;

/* State copied out for other threads; guarded by bridge.lock. */
struct bridge_published {
    struct bridge_stats stats;
    struct bridge_lane_stats *lanes;
    size_t lane_count, lane_capacity;
    uint64_t all_done_id; /* events up to this id are done, in all lanes */
    unsigned idle_ticket; /* the bridge was idle at some time after this ticket was drawn */
    bool away;            /* Kafka has been away for a while, or delivery has stopped */
};

struct bridge {
    /* Fixed after start, as are the fields down to "the thread's own", except those that are atomic
     * or named with a lock. */
    struct spool *spool;
    bridge_report_fn *report;
    void *report_arg;
    struct bridge_mock *mock;
    pthread_t thread;
    atomic_bool stopping;
    _Atomic(const struct bridge_options *) next_options; /* options that the thread is to adopt */
    atomic_uint drain_tickets;                           /* drawn by bridge_drain() */

    pthread_mutex_t lock;   /* guards published, and keeps sink open while another thread wakes
                             * it */
    pthread_cond_t changed; /* published has changed, or the thread is to wake up without a sink */
    struct bridge_published published;
    struct bridge_sink *sink; /* NULL between two producers; changed by the thread only */

    /* the thread's own */
    const struct bridge_options *options;
    char bootstrap[256];
    int64_t now_ms;
    struct bridge_lanes lanes;
    struct bridge_chunk_pin_pool holds;
    struct bridge_budget budget;
    struct bridge_reader head; /* closed between two producers */
    bool head_at_end;
    int64_t head_retry_ms;
    int64_t unreadable_said_ms;
    int64_t flowing_good_ms; /* last good report for a lane that reads with the head */
    int64_t skip_since_ms;
    unsigned skipped;
    bool unsettled;      /* a lane may not be FLOWING */
    size_t side_turn;    /* index of the lane whose turn it is */
    size_t side_readers; /* open readers of lanes */

    uint64_t watermark_id; /* the common cursor, as last told to the spool */
    bool dirty;            /* progress not yet told to the spool */
    int64_t advanced_ms;
    int64_t published_ms;
    struct spool_lane_cursor *cursors;
    struct spool_outcome *outcomes;
    size_t cursor_capacity;
    uint64_t all_done_id;
    uint64_t behind_count; /* lanes with a cursor below the watermark */

    struct bridge_txn txn; /* OFF in at_least_once */

    struct bridge_connection link;
    bool suspect; /* the client complained: is Kafka still there? */
    int64_t probed_ms;
    int64_t good_ms;   /* last good report */
    char trouble[256]; /* the client's last complaint */
    bool no_word;      /* `trouble` says only that no connection lasts */

    bool recreate; /* the producer is to be replaced */
    char recreate_why[256];
    int64_t settle_until_ms; /* until when new options wait for what is in flight; 0: no wait */
    int64_t sink_due_ms;     /* without a sink: when to make one */
    int64_t sink_made_ms;
    unsigned sink_attempts;
    uint64_t produced, delivered, failed, recreations;

    bool letters_loaded;
    int64_t letters_due_ms, letters_said_ms;
    unsigned letters_said;
    struct bridge_letter_copies copies;
};

#endif
