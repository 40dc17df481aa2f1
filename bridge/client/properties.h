/* SPDX-License-Identifier: MIT
 * properties.h - from the user's librdkafka properties to the client's configuration. */
#ifndef PENSTOCK_BRIDGE_CLIENT_PROPERTIES_H
#define PENSTOCK_BRIDGE_CLIENT_PROPERTIES_H

#include "base/err.h"
#include "bridge/bridge_options.h"

struct rd_kafka_conf_s; /* rd_kafka_conf_t */

/* Configuration of the client: our defaults, then the user's properties, then what users may not
 * change. bootstrap replaces bootstrap.servers unless it is NULL. transactional_id is for
 * exactly_once, else NULL. Errors: ERR_INVALID (msg names the property and says what is wrong),
 * ERR_NOMEM */
enum err bridge_properties_conf(const struct bridge_options *options, const char *bootstrap,
                                const char *transactional_id, struct rd_kafka_conf_s **ret_conf,
                                struct errmsg *msg);

#endif
