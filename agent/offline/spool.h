/* SPDX-License-Identifier: MIT
 * spool.h - the parts of `penstock spool`. Their functions return the exit code and have said on
 * stderr what went wrong. */
#ifndef PENSTOCK_AGENT_OFFLINE_SPOOL_H
#define PENSTOCK_AGENT_OFFLINE_SPOOL_H

#include "base/buf.h"
#include "spool/spool_event.h"

struct agent_spool_options {
    const char *dir;
    const char *topic;       /* NULL: all */
    const char *output;      /* NULL: stdout */
    uint64_t from_id, to_id; /* inclusive */
    int64_t since_ms, until_ms;
    uint64_t count_max;
    bool pending, json;
};

enum { EXIT_UNREADABLE = 3 };

int agent_spool_verify(const struct agent_spool_options *options);
int agent_spool_ls(const struct agent_spool_options *options);
int agent_spool_peek(const struct agent_spool_options *options);
int agent_spool_export(const struct agent_spool_options *options);

/* Appends an event as one line of JSON, without loss. */
void agent_spool_event_json(const struct spool_event *event, struct buf *out);

#endif
