/* SPDX-License-Identifier: MIT
 * loss_text.c - what the text of a loss report says about one event. */
#include "spool/format/loss_report.h"

#include "spool/format/id.h"

#include <stdlib.h>
#include <string.h>

static uint64_t number_behind(const char *text, const char *name, const char *end,
                              const char **ret_after)
{
    const char *at = strstr(text, name);
    *ret_after = NULL;
    if (at == NULL || (end != NULL && at >= end))
        return 0;
    char *after;
    uint64_t number = strtoull(at + strlen(name), &after, 10);
    *ret_after = after;
    return number;
}

/* Is the id in the list of ranges with that name? */
static bool list_names(const char *report, const char *name, uint64_t event_id)
{
    const char *at = strstr(report, name), *end = at == NULL ? NULL : strchr(at, ']');
    while (end != NULL) {
        uint64_t first = number_behind(at, "{\"first\":\"", end, &at);
        if (at == NULL)
            break;
        uint64_t last = number_behind(at, "\"last\":\"", end, &at);
        if (at == NULL)
            break;
        if (event_id >= first && event_id <= last)
            return true;
    }
    return false;
}

enum spool_loss_word spool_loss_text_about(const char *report, uint64_t event_id)
{
    const char *after;
    if (list_names(report, "\"lost\":[", event_id) ||
        list_names(report, "\"uncertain\":[", event_id))
        return SPOOL_LOSS_NAMED;
    if (strstr(report, "\"version\":1,") == NULL ||
        strstr(report, "\"lost_ids_truncated\":true") != NULL)
        return SPOOL_LOSS_CANT_TELL;
    if (strstr(report, "\"events_lost_unnamed\":") != NULL)
        return SPOOL_LOSS_CANT_TELL;
    if (strstr(report, "\"count_known\":false") != NULL &&
        spool_id_index(event_id) >=
            number_behind(report, "\"events_delivered_before\":", NULL, &after))
        return SPOOL_LOSS_NAMED;
    return SPOOL_LOSS_NOT_NAMED;
}
