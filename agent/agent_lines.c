/* SPDX-License-Identifier: MIT
 * agent_lines.c - kcat's rules for lines. */
#include "agent/agent_lines.h"

bool agent_line_split(struct bytes line, const char *delimiter, bool empty_is_null, struct agent_line *ret_line)
{
    if (line.size == 0)
        return false;
    struct agent_line split = {BYTES_NULL, line};
    size_t size = delimiter == NULL ? 0 : strlen(delimiter);
    const uint8_t *at = size == 0 ? NULL : memmem(line.data, line.size, delimiter, size);
    if (at != NULL) {
        split.key = bytes_of(line.data, (size_t)(at - line.data));
        split.value = bytes_of(at + size, line.size - split.key.size - size);
        if (empty_is_null && split.key.size == 0)
            split.key = BYTES_NULL;
        if (empty_is_null && split.value.size == 0)
            split.value = BYTES_NULL;
    }
    *ret_line = split;
    return true;
}
