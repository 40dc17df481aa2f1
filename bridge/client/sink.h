/* SPDX-License-Identifier: MIT
 * sink.h - the seam to Kafka's client, librdkafka: hand over, take in reports, wait.
 *
 * One thread makes, uses and closes a sink; only bridge_sink_wake() may be called from any
 * thread. */
#ifndef PENSTOCK_BRIDGE_CLIENT_SINK_H
#define PENSTOCK_BRIDGE_CLIENT_SINK_H

#include "base/err.h"
#include "bridge/bridge_options.h"
#include "spool/spool_event.h"

struct bridge_sink;
struct bridge_sink_topic;

/* Callbacks, called from within bridge_sink_poll() only; reports also from within the commit and
 * abort of bridge/client/sink_txn.h. */
struct bridge_sink_handler {
    void *arg;
    /* Report on one event; code as for bridge_error_of(), 0: Kafka has the event, at that partition
     * and offset (offset < 0: not told). The event's memory is no longer read. */
    void (*report)(void *arg, uint64_t token, int code, int32_t partition, int64_t offset);
    /* A line from the client. */
    void (*line)(void *arg, bool problem, const char *text);
    /* A condition of the whole client: no broker can be reached, an error of authentication, … */
    void (*trouble)(void *arg, int code, const char *text);
};

/* Makes a producer, a transactional one in exactly_once; doesn't wait for Kafka. bootstrap replaces
 * bootstrap.servers unless it is NULL. handler is copied. Errors: ERR_INVALID (properties; msg says
 * which), ERR_NOMEM */
enum err bridge_sink_open(const struct bridge_options *options, const char *bootstrap,
                          const uint8_t spool_uuid[16], const struct bridge_sink_handler *handler,
                          struct bridge_sink **ret_sink, struct errmsg *msg);

/* Forgets what is in flight without further reports, ends the client's threads. Until it returns,
 * the memory of what was handed over may be read. All its topics must be closed. NULL is fine. */
void bridge_sink_close(struct bridge_sink *sink);

/* Handle for handing over events of one topic; NULL when the client refuses the name: then every
 * event of the topic is refused. */
struct bridge_sink_topic *bridge_sink_topic_open(struct bridge_sink *sink, const char *topic);
void bridge_sink_topic_close(struct bridge_sink_topic *topic); /* NULL is fine */

#define BRIDGE_SINK_FULL (-184) /* the client's queue or memory is full: later */

/* Hands an event over; the event's report will come with this token. Never blocks. The memory of
 * the event's value must stay until the report unless copy is true. Returns 0, or the code of the
 * refusal (no report comes then): BRIDGE_SINK_FULL, or what is wrong with this event or topic. A
 * time of 0 (1970) can't be told to the client: it becomes the time of sending. */
int bridge_sink_produce(struct bridge_sink *sink, struct bridge_sink_topic *topic,
                        const struct spool_event *event, uint64_t token, bool copy);

/* Takes in reports and lines that have arrived; waits for one at most timeout_ms. */
void bridge_sink_poll(struct bridge_sink *sink, int timeout_ms);
void bridge_sink_wake(struct bridge_sink *sink); /* ends a wait in bridge_sink_poll(), or the next
                                                  * one */

/* Is a broker there? Asks the cluster (also where the topic lies, when it isn't NULL); waits at
 * most timeout_ms. */
bool bridge_sink_probe(struct bridge_sink *sink, struct bridge_sink_topic *topic, int timeout_ms);

/* The code of the error that ended this producer for good, with the reason; 0 while it lives. */
int bridge_sink_fatal(struct bridge_sink *sink, char *ret_text, size_t size);

#endif
