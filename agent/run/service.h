/* SPDX-License-Identifier: MIT
 * service.h - what the agent tells its service manager: that it listens, its status, and that it is
 * alive. One thread.
 *
 * Alive means: the main loop comes round, no lock that the loop needs is held for ever, and the
 * committer makes progress with waiting work. A disk that doesn't answer is no reason to be killed:
 * the agent then refuses events, and is alive. */
#ifndef PENSTOCK_AGENT_RUN_SERVICE_H
#define PENSTOCK_AGENT_RUN_SERVICE_H

#include "agent/pages/state.h"
#include "agent/run/notify.h"

/* The part of the state that matters here. */
struct agent_pulse {
    bool has_spool;
    bool work_waits;  /* events are queued, the spool says that it would take more, and no write
                       * runs */
    uint64_t commits; /* writes that ended, good or bad */
    char status[400]; /* for people: "accepting; 3 pending; Kafka connected" */
};

struct agent_service {
    struct agent_notify notify;
    struct agent_state *state;
    uint64_t commits;    /* count at the last progress */
    int64_t progress_ms; /* time of the last progress, or with no work; monotonic */
    bool withheld;
    char status[400]; /* as last sent */
};

void agent_service_open(struct agent_service *service, struct agent_state *state);
void agent_service_close(struct agent_service *service);

/* Interval for agent_service_tick(), in ms; 0: never, no service manager listens. */
int64_t agent_service_interval_ms(const struct agent_service *service);

void agent_service_ready(struct agent_service *service); /* ingest listens */
/* Sends the status when it changed, and the watchdog's sign of life. */
void agent_service_tick(struct agent_service *service);
void agent_service_reloading(struct agent_service *service); /* until agent_service_ready() */
void agent_service_stopping(struct agent_service *service);

/* The parts of a tick, for tests. agent_service_alive() is false when the committer has been stuck
 * for half the watchdog's time. */
void agent_pulse_take(struct agent_state *state, struct agent_pulse *ret_pulse);
bool agent_service_alive(struct agent_service *service, const struct agent_pulse *pulse,
                         int64_t now_ms);

#endif
