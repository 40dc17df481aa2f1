/* SPDX-License-Identifier: MIT
 * bridge_options.h - the options of the bridge: plain data with units and defaults. */
#ifndef PENSTOCK_BRIDGE_OPTIONS_H
#define PENSTOCK_BRIDGE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bridge_delivery { BRIDGE_AT_LEAST_ONCE, BRIDGE_EXACTLY_ONCE };

/* A librdkafka property as it stands in the config. */
struct bridge_property {
    char *name;
    char *value;
    bool secret; /* never shown */
};

/* Strings belong to the code that filled the struct. */
struct bridge_options {
    enum bridge_delivery delivery;
    bool id_header;            /* a header penstock-id on every record: costs CPU */
    char *cursor_topic;        /* exactly_once: its partition 0 carries the cursor; NULL:
                                * penstock.cursors */
    char *letters_topic;       /* for a copy of each dead letter; NULL: no copies */
    int64_t cursor_refresh_ms; /* exactly_once: an idle bridge commits the cursor again, before it
                                * expires */
    bool mock_kafka;           /* run librdkafka's mock cluster inside, ignore bootstrap.servers */
    struct bridge_property *properties;
    size_t property_count;
    int64_t backoff_ms_min; /* of a lane in trouble */
    int64_t backoff_ms_max;
    uint64_t in_flight_bytes_max; /* handed to librdkafka, not yet reported */
    uint32_t in_flight_events_max;
};

#define BRIDGE_OPTIONS_DEFAULT                                                                     \
    {                                                                                              \
        .delivery = BRIDGE_EXACTLY_ONCE, .cursor_refresh_ms = 24 * 3600 * 1000ll,                  \
        .backoff_ms_min = 250, .backoff_ms_max = 30000, .in_flight_bytes_max = 32ull << 20,        \
        .in_flight_events_max = 200000,                                                            \
    }

/* Exactly once is configured and possible: the mock cluster's transactions are not real. */
static inline bool bridge_options_exactly_once(const struct bridge_options *options)
{
    return options->delivery == BRIDGE_EXACTLY_ONCE && !options->mock_kafka;
}

static inline const char *bridge_options_cursor_topic(const struct bridge_options *options)
{
    return options->cursor_topic != NULL ? options->cursor_topic : "penstock.cursors";
}

/* Reason why users must not set the property; NULL when they may. Setting it would break the
 * delivery guarantee, or the bridge sets it itself. Pure. */
const char *bridge_property_refused(const char *name);

#endif
