/* SPDX-License-Identifier: MIT
 * deliver.h - a batch to the agent, again and again until it has accepted or refused every
 * event. */
#ifndef PENSTOCK_AGENT_CLIENT_DELIVER_H
#define PENSTOCK_AGENT_CLIENT_DELIVER_H

#include "agent/client/batch.h"
#include "agent/client/http_client.h"

#include <signal.h>

struct agent_delivery {
    struct agent_http_client client;
    char path[512];                           /* of the topic */
    int64_t timeout_ms;                       /* give up when one request waited so long; 0:
                                               * never */
    bool quiet;                               /* say no word about waiting on stderr */
    const volatile sig_atomic_t *interrupted; /* a signal came: only for words said while waiting */
    uint64_t accepted, refused;               /* events */
};

enum agent_delivered {
    AGENT_DELIVERED_ALL,      /* events were accepted, or refused each for itself with a line on
                               * stderr */
    AGENT_DELIVERED_GAVE_UP,  /* the timeout; the reason is on stderr. Some of the events may have
                               * been accepted */
    AGENT_DELIVERED_HOPELESS, /* the agent refuses all requests to this path; the reason is on
                               * stderr */
};

/* Blocks. Leaves out only events that the agent refuses by themselves, found by halving the
 * batch. */
enum agent_delivered agent_deliver(struct agent_delivery *delivery,
                                   const struct agent_batch *batch);

/* Meaning of an answer's status for the events in the request. Pure. */
enum agent_verdict {
    AGENT_VERDICT_ACCEPTED,
    AGENT_VERDICT_LATER,
    AGENT_VERDICT_REFUSED,
    AGENT_VERDICT_HOPELESS
};
enum agent_verdict agent_deliver_verdict(int status);

#endif
