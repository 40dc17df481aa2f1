/* SPDX-License-Identifier: MIT
 * cursor_trust.c - the decision. The order of the questions is the rule. */
#include "bridge/rules/cursor_trust.h"

enum bridge_cursor_trust bridge_cursor_trust_of(const struct bridge_cursor_trust_view *view)
{
    if (view->local_newer)
        return BRIDGE_CURSOR_TRUST_LOCAL;
    if (!view->found || !view->same_cluster)
        return view->local_written ? BRIDGE_CURSOR_TRUST_EXPIRED : BRIDGE_CURSOR_TRUST_LOCAL;
    /* The spool's cursor follows Kafka's, and may be raised further, to the end of segments without
     * any more events. */
    if (view->kafka_id <= view->local_id)
        return view->readable ? BRIDGE_CURSOR_TRUST_KAFKA : BRIDGE_CURSOR_TRUST_LOCAL;
    if (view->readable && (view->segment_ours || view->before_all))
        return BRIDGE_CURSOR_TRUST_KAFKA;
    return BRIDGE_CURSOR_TRUST_NOBODY;
}

const char *bridge_cursor_trust_name(enum bridge_cursor_trust trust)
{
    static const char *const names[] = {"kafka", "local", "expired", "nobody"};
    return names[trust];
}
