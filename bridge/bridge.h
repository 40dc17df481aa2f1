/* SPDX-License-Identifier: MIT
 * bridge.h - from the spool into Kafka: start, drain with a deadline, stop, stats.
 *
 * One bridge thread reads the spool in order, hands events to librdkafka, and advances the spool's
 * cursors by delivery reports only. Each topic is a lane with its own cursor and state, so that a
 * topic in trouble holds up only itself. Nothing is forgotten before Kafka's acknowledgement. */
#ifndef PENSTOCK_BRIDGE_H
#define PENSTOCK_BRIDGE_H

#include "base/err.h"
#include "bridge/bridge_options.h"
#include "spool/spool.h"

struct bridge;

/* Report that operators should read in the log. The function is called on the bridge's threads and
 * must not call the bridge. */
struct bridge_report {
    bool problem;
    const char *event;  /* "kafka_unreachable", "lane_backing_off", "producer_recreated", … */
    const char *detail; /* key=value pairs */
};
typedef void bridge_report_fn(void *arg, const struct bridge_report *report);

enum bridge_lane_state { BRIDGE_LANE_FLOWING, BRIDGE_LANE_BACKING_OFF, BRIDGE_LANE_CATCHING_UP };

struct bridge_lane_stats {
    char topic[SPOOL_TOPIC_SIZE_MAX + 1];
    enum bridge_lane_state state;
    uint64_t done_id;
    uint64_t in_flight;
    uint64_t failures; /* failed delivery reports in this run */
    char last_error[160];
};

struct bridge_stats {
    bool connected;   /* a broker is up, as far as librdkafka knows */
    uint64_t done_id; /* the watermark: events up to it are done, but for lagging lanes */
    uint64_t read_id; /* how far the spool was read */
    uint64_t in_flight_events;
    uint64_t in_flight_bytes;
    uint64_t produced;  /* events handed to librdkafka in this run, repeats included */
    uint64_t delivered; /* good delivery reports in this run, repeats included */
    uint64_t failed;    /* bad ones */
    uint64_t producer_recreations;
    uint64_t letters_copied, letters_not_copied; /* to the topic for them, in this run */
    int64_t oldest_pending_ms; /* when the oldest event not yet done was accepted (wall clock); 0:
                                * none */
    char bootstrap[256];       /* of the mock cluster when there is one */
};

/* Checks the properties with librdkafka without connecting. Errors: ERR_INVALID (msg names the
 * property) */
enum err bridge_check_properties(const struct bridge_options *options, struct errmsg *msg);

/* Starts to forward from the spool's cursors. Doesn't wait for Kafka. options and what it points to
 * outlive the bridge. Errors: ERR_INVALID (properties), ERR_NOMEM, ERR_IO (the mock cluster could
 * not start) */
enum err bridge_start(const struct bridge_options *options, struct spool *spool,
                      bridge_report_fn *report, void *report_arg, struct bridge **ret_bridge,
                      struct errmsg *msg);

/* Changes the Kafka properties: the bridge stops taking events, waits a few seconds at most for
 * those in flight (so that none is sent twice without need), and makes the producer anew. All else
 * in the options must be as before; they and what they point to outlive the bridge. Any thread;
 * doesn't block. */
void bridge_set_options(struct bridge *bridge, const struct bridge_options *options);

/* Waits until everything accepted so far is done, at most timeout_ms; returns at once when Kafka is
 * away. True: all is done. */
bool bridge_drain(struct bridge *bridge, int64_t timeout_ms);

/* Ends the thread, takes in the last delivery reports and advances the cursors, without waiting for
 * Kafka. NULL is fine. */
void bridge_stop(struct bridge *bridge);

void bridge_stats_get(struct bridge *bridge, struct bridge_stats *ret_stats); /* on any thread */
enum err bridge_lane_stats_get(struct bridge *bridge, struct bridge_lane_stats **ret_lanes,
                               size_t *ret_count); /* malloc'ed; ERR_NOMEM */

#endif
