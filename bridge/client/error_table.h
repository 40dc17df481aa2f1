/* SPDX-License-Identifier: MIT
 * error_table.h - what to do about an error of Kafka's client: one table, one answer per code.
 * Pure. */
#ifndef PENSTOCK_BRIDGE_CLIENT_ERROR_TABLE_H
#define PENSTOCK_BRIDGE_CLIENT_ERROR_TABLE_H

enum bridge_error {
    BRIDGE_ERROR_NONE,     /* no error */
    BRIDGE_ERROR_BACKOFF,  /* the same event may go later: the lane rewinds, waits, tries again, for
                            * ever */
    BRIDGE_ERROR_EVENT,    /* the event can never go as it is: a dead letter, once it has failed
                            * alone */
    BRIDGE_ERROR_PARK,     /* the topic takes nothing now: the same as BACKOFF, but the log names
                            * the class */
    BRIDGE_ERROR_RECREATE, /* the producer is finished: a new one goes on from the cursors */
    BRIDGE_ERROR_OPERATOR, /* only a change of configuration or rights helps; tried again all the
                            * same */
};

/* code is an rd_kafka_resp_err_t; a code that the table lacks is BRIDGE_ERROR_BACKOFF. */
enum bridge_error bridge_error_of(int code);
const char *bridge_error_name(enum bridge_error retry); /* "backoff" */
const char *bridge_error_code_name(int code);           /* "TOPIC_AUTHORIZATION_FAILED", static */
const char *bridge_error_code_text(int code);           /* the client's own words, static */

#endif
