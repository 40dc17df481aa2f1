/* SPDX-License-Identifier: MIT
 * topic_name.c - Kafka's rule for topic names. */
#include "spool/spool_event.h"

#include "spool/format/frame.h"

static bool is_legal(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool spool_topic_name_valid(struct bytes name)
{
    if (name.size == 0 || name.size > SPOOL_TOPIC_SIZE_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!is_legal(name.data[i]))
            return false;
    return !(name.data[0] == '.' && (name.size == 1 || (name.size == 2 && name.data[1] == '.')));
}
