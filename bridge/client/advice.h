/* SPDX-License-Identifier: MIT
 * advice.h - what a person can do about a refusal of Kafka's: the ACL to grant, the setting
 * to change. Tables; pure. */
#ifndef PENSTOCK_BRIDGE_CLIENT_ADVICE_H
#define PENSTOCK_BRIDGE_CLIENT_ADVICE_H

#include <stddef.h>

/* Steps that Kafka may refuse. */
enum bridge_step {
    BRIDGE_STEP_INIT,    /* getting the transactional id */
    BRIDGE_STEP_READ,    /* reading the cursor */
    BRIDGE_STEP_TOPIC,   /* making the cursor topic */
    BRIDGE_STEP_OFFSETS, /* putting the cursor into the transaction */
    BRIDGE_STEP_COMMIT,
    BRIDGE_STEP_ABORT,
};

const char *bridge_step_name(enum bridge_step step); /* "init" */

/* Writes what to do, or "" when people can only wait. code as for bridge_error_of(); group is also
 * the transactional id. Always ends with a NUL. */
void bridge_advice(enum bridge_step step, int code, const char *group, const char *cursor_topic,
                   char *ret_text, size_t size);

/* Advice about a refused connection; `text` is the client's. */
const char *bridge_advice_connection(int code, const char *text);

#endif
